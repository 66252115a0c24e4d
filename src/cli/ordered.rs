//! Work on all cores whose results come out in the order of what went in, with bounded memory.

use std::{
    io,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Items under way for each core: enough that a short one behind a long one does not leave a core idle.
const AHEAD: usize = 8;

/// Reads items with `next` until there are none, lets all cores `work` on them, and gives the results to `take` in the
/// items' order, each as soon as it and all before it are there. A panic in `work` gives `None` for that item.
///
/// # Errors
/// The first of `take`; then nothing more is read, and what is under way is left.
pub(super) fn ordered<T: Send, R: Send>(
    mut next: impl FnMut() -> Option<T> + Send,
    work: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(Option<R>) -> io::Result<()>,
) -> io::Result<()> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let (queue, jobs) = sync_channel::<(T, SyncSender<R>)>(workers);
    // The results in the making, in order: its bound is the bound of everything.
    let (order, results) = sync_channel::<Receiver<R>>(workers * AHEAD);
    let jobs = Mutex::new(jobs);
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Some(item) = next() {
                let (reply, result) = sync_channel(1);
                // Either end is gone only when nobody wants results any more.
                if order.send(result).is_err() || queue.send((item, reply)).is_err() {
                    break;
                }
            }
        });
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((item, reply)) = job(&jobs) {
                    if let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(item))) {
                        let _ = reply.send(result);
                    }
                }
            });
        }
        for result in results {
            take(result.recv().ok())?;
        }
        Ok(())
    })
}

fn job<J>(jobs: &Mutex<Receiver<J>>) -> Option<J> {
    // The lock is held while waiting, by one worker at a time; nothing can panic under it.
    jobs.lock().ok()?.recv().ok()
}

#[cfg(test)]
mod tests {
    use std::{thread::sleep, time::Duration};

    use super::*;

    #[test]
    fn results_keep_their_order_and_a_panic_costs_one() {
        let mut numbers = 0..100_u64;
        let mut seen = Vec::new();
        let work = |number: u64| {
            sleep(Duration::from_micros((number * 7919) % 500));
            assert_ne!(number, 50, "the one that panics");
            number
        };
        let take = |result| {
            seen.push(result);
            Ok(())
        };
        ordered(|| numbers.next(), work, take).expect("nothing refuses");
        let expected: Vec<Option<u64>> = (0..100).map(|number| (number != 50).then_some(number)).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn no_more_is_read_ahead_than_can_be_kept() {
        let read = std::sync::atomic::AtomicUsize::new(0);
        let next = || {
            let number = read.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            (number < 100_000).then_some(number)
        };
        let mut taken = 0;
        let result = ordered(
            next,
            |number| number,
            |_| {
                taken += 1;
                if taken == 3 { Err(io::Error::other("enough")) } else { Ok(()) }
            },
        );
        assert!(result.is_err());
        assert!(read.into_inner() < 10_000, "the reader stops when nobody takes");
    }
}
