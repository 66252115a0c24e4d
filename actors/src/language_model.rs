//! What the engine adds to the language model's extractor: counting what it does, and keeping its answers in the
//! database, in their owner's name.

use kgl_language_model::{KeptAnswer, Observer, Outcome, PassageCache, PassageKey, Usage};
use tokio::runtime::Handle;

use crate::{
    domain::ids::{DocumentId, UserId},
    metrics::{
        LANGUAGE_MODEL_CLAIMS_DROPPED, LANGUAGE_MODEL_PASSAGES, LANGUAGE_MODEL_REQUEST_DURATION,
        LANGUAGE_MODEL_REQUESTS, LANGUAGE_MODEL_TOKENS,
    },
    store::Store,
};

/// Counts for the metrics.
pub(crate) struct Counting;

impl Observer for Counting {
    fn request(&self, outcome: Outcome, took: std::time::Duration) {
        metrics::counter!(LANGUAGE_MODEL_REQUESTS, "outcome" => outcome.as_str()).increment(1);
        metrics::histogram!(LANGUAGE_MODEL_REQUEST_DURATION).record(took.as_secs_f64());
    }

    fn tokens(&self, usage: Usage) {
        metrics::counter!(LANGUAGE_MODEL_TOKENS, "direction" => "input").increment(usage.input_tokens);
        metrics::counter!(LANGUAGE_MODEL_TOKENS, "direction" => "output").increment(usage.output_tokens);
    }

    fn passage(&self, cached: bool) {
        let source = if cached { "cache" } else { "endpoint" };
        metrics::counter!(LANGUAGE_MODEL_PASSAGES, "source" => source).increment(1);
    }

    fn dropped(&self, reason: &'static str, claims: usize) {
        metrics::counter!(LANGUAGE_MODEL_CLAIMS_DROPPED, "reason" => reason).increment(claims as u64);
    }
}

/// Answers about one owner's documents. They go away with the document that was read first.
pub(crate) struct StoredAnswers {
    store: Store,
    owner: UserId,
    document: DocumentId,
    /// Reading runs on a blocking thread, from where the runtime can be waited for.
    runtime: Handle,
}

impl StoredAnswers {
    /// To be made on the runtime.
    pub(crate) fn new(store: Store, owner: UserId, document: DocumentId) -> Self {
        Self { store, owner, document, runtime: Handle::current() }
    }
}

impl PassageCache for StoredAnswers {
    fn get(&self, keys: &[PassageKey]) -> Vec<Option<KeptAnswer>> {
        match self.runtime.block_on(self.store.language_model_answers(self.owner, keys)) {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(%error, "kept answers of the language model cannot be read; it is asked again");
                vec![None; keys.len()]
            }
        }
    }

    fn put(&self, key: PassageKey, model: &str, answer: &KeptAnswer) {
        let kept = self.store.keep_language_model_answer(self.owner, self.document, key, model, answer);
        if let Err(error) = self.runtime.block_on(kept) {
            tracing::warn!(%error, "an answer of the language model was not kept");
        }
    }
}
