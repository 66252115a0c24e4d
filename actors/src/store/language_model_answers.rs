//! Answers of a language model, kept so that nothing is paid for twice.

use std::collections::HashMap;

use kgl_language_model::{KeptAnswer, PassageKey, Usage};

use super::{Store, StoreResult};
use crate::domain::ids::{DocumentId, UserId};

impl Store {
    /// The owner's answers to these questions, in their order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn language_model_answers(
        &self,
        owner: UserId,
        keys: &[PassageKey],
    ) -> StoreResult<Vec<Option<KeptAnswer>>> {
        let mut scope = self.owner(owner).await?;
        let rows: Vec<(Vec<u8>, Option<String>, i64, i64)> = sqlx::query_as(
            "SELECT key, answer, input_tokens, output_tokens FROM language_model_answers
             WHERE owner_id = $1 AND key = ANY ($2)",
        )
        .bind(owner)
        .bind(keys.iter().map(|key| key.0.as_slice()).collect::<Vec<_>>())
        .fetch_all(&mut *scope)
        .await?;
        let found: HashMap<Vec<u8>, KeptAnswer> = rows
            .into_iter()
            .map(|(key, content, input, output)| {
                let tokens = |count: i64| u64::try_from(count).unwrap_or(0);
                let usage = Usage { input_tokens: tokens(input), output_tokens: tokens(output) };
                (key, KeptAnswer { content, usage })
            })
            .collect();
        Ok(keys.iter().map(|key| found.get(key.0.as_slice()).cloned()).collect())
    }

    /// Keeps an answer, in place of an older one, for as long as the document is there.
    ///
    /// # Errors
    /// When the database is away, or the document is not there any more.
    pub async fn keep_language_model_answer(
        &self,
        owner: UserId,
        document: DocumentId,
        key: PassageKey,
        model: &str,
        answer: &KeptAnswer,
    ) -> StoreResult<()> {
        let tokens = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut scope = self.owner(owner).await?;
        sqlx::query(
            "INSERT INTO language_model_answers (owner_id, key, document_id, model, answer, input_tokens, output_tokens)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (owner_id, key) DO UPDATE SET document_id = excluded.document_id, answer = excluded.answer,
                 input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, created_at = now()",
        )
        .bind(owner)
        .bind(key.0.as_slice())
        .bind(document)
        .bind(model)
        // No text in PostgreSQL holds a NUL, and no JSON that is kept needs one.
        .bind(answer.content.as_deref().map(|content| content.replace('\0', "")))
        .bind(tokens(answer.usage.input_tokens))
        .bind(tokens(answer.usage.output_tokens))
        .execute(&mut *scope)
        .await?;
        scope.commit().await?;
        Ok(())
    }

    /// Clears away answers that are older than a month: by then a text is mostly read again because something changed.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_language_model_answers(&self) -> StoreResult<u64> {
        let done = sqlx::query("DELETE FROM language_model_answers WHERE created_at < now() - interval '30 days'")
            .execute(self.system())
            .await?;
        Ok(done.rows_affected())
    }
}
