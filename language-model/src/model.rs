//! The extractor: cuts a text, asks about its passages side by side, and puts together what holds.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    time::Duration,
};

use kgl_extraction::{ExtractError, ExtractOptions, Extraction, Extractor, MAX_TEXT_BYTES, Watch};

use crate::{
    answer,
    assemble::assemble,
    cache::{KeptAnswer, MemoryCache, PassageCache, PassageKey},
    claims::{self, Checked, Dropped},
    cost::{Cost, Ledger, estimated_tokens},
    endpoint::{Endpoint, Said},
    gate::Stop,
    listed::Listed,
    observer::{Observer, Outcome},
    passages::{Cutter, Passage},
    prompt::{self, PROMPT_VERSION},
    schema::AnswerSchema,
    settings::Settings,
    trouble::Trouble,
};

/// How often whoever reads is asked whether to go on while the endpoint thinks.
const LOOK: Duration = Duration::from_millis(50);
/// How often a passage is cut in two because the answer to it was cut off.
const MAX_HALVINGS: usize = 3;
/// What a text is given beside the time of its requests.
const SPARE_TIME: Duration = Duration::from_secs(60);
/// No text is given longer.
const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// An extractor that asks a language model. Cheap to clone; all clones share the way to the endpoint.
#[derive(Clone)]
pub struct LanguageModel {
    endpoint: Arc<Endpoint>,
    cache: Arc<dyn PassageCache>,
    version: Arc<str>,
}

/// What reading a text came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was found. The same answers give the same bytes.
    pub extraction: Extraction,
    /// What it took.
    pub cost: Cost,
    /// What whoever submitted the text should know, a line each.
    pub notes: Vec<String>,
}

/// How the endpoint does. Names no address and holds no secret.
#[derive(Clone, Debug)]
pub struct EndpointHealth {
    /// The model that is asked.
    pub model: String,
    /// How the newest request ended, and how long ago; none before the first.
    pub newest: Option<(Outcome, Duration)>,
}

impl LanguageModel {
    /// An extractor that keeps answers for as long as it lives.
    #[must_use]
    pub fn new(settings: Settings, observer: Arc<dyn Observer>) -> Self {
        let version = format!("{PROMPT_VERSION}+{}", settings.model).into();
        Self { endpoint: Arc::new(Endpoint::new(settings, observer)), cache: Arc::new(MemoryCache::default()), version }
    }

    /// The same extractor with answers kept elsewhere.
    #[must_use]
    pub fn with_cache(&self, cache: Arc<dyn PassageCache>) -> Self {
        Self { cache, ..self.clone() }
    }

    /// How the endpoint does.
    #[must_use]
    pub fn health(&self) -> EndpointHealth {
        EndpointHealth {
            model: self.endpoint.settings().model.clone(),
            newest: self.endpoint.newest().map(|newest| (newest.outcome, newest.at.elapsed())),
        }
    }

    /// Reads a text, and tells what that took.
    ///
    /// # Errors
    /// As [`Extractor::extract`].
    pub fn read(&self, text: &str, options: &ExtractOptions, watch: &dyn Watch) -> Result<Report, ExtractError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(ExtractError::TooLong { bytes: text.len(), limit: MAX_TEXT_BYTES });
        }
        let schema = AnswerSchema::of(options);
        // The types are the schema's business. Wishes that make no sense are found out before anything is paid for.
        let wishes =
            ExtractOptions { entity_types: None, relationship_types: None, gazetteer: None, ..options.clone() };
        kgl_extraction::keep_wanted(&wishes, &mut Extraction::default())?;
        let listed = Listed::find(text, options, &schema)?;
        let cutter = Cutter::new(text);
        let settings = self.endpoint.settings();
        let ledger = Ledger::new(settings.prices, settings.budget_per_job, settings.max_tokens_per_job);
        let mut reading = Reading {
            model: self,
            cutter: &cutter,
            schema: Arc::new(schema),
            ledger: Arc::new(ledger),
            stop: Stop::default(),
            answers: Vec::new(),
            pending: VecDeque::new(),
            cached: 0,
        };
        let read = if reading.schema.is_empty() { Ok(()) } else { reading.run(watch) };
        let cost = reading.cost();
        if let Err(error) = read {
            if cost.input_tokens + cost.output_tokens > 0 {
                tracing::info!(?cost, "a text was not read to its end; what was answered is kept");
            }
            return Err(error);
        }
        Ok(self.report(&mut reading, text, &listed, &wishes, cost))
    }

    fn report(
        &self,
        reading: &mut Reading<'_>,
        text: &str,
        listed: &Listed,
        wishes: &ExtractOptions,
        cost: Cost,
    ) -> Report {
        let mut dropped = Dropped::new();
        reading.answers.sort_by_key(|(passage, _)| (passage.sentences.start, passage.sentences.end));
        let cutter = reading.cutter;
        let checked: Vec<Checked> = reading
            .answers
            .iter()
            .filter_map(|(passage, content)| {
                // What is kept was an answer when it came.
                let answer = answer::parse(content).ok()?;
                Some(claims::check(
                    &answer,
                    cutter.text_of(passage),
                    passage.start,
                    &reading.schema,
                    listed,
                    &mut dropped,
                ))
            })
            .collect();
        let mut extraction = assemble(&checked, listed, text, cutter.sentences(), &mut dropped);
        // They make sense; that was checked.
        let _ = kgl_extraction::keep_wanted(wishes, &mut extraction);
        extraction.extractor = self.name().to_owned();
        extraction.version = self.version().to_owned();
        for (reason, claims) in &dropped {
            self.endpoint.observer().dropped(reason, *claims);
        }
        Report { extraction, cost, notes: notes(&dropped) }
    }
}

/// What was dropped, in words.
fn notes(dropped: &Dropped) -> Vec<String> {
    use claims::reason;
    let line = |(reason, claims): (&&'static str, &usize)| {
        let (claims, their) =
            if *claims == 1 { ("1 claim".to_owned(), "its") } else { (format!("{claims} claims"), "their") };
        let why = match *reason {
            reason::NOT_IN_TEXT => format!("{their} quote is not in the text"),
            reason::TYPE => format!("{their} type was not asked for"),
            reason::ENDS => format!("the text does not name both of {their} ends there"),
            reason::SELF => "they lead from an entity to itself".to_owned(),
            _ => format!("{their} name, type or quote is missing"),
        };
        format!("{claims} of the language model dropped: {why}")
    };
    dropped.iter().map(line).collect()
}

impl Extractor for LanguageModel {
    fn name(&self) -> &str {
        "openai"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn extract(&self, text: &str, options: &ExtractOptions, watch: &dyn Watch) -> Result<Extraction, ExtractError> {
        self.read(text, options, watch).map(|report| report.extraction)
    }

    fn time_limit(&self, text: &str) -> Duration {
        // A passage has more characters than this, and half of the rounds may have to be asked again.
        const LEAST_PASSAGE_BYTES: usize = 4000;
        let settings = self.endpoint.settings();
        let rounds = (text.len() / LEAST_PASSAGE_BYTES + 1).div_ceil(settings.concurrency.max(1));
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX).saturating_add(1);
        settings.timeout.saturating_mul(rounds).saturating_mul(2).saturating_add(SPARE_TIME).min(LONGEST)
    }
}

/// A passage that is to be asked about.
struct Task {
    passage: Passage,
    key: PassageKey,
    halvings: usize,
}

/// The state of one reading, on the thread of whoever reads. Requests run on threads of their own, which nobody waits for
/// once the reading is called off: a request cannot be broken off, but what comes of it is not waited for.
struct Reading<'a> {
    model: &'a LanguageModel,
    cutter: &'a Cutter<'a>,
    schema: Arc<AnswerSchema>,
    ledger: Arc<Ledger>,
    stop: Stop,
    answers: Vec<(Passage, String)>,
    pending: VecDeque<Task>,
    cached: u64,
}

type Answered = (Task, Result<Said, Trouble>);

impl Reading<'_> {
    fn run(&mut self, watch: &dyn Watch) -> Result<(), ExtractError> {
        let tasks = self.cutter.passages().into_iter().map(|passage| self.task(passage, 0)).collect();
        self.look_up(tasks);
        self.afford()?;
        let (send, answered) = mpsc::channel::<Answered>();
        let (mut running, mut trouble) = (0, None);
        loop {
            while trouble.is_none() && running < self.model.endpoint.settings().concurrency {
                let Some(task) = self.pending.pop_front() else { break };
                running += 1;
                if let Err(error) = self.start(task, send.clone()) {
                    running -= 1;
                    trouble = Some(Trouble::Failed(format!("no thread for a request: {error}")));
                }
            }
            if self.told(watch).is_break() {
                self.stop.set();
                return Err(ExtractError::Cancelled);
            }
            if running == 0 {
                return trouble.map_or(Ok(()), |trouble| Err(self.error(trouble)));
            }
            let Ok((task, result)) = answered.recv_timeout(LOOK) else { continue };
            running -= 1;
            if let Err(new) = self.take(task, result) {
                // Those that are under way are paid for: their answers are kept for the next try. The first trouble is
                // the reason; the others only stopped because of it.
                self.stop.set();
                trouble.get_or_insert(new);
            }
        }
    }

    fn task(&self, passage: Passage, halvings: usize) -> Task {
        let key = PassageKey::new(self.cutter.text_of(&passage), &self.schema, &self.model.endpoint.settings().model);
        Task { passage, key, halvings }
    }

    /// Takes from the cache what is there; the rest has to be asked about.
    fn look_up(&mut self, mut tasks: Vec<Task>) {
        while !tasks.is_empty() {
            let keys: Vec<PassageKey> = tasks.iter().map(|task| task.key).collect();
            let kept = self.model.cache.get(&keys);
            let mut halves = Vec::new();
            for (task, kept) in tasks.into_iter().zip(kept.into_iter().chain(std::iter::repeat(None))) {
                match kept {
                    Some(KeptAnswer { content: Some(content), .. }) if answer::parse(&content).is_ok() => {
                        self.cached += 1;
                        self.model.endpoint.observer().passage(true);
                        self.answers.push((task.passage, content));
                    }
                    Some(KeptAnswer { content: None, .. }) if task.halvings < MAX_HALVINGS => {
                        match self.cutter.halves(&task.passage) {
                            Some(two) => halves.extend(two.map(|half| self.task(half, task.halvings + 1))),
                            None => self.pending.push_back(task),
                        }
                    }
                    _ => self.pending.push_back(task),
                }
            }
            tasks = halves;
        }
    }

    /// Whether what has to be asked about can be paid for at all, before anything is.
    fn afford(&self) -> Result<(), ExtractError> {
        let instructions = estimated_tokens(&prompt::instructions(&self.schema));
        let tokens: u64 =
            self.pending.iter().map(|task| instructions + estimated_tokens(self.cutter.text_of(&task.passage))).sum();
        let needed = crate::cost::Usage { input_tokens: tokens, output_tokens: 0 };
        let Some(limit) = self.ledger.limit_passed(needed) else { return Ok(()) };
        let price = self.ledger.price_of(needed).map_or_else(String::new, |price| format!(" for {price}"));
        Err(ExtractError::Unreadable(format!(
            "reading it would send about {tokens} tokens{price} in {} passages to the language model, and the budget of a \
             job is {limit}; nothing was spent",
            self.pending.len()
        )))
    }

    fn start(&self, task: Task, send: mpsc::Sender<Answered>) -> std::io::Result<()> {
        let (endpoint, schema, ledger, stop) =
            (Arc::clone(&self.model.endpoint), Arc::clone(&self.schema), Arc::clone(&self.ledger), self.stop.clone());
        let passage = self.cutter.text_of(&task.passage).to_owned();
        let ask = move || {
            let asked = catch_unwind(AssertUnwindSafe(|| endpoint.ask(&passage, &schema, &ledger, &stop)));
            let result = asked.unwrap_or_else(|_| Err(Trouble::Failed("asking the language model crashed".into())));
            // Nobody may wait for it any more.
            let _ = send.send((task, result));
        };
        std::thread::Builder::new().name("kgl-language-model".into()).spawn(ask).map(drop)
    }

    fn take(&mut self, task: Task, result: Result<Said, Trouble>) -> Result<(), Trouble> {
        let model = &self.model.endpoint.settings().model;
        match result {
            Ok(Said { content, usage }) => {
                self.model.cache.put(task.key, model, &KeptAnswer { content: Some(content.clone()), usage });
                self.model.endpoint.observer().passage(false);
                self.answers.push((task.passage, content));
                Ok(())
            }
            Err(Trouble::TooLong) => {
                let halves = self.cutter.halves(&task.passage).filter(|_| task.halvings < MAX_HALVINGS);
                let Some(halves) = halves else { return Err(Trouble::TooLong) };
                self.model.cache.put(task.key, model, &KeptAnswer { content: None, usage: Default::default() });
                let tasks = halves.map(|half| self.task(half, task.halvings + 1)).into();
                self.look_up(tasks);
                Ok(())
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Tells how many sentences are answered for, and whether to go on.
    fn told(&self, watch: &dyn Watch) -> ControlFlow<()> {
        let total = self.cutter.sentences().len();
        // Overlaps count twice.
        let done: usize = self.answers.iter().map(|(passage, _)| passage.sentences.len()).sum();
        watch.sentence(done.min(total), total)
    }

    fn cost(&self) -> Cost {
        let spent = self.ledger.spent();
        Cost {
            input_tokens: spent.input_tokens,
            output_tokens: spent.output_tokens,
            cached_passages: self.cached,
            estimate: self.ledger.price_of(spent).map(crate::cost::Money::to_f64),
        }
    }

    fn error(&self, trouble: Trouble) -> ExtractError {
        match trouble {
            Trouble::Stopped => ExtractError::Cancelled,
            Trouble::Unavailable { reason, retry_after } => {
                ExtractError::Unavailable { reason, retry_after: Some(retry_after) }
            }
            Trouble::Failed(reason) => ExtractError::Failed(reason),
            Trouble::TooLong => ExtractError::Unreadable(
                "the language model cannot finish its answer to a passage, however short".into(),
            ),
            Trouble::Refused(why) => {
                ExtractError::Unreadable(format!("the language model refuses to read a passage: {why}"))
            }
            Trouble::OverBudget(limit) => {
                let spent = self.ledger.spent();
                let price = self.ledger.price_of(spent).map_or_else(String::new, |price| format!(", {price}"));
                ExtractError::Unreadable(format!(
                    "the budget of a job is used up: {limit}; {} tokens{price} were spent before the last passage",
                    spent.total()
                ))
            }
        }
    }
}

impl std::fmt::Debug for LanguageModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LanguageModel").field("version", &self.version).finish_non_exhaustive()
    }
}
