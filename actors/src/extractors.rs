//! Who reads: the extractor that a job asks for, or the service's default.

use std::{sync::Arc, time::Duration};

use kgl_extraction::{ExtractError, ExtractOptions, Extraction, Extractor, Watch};
use kgl_language_model::{EndpointHealth, LanguageModel};

use crate::{
    domain::{error::Error, job::JobCost, verdict::Verdict},
    language_model::{Counting, StoredAnswers},
    start::{EngineSettings, StartError},
    store::{Store, leases::Lease},
};

/// The name under which the language model is asked for.
const LANGUAGE_MODEL: &str = "openai";

/// All extractors of this process. Cheap to clone.
#[derive(Clone)]
pub struct Extractors {
    default: Arc<str>,
    open_relations: bool,
    /// What `default` stands for, unless that is the language model.
    usual: Option<Arc<dyn Extractor>>,
    language_model: Option<LanguageModel>,
}

/// The extractor of one job.
pub(crate) enum Chosen {
    /// One that needs nothing but this process.
    Own(Arc<dyn Extractor>),
    /// The language model, with answers kept for this document.
    LanguageModel(Box<LanguageModel>),
}

/// What reading a text came to, and what its owner should know of that.
pub(crate) struct Read {
    pub(crate) extraction: Extraction,
    pub(crate) notes: Vec<String>,
    pub(crate) cost: Option<JobCost>,
}

impl Extractors {
    /// Loads the default extractor and gets the language model ready, if there is one.
    ///
    /// # Errors
    /// When the default is unknown or not configured.
    pub(crate) fn new(settings: &EngineSettings) -> Result<Self, StartError> {
        let wrong = |issue: String| StartError::Setting { variable: "KGL_EXTRACTOR", issue };
        let language_model = settings.language_model.clone().map(|lm| LanguageModel::new(lm, Arc::new(Counting)));
        let name = settings.extractor.as_str();
        let usual = match name {
            LANGUAGE_MODEL if language_model.is_none() => {
                return Err(wrong("openai needs KGL_OPENAI_BASE_URL and KGL_OPENAI_MODEL".into()));
            }
            LANGUAGE_MODEL => None,
            _ => Some(
                kgl_extraction::by_name(name)
                    .ok_or_else(|| wrong(format!("there is no extractor of the name {name:?}")))?,
            ),
        };
        Ok(Self { default: name.into(), open_relations: settings.open_relations, usual, language_model })
    }

    /// Only the one that finds nothing.
    #[cfg(test)]
    pub(crate) fn noop() -> Self {
        Self {
            default: "noop".into(),
            open_relations: false,
            usual: Some(kgl_extraction::noop()),
            language_model: None,
        }
    }

    /// The name of the one that reads when a job names nobody.
    pub(crate) fn default_name(&self) -> &str {
        &self.default
    }

    /// What is wanted of an extractor that needs nothing but this process, with the service's own wish where none is
    /// told. A language model costs by what it is asked: it is asked for open relations only by those who want them.
    pub(crate) fn complete(&self, mut options: ExtractOptions) -> ExtractOptions {
        options.open_relations.get_or_insert(self.open_relations);
        options
    }

    /// How the language model's endpoint does, if there is one.
    pub(crate) fn endpoint_health(&self) -> Option<EndpointHealth> {
        self.language_model.as_ref().map(LanguageModel::health)
    }

    /// Whether a submission may name this extractor.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the language model where none is configured.
    pub(crate) fn check(&self, wanted: Option<&str>) -> Result<(), Error> {
        if wanted == Some(LANGUAGE_MODEL) && self.language_model.is_none() {
            return Err(Error::invalid("extraction.extractor", "openai is not configured on this server"));
        }
        Ok(())
    }

    /// The extractor of that name, or the default, if it needs nothing but this process.
    pub(crate) fn own(&self, name: Option<&str>) -> Option<Arc<dyn Extractor>> {
        match name.filter(|name| *name != &*self.default) {
            None => self.usual.clone(),
            Some(name) => kgl_extraction::by_name(name),
        }
    }

    /// The extractor for a job; the error says why there is none.
    pub(crate) fn choose(&self, lease: &Lease, store: &Store) -> Result<Chosen, String> {
        let name = lease.options.extractor.as_deref().unwrap_or(&self.default);
        if name == LANGUAGE_MODEL {
            let model = self.language_model.as_ref();
            let model = model.ok_or_else(|| "the extractor openai is not configured here".to_owned())?;
            let answers = StoredAnswers::new(store.clone(), lease.owner_id, lease.document_id);
            return Ok(Chosen::LanguageModel(Box::new(model.with_cache(Arc::new(answers)))));
        }
        if let Some(usual) = self.usual.as_ref().filter(|_| name == &*self.default) {
            return Ok(Chosen::Own(Arc::clone(usual)));
        }
        kgl_extraction::by_name(name)
            .map(Chosen::Own)
            .ok_or_else(|| format!("there is no extractor of the name {name:?}"))
    }
}

impl Chosen {
    /// Reads a text. Blocks, for as long as another service takes where one is asked.
    pub(crate) fn read(&self, text: &str, options: &ExtractOptions, watch: &dyn Watch) -> Result<Read, ExtractError> {
        match self {
            Chosen::Own(extractor) => {
                let extraction = extractor.extract(text, options, watch)?;
                Ok(Read { extraction, notes: Vec::new(), cost: None })
            }
            Chosen::LanguageModel(model) => {
                let report = model.read(text, options, watch)?;
                let cost = JobCost {
                    input_tokens: report.cost.input_tokens,
                    output_tokens: report.cost.output_tokens,
                    cached_passages: report.cost.cached_passages,
                    estimate: report.cost.estimate,
                };
                Ok(Read { extraction: report.extraction, notes: report.notes, cost: Some(cost) })
            }
        }
    }

    /// The longest that reading this text may take.
    pub(crate) fn time_limit(&self, text: &str) -> Duration {
        match self {
            Chosen::Own(extractor) => extractor.time_limit(text),
            Chosen::LanguageModel(model) => model.time_limit(text),
        }
    }

    /// The verdict on a text for which the time limit was not enough. What another service takes long for is not the
    /// text's fault, and what it answered so far is kept.
    pub(crate) fn too_slow(&self, limit: Duration) -> Verdict {
        let seconds = limit.as_secs();
        match self {
            Chosen::Own(_) => Verdict::Reject(format!("reading it took longer than {seconds} s")),
            Chosen::LanguageModel(_) => {
                Verdict::Retry(format!("the language model took longer than {seconds} s for all of it"))
            }
        }
    }
}
