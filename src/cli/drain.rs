//! Stop signals: the first asks for an orderly end, the second for an end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell reports for a process that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// SIGTERM and SIGINT.
pub(super) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    /// Takes both signals over from the system's default, which is to die at once.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Resolves at the next of them.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// From now on, one more signal ends the process at once. What it was doing is safe: the database recovers, and
/// unfinished jobs come back to the queue.
pub(super) fn exit_at_next_signal(mut stop: StopSignal) {
    tokio::spawn(async move {
        stop.received().await;
        tracing::warn!("stopped by a second signal, without waiting");
        std::process::exit(INTERRUPTED);
    });
}
