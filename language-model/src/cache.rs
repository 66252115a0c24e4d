//! Answers that were paid for once.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::{cost::Usage, prompt::PROMPT_VERSION, schema::AnswerSchema};

/// What an answer is the answer to: a passage, the types that were asked for, the model and the words of the question.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PassageKey(pub [u8; 32]);

impl fmt::Debug for PassageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl PassageKey {
    pub(crate) fn new(passage: &str, schema: &AnswerSchema, model: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(schema.hash());
        // Each part's length goes before it, so that no two questions run together to the same bytes.
        for part in [PROMPT_VERSION, model, passage] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// What is kept of a passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The model's words; none where it could not finish them, and the passage's halves were asked about instead.
    pub content: Option<String>,
    /// What they took.
    pub usage: Usage,
}

/// Where answers are kept. What cannot be read or kept is asked for again: implementations log and go on.
///
/// Called on the thread that reads the text, and never on one that waits for the endpoint.
pub trait PassageCache: Send + Sync {
    /// The answers to these questions, in their order.
    fn get(&self, keys: &[PassageKey]) -> Vec<Option<KeptAnswer>>;

    /// Keeps an answer of this model.
    fn put(&self, key: PassageKey, model: &str, answer: &KeptAnswer);
}

/// Keeps answers for as long as the process lives, the newest ones up to a number of bytes.
#[derive(Debug)]
pub struct MemoryCache {
    most_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<PassageKey, KeptAnswer>,
    /// The oldest first.
    order: VecDeque<PassageKey>,
    bytes: usize,
}

/// About what an answer takes beside its words.
const ENTRY_BYTES: usize = 128;

impl Default for MemoryCache {
    /// 64 MiB.
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

impl MemoryCache {
    /// An empty one that keeps at most so many bytes.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, kept: Mutex::default() }
    }
}

fn size(answer: &KeptAnswer) -> usize {
    ENTRY_BYTES + answer.content.as_ref().map_or(0, String::len)
}

impl PassageCache for MemoryCache {
    fn get(&self, keys: &[PassageKey]) -> Vec<Option<KeptAnswer>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|key| kept.answers.get(key).cloned()).collect()
    }

    fn put(&self, key: PassageKey, _model: &str, answer: &KeptAnswer) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += size(answer);
        match kept.answers.insert(key, answer.clone()) {
            Some(before) => kept.bytes -= size(&before),
            None => kept.order.push_back(key),
        }
        while kept.bytes > self.most_bytes
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.bytes -= kept.answers.remove(&oldest).as_ref().map_or(0, size);
        }
    }
}

#[cfg(test)]
mod tests {
    use kgl_extraction::ExtractOptions;

    use super::*;

    fn answer(words: &str) -> KeptAnswer {
        KeptAnswer { content: Some(words.to_owned()), usage: Usage::default() }
    }

    #[test]
    fn a_key_changes_with_passage_schema_and_model() {
        let schema = AnswerSchema::of(&ExtractOptions::default());
        let other =
            AnswerSchema::of(&ExtractOptions { entity_types: Some(vec!["person".into()]), ..Default::default() });
        let key = PassageKey::new("text", &schema, "m");
        assert_eq!(key, PassageKey::new("text", &schema, "m"));
        for different in [
            PassageKey::new("text.", &schema, "m"),
            PassageKey::new("text", &other, "m"),
            PassageKey::new("text", &schema, "n"),
            PassageKey::new("", &schema, "mtext"),
        ] {
            assert_ne!(key, different);
        }
    }

    #[test]
    fn the_oldest_answers_go_when_there_is_no_room() {
        let cache = MemoryCache::new(3 * (ENTRY_BYTES + 10));
        let keys: Vec<PassageKey> = (0..4).map(|n| PassageKey([n; 32])).collect();
        for key in &keys {
            cache.put(*key, "m", &answer("0123456789"));
            cache.put(*key, "m", &answer("0123456789"));
        }
        let kept = cache.get(&keys);
        assert_eq!(kept.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true, true]);
        cache.put(keys[0], "m", &answer(&"x".repeat(10_000)));
        assert!(cache.get(&keys).iter().all(Option::is_none), "what is larger than all the room is not kept");
    }
}
