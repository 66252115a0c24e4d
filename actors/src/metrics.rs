//! Every metric's name, unit and meaning, in one place. `docs/metrics.md` is checked against this table by a test.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A metric's name, kind, labels and meaning.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name that Prometheus sees.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The labels that it carries.
    pub labels: &'static [&'static str],
    /// What it counts or measures, with its unit.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)+) => {
        $(#[doc = $help] pub const $constant: &str = $name;)+

        /// All metrics.
        pub const ALL: &[Metric] = &[
            $(Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help },)+
        ];
    };
}

metrics! {
    HTTP_REQUESTS = "kgl_http_requests_total", Counter, ["method", "route", "status"], "Answered HTTP requests.";
    HTTP_DURATION = "kgl_http_request_duration_seconds", Histogram, ["method", "route"], "From a request's head to its answer's head, in seconds.";
    HTTP_IN_FLIGHT = "kgl_http_requests_in_flight", Gauge, [], "HTTP requests being answered now.";
    HTTP_PANICS = "kgl_http_panics_total", Counter, [], "Handlers that panicked; each was answered 500.";
    JOBS_SUBMITTED = "kgl_jobs_submitted_total", Counter, [], "Jobs committed.";
    JOBS_FINISHED = "kgl_jobs_finished_total", Counter, ["status"], "Jobs that reached a final status.";
    JOBS_REPLAYED = "kgl_jobs_replayed_total", Counter, [], "Dead jobs that an operator put back into the queue.";
    JOB_ATTEMPTS = "kgl_job_attempts_total", Counter, ["outcome"], "Tries at jobs, by how they ended: done, reject, retry, postpone, unavailable, release, gone.";
    JOB_DURATION = "kgl_job_duration_seconds", Histogram, [], "From submission to completion, in seconds.";
    JOB_LEASES_LOST = "kgl_job_leases_lost_total", Counter, [], "Leases that ran out because their holder went away.";
    EXTRACTION_DURATION = "kgl_extraction_duration_seconds", Histogram, [], "Extraction of one document, in seconds.";
    EXTRACTION_RUNNING = "kgl_extractions_running", Gauge, [], "Extractions running now.";
    LANGUAGE_MODEL_REQUESTS = "kgl_language_model_requests_total", Counter, ["outcome"], "Requests to the language model, by how they ended: answered, cut_off, refused, unusable, rejected, denied, busy, server_error, timed_out, disconnected.";
    LANGUAGE_MODEL_REQUEST_DURATION = "kgl_language_model_request_duration_seconds", Histogram, [], "One request to the language model, from connecting to the end of its answer, in seconds.";
    LANGUAGE_MODEL_TOKENS = "kgl_language_model_tokens_total", Counter, ["direction"], "Tokens that the language model counted, input and output.";
    LANGUAGE_MODEL_PASSAGES = "kgl_language_model_passages_total", Counter, ["source"], "Passages read by the language model, by where the answer came from: endpoint, cache.";
    LANGUAGE_MODEL_CLAIMS_DROPPED = "kgl_language_model_claims_dropped_total", Counter, ["reason"], "Claims of the language model that were dropped: not_in_text, type, ends, self, malformed.";
    GRAPH_WRITE_DURATION = "kgl_graph_write_duration_seconds", Histogram, [], "One transaction of the graph writer, in seconds.";
    GRAPH_WRITE_DOCUMENTS = "kgl_graph_write_documents", Histogram, [], "Documents that one transaction of the graph writer took.";
    QUEUE_DEPTH = "kgl_queue_depth", Gauge, ["status"], "Jobs pending and processing.";
    QUEUE_OLDEST_AGE = "kgl_queue_oldest_age_seconds", Gauge, [], "Age of the oldest job that is ready and waits, in seconds.";
    BROKER_MESSAGES = "kgl_broker_messages_total", Counter, ["outcome"], "Messages about ready jobs that were sent to the broker, by how that ended: confirmed, refused, failed.";
    BROKER_SENT_AGAIN = "kgl_broker_messages_sent_again_total", Counter, [], "Messages that nobody took in time and that were sent once more.";
    SCHEDULER_LEADER = "kgl_scheduler_leader", Gauge, [], "1 while this process does the recurring work, else 0.";
    SCHEDULER_RUNS = "kgl_scheduler_runs_total", Counter, ["task", "outcome"], "Runs of recurring work, by how they ended: done, failed, timed_out, stopped.";
    ADMISSION_REFUSED = "kgl_admission_refused_total", Counter, [], "Submissions refused because too many were being taken in.";
    ACTOR_RESTARTS = "kgl_actor_restarts_total", Counter, ["actor"], "Restarts of supervised actors.";
    ACTOR_MAILBOX = "kgl_actor_mailbox_depth", Gauge, ["actor"], "Messages that wait in an actor's mailbox.";
    ACCESS_LOG_DROPPED = "kgl_access_log_dropped_total", Counter, [], "Access records dropped because the log could not keep up.";
    POOL_CONNECTIONS = "kgl_database_pool_connections", Gauge, ["pool", "state"], "Database connections, in use and idle.";
    POOL_WAIT = "kgl_database_pool_wait_seconds", Histogram, [], "How long a probe waited for a database connection, in seconds.";
    DATABASE_ERRORS = "kgl_database_errors_total", Counter, ["sqlstate"], "Failed database statements, by SQLSTATE.";
    PASSWORD_HASHES = "kgl_password_hash_duration_seconds", Histogram, [], "Waiting for and computing one argon2id hash, in seconds.";
}

/// Tells the installed recorder what each metric means. Call it once, after the recorder is installed.
pub fn describe() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}
