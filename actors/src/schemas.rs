//! The options in force for a job: what its request says, over the version of its owner's schema that it was submitted
//! under. Schemas are read once and kept, with the automaton over their names.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    domain::{
        document::JobOptions,
        error::{Error, Result},
        ids::UserId,
        schema::{Precondition, StoredSchema},
    },
    extractors::Extractors,
    store::{Store, StoreResult},
};

/// Characters of names whose automata are kept in memory: some tens of megabytes.
const KEPT_CHARS: usize = 2_000_000;
/// Schemas that are kept, however small.
const KEPT_SCHEMAS: usize = 1_000;

/// Users' schemas. Cheap to clone.
#[derive(Clone)]
pub struct Schemas {
    store: Store,
    extractors: Extractors,
    /// The newest last.
    kept: Arc<Mutex<VecDeque<Kept>>>,
}

struct Kept {
    owner: UserId,
    version: i32,
    options: Arc<JobOptions>,
}

impl Kept {
    fn size(&self) -> usize {
        self.options.extract.gazetteer.as_ref().map_or(0, kgl_extraction::Gazetteer::size)
    }
}

impl Schemas {
    pub(crate) fn new(store: Store, extractors: Extractors) -> Self {
        Self { store, extractors, kept: Arc::default() }
    }

    /// The user's schema.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn get(&self, owner: UserId) -> Result<StoredSchema> {
        Ok(self.store.extraction_schema(owner).await?)
    }

    /// Puts a schema in place of the user's, or takes it away. It holds for what is submitted from now on.
    ///
    /// # Errors
    /// [`Error::Stale`] when it is not what the caller took it for, [`Error::Invalid`] for an extractor that is not
    /// configured.
    pub async fn change(
        &self,
        owner: UserId,
        options: Option<&JobOptions>,
        precondition: &Precondition,
    ) -> Result<StoredSchema> {
        let extractor = options.and_then(|options| options.extractor.as_deref());
        self.extractors
            .check(extractor)
            .map_err(|_| Error::invalid("extractor", "is not configured on this server"))?;
        let changed = self.store.change_extraction_schema(owner, options, precondition).await?;
        changed.ok_or(Error::Stale("extraction schema"))
    }

    /// What a request asks for, over the user's schema as it is now.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn in_force_now(&self, owner: UserId, request: JobOptions) -> Result<JobOptions> {
        let version = self.store.extraction_schema_version(owner).await?;
        Ok(self.in_force(owner, request, version).await?.unwrap_or_default())
    }

    /// What a job asks for, over the schema that it was submitted under; none if that is not there any more.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn in_force(
        &self,
        owner: UserId,
        request: JobOptions,
        version: Option<i32>,
    ) -> StoreResult<Option<JobOptions>> {
        let Some(version) = version else { return Ok(Some(request)) };
        if let Some(kept) = self.kept(owner, version) {
            return Ok(Some(request.over(&kept)));
        }
        let Some(options) = self.store.extraction_schema_at(owner, version).await? else { return Ok(None) };
        let options = Arc::new(options);
        self.keep(Kept { owner, version, options: Arc::clone(&options) });
        Ok(Some(request.over(&options)))
    }

    fn kept(&self, owner: UserId, version: i32) -> Option<Arc<JobOptions>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|k| k.owner == owner && k.version == version)?;
        let found = kept.remove(at)?;
        let options = Arc::clone(&found.options);
        kept.push_back(found);
        Some(options)
    }

    fn keep(&self, new: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // An older version of the same user's is hardly asked for again.
        kept.retain(|k| k.owner != new.owner);
        kept.push_back(new);
        let mut size: usize = kept.iter().map(Kept::size).sum();
        while kept.len() > 1 && (size > KEPT_CHARS || kept.len() > KEPT_SCHEMAS) {
            size -= kept.pop_front().map_or(0, |k| k.size());
        }
    }
}
