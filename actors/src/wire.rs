//! What messages to and from the broker say: versioned JSON. docs/messages.md describes them for others.

use serde::{Deserialize, Serialize};

use crate::domain::ids::JobId;

/// The version of the payloads that this process writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// A job is ready to be leased. The message is only a nudge: what the job is stands in the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobReady {
    /// [`VERSION`].
    pub version: u32,
    /// Always `JobReady`.
    #[serde(rename = "type")]
    pub kind: JobReadyKind,
    /// The job.
    pub job_id: JobId,
}

/// The name of [`JobReady`] in its own payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobReadyKind {
    /// The only one.
    #[default]
    JobReady,
}

impl JobReady {
    /// The message about a job.
    #[must_use]
    pub fn new(job_id: JobId) -> Self {
        Self { version: VERSION, kind: JobReadyKind::JobReady, job_id }
    }

    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Nothing in it can fail to become JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From bytes; the error says what is wrong with them, without repeating them.
    ///
    /// # Errors
    /// When they are no such message, or one of another version.
    pub fn decode(payload: &[u8]) -> Result<Self, String> {
        let message: Self = serde_json::from_slice(payload).map_err(|error| format!("not a JobReady: {error}"))?;
        match message.version {
            VERSION => Ok(message),
            other => Err(format!("version {other} of JobReady is not known; this is version {VERSION}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_went() {
        let message = JobReady::new(JobId::new());
        assert_eq!(JobReady::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn what_is_no_message_says_why() {
        let id = JobId::new().0;
        let cases = [
            ("", "not a JobReady"),
            ("{}", "missing field"),
            ("\u{0}", "not a JobReady"),
            (&format!(r#"{{"version":2,"type":"JobReady","job_id":"{id}"}}"#), "version 2"),
            (&format!(r#"{{"version":1,"type":"Other","job_id":"{id}"}}"#), "unknown variant"),
            (&format!(r#"{{"version":1,"type":"JobReady","job_id":"{id}","x":1}}"#), "unknown field"),
            (r#"{"version":1,"type":"JobReady","job_id":"7"}"#, "UUID"),
        ];
        for (payload, issue) in cases {
            let error = JobReady::decode(payload.as_bytes()).expect_err(payload);
            assert!(error.contains(issue), "{payload}: {error}");
        }
    }
}
