//! The extractor against a real server that speaks the protocol, and against everything that goes wrong with one.

mod endpoint;

use std::{
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use endpoint::{Act, Endpoint, KEY, MODEL};
use kgl_extraction::{ExtractError, ExtractOptions, Extraction, Extractor, Unwatched, Watch};
use kgl_language_model::{
    ApiKey, BaseUrl, LanguageModel, MemoryCache, Money, Observer, Outcome, Prices, Settings, Unobserved,
};
use serde_json::{Value, json};

const TEXT: &str = "Ada Lovelace works for Acme Corp. Nothing happened then. Grace Hopper works for the Navy.";

fn settings(endpoint: &Endpoint) -> Settings {
    let base = BaseUrl::parse(&endpoint.url).expect("an address");
    Settings { max_retries: 2, timeout: Duration::from_secs(5), ..Settings::new(base, MODEL) }
}

fn model(settings: Settings) -> LanguageModel {
    LanguageModel::new(settings, Arc::new(Unobserved))
}

fn read(model: &LanguageModel, text: &str) -> Result<Extraction, ExtractError> {
    model.extract(text, &ExtractOptions::default(), &Unwatched)
}

fn error(endpoint: &Endpoint) -> String {
    read(&model(settings(endpoint)), TEXT).expect_err("an error").to_string()
}

fn facts(found: &Extraction) -> Vec<(String, String, String)> {
    let name = |at: usize| found.entities[at].name.clone();
    found.relations.iter().map(|r| (name(r.head), r.relation_type.clone(), name(r.tail))).collect()
}

/// A text with so many facts.
fn long_text(facts: usize) -> String {
    (0..facts)
        .map(|n| format!("Person Number{n} works for Company{n} Limited. It was a day like any other day. "))
        .collect()
}

fn status(code: u16, headers: &[(&'static str, &str)], body: &Value) -> Act {
    Act::Status(code, headers.iter().map(|(n, v)| (*n, (*v).to_owned())).collect(), body.to_string())
}

#[test]
fn a_document_becomes_a_graph_with_evidence_and_what_it_took() {
    let endpoint = Endpoint::start([]).with_key();
    let model = model(Settings {
        api_key: Some(ApiKey::new(KEY).expect("a key")),
        prices: Prices::parse("1", "2"),
        ..settings(&endpoint)
    });
    let report = model.read(TEXT, &ExtractOptions::default(), &Unwatched).expect("it reads");
    let found = &report.extraction;
    let works = |a: &str, b: &str| (a.to_owned(), "works_for".to_owned(), b.to_owned());
    assert_eq!(facts(found), [works("Ada Lovelace", "Acme Corp"), works("Grace Hopper", "the Navy")]);
    let evidence = found.relations[1].evidence;
    assert_eq!(&TEXT[evidence.start..evidence.end], "Grace Hopper works for the Navy.");
    assert_eq!((found.extractor.as_str(), found.version.as_str()), ("openai", "1+reader-1"));
    assert!(report.notes.is_empty() && report.cost.input_tokens > 100 && report.cost.output_tokens > 0);
    let price = (report.cost.input_tokens + 2 * report.cost.output_tokens) as f64 / 1e6;
    assert!((report.cost.estimate.expect("prices are known") - price).abs() < 1e-9);
    let [request] = endpoint.seen().try_into().expect("one request");
    assert_eq!(request.passage, TEXT);
    assert_eq!((&request.body["temperature"], &request.body["seed"]), (&json!(0), &json!(7)));
    assert_eq!(model.health().newest.map(|(outcome, _)| outcome), Some(Outcome::Answered));
}

#[test]
fn the_callers_types_are_asked_for_and_others_dropped() {
    let said = json!({
        "entities": [{ "name": "Ada Lovelace", "type": "person" }, { "name": "Acme Corp", "type": "organization" }],
        "relationships": [{ "head": "Ada Lovelace", "type": "works_for", "tail": "Acme Corp",
                            "quote": "Ada Lovelace works for Acme Corp." }]
    });
    let endpoint = Endpoint::start([Act::Say(said.to_string())]);
    let options = ExtractOptions {
        entity_types: Some(vec!["person".into()]),
        relationship_types: Some(vec!["admires".into()]),
        ..ExtractOptions::default()
    };
    let report = model(settings(&endpoint)).read(TEXT, &options, &Unwatched).expect("it reads");
    let schema = endpoint.seen()[0].body["response_format"]["json_schema"]["schema"]["properties"].clone();
    assert_eq!(schema["entities"]["items"]["properties"]["type"]["enum"], json!(["person"]));
    assert_eq!(schema["relationships"]["items"]["properties"]["type"]["enum"], json!(["admires"]));
    assert_eq!(report.extraction.entities.len(), 1);
    assert!(report.extraction.relations.is_empty());
    assert_eq!(report.notes, ["2 claims of the language model dropped: their type was not asked for"]);
}

#[test]
fn the_callers_own_words_names_and_thresholds_hold_for_a_language_model_too() {
    let said = json!({
        "entities": [{ "name": "Ada Lovelace", "type": "person", "confidence": 0.9 },
                     { "name": "Acme Corp", "type": "company", "confidence": 0.9 },
                     { "name": "Grace Hopper", "type": "person", "confidence": 0.6 }],
        "relationships": [{ "head": "Ada Lovelace", "type": "employed_by", "tail": "Acme Corp", "confidence": 0.8,
                            "quote": "Ada Lovelace works for Acme Corp." }]
    });
    let endpoint = Endpoint::start([Act::Say(said.to_string())]);
    let options: ExtractOptions = serde_json::from_value(json!({
        "entity_types": ["person", "company", "navy"], "thresholds": { "entity_types": { "person": 0.7 } },
        "synonyms": { "entity_types": { "organization": "company" }, "relationship_types": { "works_for": "employed_by" } },
        "gazetteer": [{ "name": "U.S. Navy", "type": "navy", "id": "n", "aliases": ["the Navy"] }],
    }))
    .expect("options");
    let found = model(settings(&endpoint)).extract(TEXT, &options, &Unwatched).expect("it reads");
    let schema = endpoint.seen()[0].body["response_format"]["json_schema"]["schema"]["properties"].clone();
    assert_eq!(schema["entities"]["items"]["properties"]["type"]["enum"], json!(["person", "company", "navy"]));
    let entities: Vec<_> = found.entities.iter().map(|e| (e.name.as_str(), e.entity_type.as_str())).collect();
    assert_eq!(entities, [("Ada Lovelace", "person"), ("Acme Corp", "company"), ("U.S. Navy", "navy")]);
    assert_eq!(found.entities[2].metadata["gazetteer_id"], json!("n"));
    assert_eq!(found.relations[0].relation_type, "employed_by");
}

#[test]
fn claims_that_the_text_does_not_bear_out_are_dropped_and_counted() {
    let said = json!({
        "entities": [{ "name": "Ada Lovelace", "type": "person" }, { "name": "Acme Corp", "type": "organization" },
                     { "name": "Charles Babbage", "type": "person" }],
        "relationships": [
            { "head": "Ada Lovelace", "type": "works_for", "tail": "Acme Corp", "quote": "ada lovelace  works for Acme Corp" },
            { "head": "Ada Lovelace", "type": "leads", "tail": "Acme Corp", "quote": "Ada Lovelace leads Acme Corp." },
        ]
    });
    let endpoint = Endpoint::start([Act::Say(format!("```json\n{said}\n```"))]);
    #[derive(Default)]
    struct Counts(Mutex<Vec<(&'static str, usize)>>);
    impl Observer for Counts {
        fn dropped(&self, reason: &'static str, claims: usize) {
            self.0.lock().expect("no panic").push((reason, claims));
        }
    }
    let counts = Arc::new(Counts::default());
    let model = LanguageModel::new(settings(&endpoint), counts.clone());
    let report = model.read(TEXT, &ExtractOptions::default(), &Unwatched).expect("it reads");
    assert_eq!(facts(&report.extraction).len(), 1);
    assert_eq!(report.notes, ["2 claims of the language model dropped: their quote is not in the text"]);
    assert_eq!(*counts.0.lock().expect("no panic"), [("not_in_text", 2)]);
}

#[test]
fn long_texts_are_read_side_by_side_and_come_out_the_same_however_many_at_once() {
    let text = long_text(400);
    let results: Vec<Extraction> = [1, 3]
        .map(|concurrency| {
            let endpoint = Endpoint::start([]);
            endpoint.always(Act::Late(Duration::from_millis(30)));
            let found = read(&model(Settings { concurrency, ..settings(&endpoint) }), &text).expect("it reads");
            assert_eq!(endpoint.most_at_once(), concurrency);
            assert!(endpoint.seen().len() >= 4, "{}", endpoint.seen().len());
            found
        })
        .into();
    assert_eq!(results[0], results[1]);
    assert_eq!((results[0].relations.len(), results[0].entities.len()), (400, 800));
    let bytes = |found: &Extraction| serde_json::to_vec(found).expect("JSON");
    assert_eq!(bytes(&results[0]), bytes(&results[1]));
}

#[test]
fn texts_share_the_limit_of_requests() {
    let endpoint = Endpoint::start([]);
    endpoint.always(Act::Late(Duration::from_millis(40)));
    let model = model(Settings { concurrency: 2, ..settings(&endpoint) });
    std::thread::scope(|scope| {
        for n in 0..4 {
            let model = &model;
            scope.spawn(move || read(model, &format!("{TEXT} {n}")).expect("it reads"));
        }
    });
    assert_eq!((endpoint.most_at_once(), endpoint.seen().len()), (2, 4));
}

#[test]
fn nothing_is_paid_for_twice() {
    let endpoint = Endpoint::start([]);
    let model = model(settings(&endpoint)).with_cache(Arc::new(MemoryCache::default()));
    let first = model.read(TEXT, &ExtractOptions::default(), &Unwatched).expect("it reads");
    let again = model.read(TEXT, &ExtractOptions::default(), &Unwatched).expect("it reads");
    assert_eq!(first.extraction, again.extraction);
    assert_eq!((again.cost.cached_passages, again.cost.input_tokens, endpoint.seen().len()), (1, 0, 1));
    let people = ExtractOptions { entity_types: Some(vec!["person".into()]), ..ExtractOptions::default() };
    model.read(TEXT, &people, &Unwatched).expect("it reads");
    assert_eq!(endpoint.seen().len(), 2, "other types are another question");
    let nothing = ExtractOptions { entity_types: Some(Vec::new()), ..ExtractOptions::default() };
    assert!(model.extract(TEXT, &nothing, &Unwatched).expect("nothing").entities.is_empty());
    assert!(matches!(
        model.extract(TEXT, &ExtractOptions { confidence_threshold: Some(7.0), ..people }, &Unwatched),
        Err(ExtractError::Threshold(_))
    ));
    assert_eq!(endpoint.seen().len(), 2, "no question at all");
}

#[test]
fn what_a_failed_try_paid_for_the_next_one_has() {
    let text = long_text(400);
    let endpoint = Endpoint::start([Act::Read, Act::Read]);
    endpoint.then(status(400, &[], &json!({ "error": "I do not like it" })));
    let model = model(Settings { concurrency: 1, ..settings(&endpoint) });
    assert!(matches!(read(&model, &text), Err(ExtractError::Failed(reason)) if reason.contains("I do not like it")));
    assert_eq!(endpoint.seen().len(), 3);
    endpoint.always(Act::Read);
    let report = model.read(&text, &ExtractOptions::default(), &Unwatched).expect("it reads");
    assert_eq!(report.cost.cached_passages, 2);
    assert_eq!(report.extraction.relations.len(), 400);
}

#[test]
fn a_busy_endpoint_is_left_alone_for_as_long_as_it_asks() {
    let busy = status(429, &[("retry-after", "1")], &json!({ "error": { "message": "Rate limit reached" } }));
    let endpoint = Endpoint::start([busy]);
    assert_eq!(facts(&read(&model(settings(&endpoint)), TEXT).expect("it reads")).len(), 2);
    let seen = endpoint.seen();
    let pause = seen[1].at - seen[0].at;
    assert!((Duration::from_millis(990)..Duration::from_secs(4)).contains(&pause), "{pause:?}");
}

#[test]
fn failures_that_may_pass_are_repeated_with_growing_pauses_and_then_reported() {
    let failure = status(500, &[], &json!({ "error": "oh" }));
    let endpoint = Endpoint::start([failure.clone(), failure.clone()]);
    assert_eq!(facts(&read(&model(settings(&endpoint)), TEXT).expect("it reads")).len(), 2);
    let seen = endpoint.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(240));
    assert!(seen[2].at - seen[1].at >= Duration::from_millis(490));
    let endpoint = Endpoint::start([]);
    endpoint.always(failure);
    let model = model(settings(&endpoint));
    assert!(matches!(read(&model, TEXT), Err(ExtractError::Failed(reason)) if reason.contains("failed (500)")));
    assert_eq!(endpoint.seen().len(), 3, "no more than two repeats");
    assert_eq!(model.health().newest.map(|(outcome, _)| outcome), Some(Outcome::ServerError));
}

#[test]
fn broken_connections_are_repeated() {
    let endpoint = Endpoint::start([Act::BreakOff, Act::HangUp]);
    assert_eq!(facts(&read(&model(settings(&endpoint)), TEXT).expect("it reads")).len(), 2);
    assert_eq!(endpoint.seen().len(), 3);
    let endpoint = Endpoint::start([]);
    endpoint.always(Act::BreakOff);
    assert_eq!(error(&endpoint), "the connection to the language model broke off");
}

#[test]
fn an_endpoint_that_is_away_is_nobodys_fault_and_not_asked_again_at_once() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    drop(listener);
    let base = BaseUrl::parse(&url).expect("an address");
    let model = model(Settings { max_retries: 1, ..Settings::new(base, MODEL) });
    let away = read(&model, TEXT).expect_err("it is away");
    let ExtractError::Unavailable { reason, retry_after } = &away else { panic!("{away:?}") };
    assert!(reason.contains("the connection is refused") && !reason.contains("127.0.0.1"), "{reason}");
    assert!(retry_after.is_some());
    let begun = Instant::now();
    assert!(matches!(read(&model, "Another text."), Err(ExtractError::Unavailable { .. })));
    assert!(begun.elapsed() < Duration::from_millis(200), "it is left alone for a while");
}

#[test]
fn wrong_keys_models_and_addresses_are_said_without_the_key() {
    let key = |key: &str| Some(ApiKey::new(key).expect("a key"));
    let endpoint = Endpoint::start([]).with_key();
    let wrong = Settings { api_key: key("sk-wrong-key"), ..settings(&endpoint) };
    let unknown = Settings { api_key: key(KEY), model: "other".into(), ..settings(&endpoint) };
    let elsewhere = Settings {
        base_url: BaseUrl::parse(&endpoint.url.replace("/v1", "/v2")).expect("an address"),
        ..settings(&endpoint)
    };
    for (settings, variable) in
        [(wrong, "KGL_OPENAI_API_KEY"), (unknown, "KGL_OPENAI_MODEL"), (elsewhere, "KGL_OPENAI_BASE_URL")]
    {
        let before = endpoint.seen().len();
        let error = read(&model(settings), TEXT).expect_err("an error");
        assert!(matches!(&error, ExtractError::Unavailable { reason, .. } if reason.contains(variable)), "{error}");
        assert!(!error.to_string().contains("sk-"), "{error}");
        assert_eq!(endpoint.seen().len(), before + 1, "it is not asked again");
    }
    let moved = Endpoint::start([status(302, &[("location", "http://localhost/")], &json!({}))]);
    assert!(error(&moved).contains("has moved"));
    let repeats = Endpoint::start([status(400, &[], &json!({ "error": { "message": format!("bad Bearer {KEY}") } }))]);
    let model = model(Settings { api_key: key(KEY), ..settings(&repeats) });
    let error = read(&model, TEXT).expect_err("an error").to_string();
    assert!(error.contains("bad Bearer …") && !error.contains(KEY), "{error}");
}

#[test]
fn an_endpoint_that_knows_less_of_the_protocol_is_asked_for_less_from_then_on() {
    for (unknown, kind) in [
        (&["json_schema"][..], json!("json_object")),
        (&["json_schema", "json_object", "seed", "temperature"], Value::Null),
    ] {
        let endpoint = Endpoint::start([]).without(unknown);
        let model = model(settings(&endpoint));
        assert_eq!(facts(&read(&model, TEXT).expect("it reads")).len(), 2);
        assert_eq!(endpoint.seen().len(), unknown.len() + 1);
        assert_eq!(endpoint.seen().last().expect("one").body["response_format"]["type"], kind);
        read(&model, "Another text.").expect("it reads");
        assert_eq!(endpoint.seen().len(), unknown.len() + 2, "that is remembered");
    }
}

#[test]
fn answers_that_are_cut_off_are_asked_for_in_smaller_passages() {
    let text = long_text(60);
    let endpoint = Endpoint::start([]).with_longest(text.len() / 2 + 400);
    let model = model(settings(&endpoint));
    let report = model.read(&text, &ExtractOptions::default(), &Unwatched).expect("it reads");
    assert_eq!((report.extraction.relations.len(), endpoint.seen().len()), (60, 3));
    let again = model.read(&text, &ExtractOptions::default(), &Unwatched).expect("it reads");
    assert_eq!((again.extraction, again.cost.cached_passages), (report.extraction, 2));
    assert_eq!(endpoint.seen().len(), 3, "what was cut off is not asked for again");

    let endpoint = Endpoint::start([]).with_longest(10);
    assert!(error(&endpoint).contains("cannot finish its answer"));
    let complaint = json!({ "error": { "message": "This model's maximum context length is 4096 tokens." } });
    let endpoint = Endpoint::start([status(400, &[], &complaint)]);
    let found = read(&self::model(settings(&endpoint)), TEXT).expect("in halves");
    assert_eq!((facts(&found).len(), endpoint.seen().len()), (2, 3));
}

#[test]
fn answers_that_are_none_are_asked_for_once_more_in_another_way_and_then_reported() {
    let rubbish = [
        Act::Say("I am sorry, I cannot do that.".into()),
        Act::Say("{\"entities\": [".into()),
        Act::Say("{\"people\": []}".into()),
        Act::Bytes(b"<html>hello</html>".to_vec()),
        Act::Bytes(b"{}".to_vec()),
        Act::Bytes(b"{\"choices\": []}".to_vec()),
        Act::Bytes(vec![0xff, 0xfe, 0x00]),
        Act::Bytes(Vec::new()),
    ];
    for act in rubbish {
        let endpoint = Endpoint::start([act.clone()]);
        assert_eq!(facts(&read(&model(settings(&endpoint)), TEXT).expect("the second time")).len(), 2, "{act:?}");
        let seen = endpoint.seen();
        assert_ne!(seen[0].body["seed"], seen[1].body["seed"]);
        endpoint.always(act.clone());
        assert!(error(&endpoint).starts_with("the language model's answer cannot be used: "), "{act:?}");
        assert_eq!(endpoint.seen().len(), 4, "{act:?}");
    }
}

#[test]
fn a_model_that_refuses_ends_the_text_with_its_words() {
    let endpoint = Endpoint::start([Act::Refuse("I will not read this.")]);
    let refused = read(&model(settings(&endpoint)), TEXT).expect_err("refused");
    let ExtractError::Unreadable(reason) = &refused else { panic!("{refused:?}") };
    assert!(reason.contains("I will not read this."), "{reason}");
    let endpoint = Endpoint::start([Act::Finish("content_filter", String::new())]);
    assert!(error(&endpoint).contains("content filter"));
}

#[test]
fn slow_and_endless_answers_end_at_their_limits() {
    let endpoint = Endpoint::start([]);
    endpoint.always(Act::Drip);
    let begun = Instant::now();
    let model = model(Settings { timeout: Duration::from_millis(400), ..settings(&endpoint) });
    let late = read(&model, TEXT).expect_err("too late").to_string();
    assert_eq!(late, "the language model did not answer within 0.4 s");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(endpoint.seen().len(), 2, "a passage that takes too long is tried twice");
    endpoint.always(Act::Late(Duration::from_secs(30)));
    assert!(read(&model, TEXT).expect_err("too late").to_string().contains("did not answer"));
    endpoint.always(Act::Flood);
    let flooded = Settings { timeout: Duration::from_secs(20), ..settings(&endpoint) };
    assert!(read(&self::model(flooded), TEXT).expect_err("too much").to_string().contains("more than 8388608 bytes"));
}

/// Calls the reading off a while after it began.
struct CallOff {
    begun: Instant,
    after: Duration,
    asked: AtomicUsize,
}

impl Watch for CallOff {
    fn sentence(&self, _done: usize, _total: usize) -> ControlFlow<()> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.begun.elapsed() >= self.after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_reading_that_is_called_off_ends_at_once_whatever_it_waits_for() {
    let busy = status(429, &[("retry-after", "30")], &json!({}));
    for act in [Act::Late(Duration::from_secs(20)), busy, Act::Drip] {
        let endpoint = Endpoint::start([]);
        endpoint.always(act.clone());
        let watch = CallOff { begun: Instant::now(), after: Duration::from_millis(300), asked: AtomicUsize::new(0) };
        let model = model(Settings { timeout: Duration::from_secs(30), ..settings(&endpoint) });
        let ended = model.extract(TEXT, &ExtractOptions::default(), &watch);
        assert_eq!(ended, Err(ExtractError::Cancelled), "{act:?}");
        assert!(watch.begun.elapsed() < Duration::from_millis(500), "{act:?}: {:?}", watch.begun.elapsed());
        assert!(watch.asked.load(Ordering::Relaxed) > 3);
    }
}

#[test]
fn progress_counts_sentences() {
    struct Counted(Mutex<Vec<(usize, usize)>>);
    impl Watch for Counted {
        fn sentence(&self, done: usize, total: usize) -> ControlFlow<()> {
            self.0.lock().expect("no panic").push((done, total));
            ControlFlow::Continue(())
        }
    }
    let endpoint = Endpoint::start([]);
    let watch = Counted(Mutex::default());
    model(settings(&endpoint)).extract(&long_text(200), &ExtractOptions::default(), &watch).expect("it reads");
    let told = watch.0.into_inner().expect("no panic");
    assert!(told.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{told:?}");
    assert_eq!((told[0].0, *told.last().expect("told")), (0, (400, 400)));
}

#[test]
fn a_text_beyond_its_budget_costs_nothing_and_one_that_uses_it_up_costs_no_more() {
    let text = long_text(400);
    let endpoint = Endpoint::start([]);
    let limited = |budget: Option<&str>, tokens: Option<u64>| {
        model(Settings {
            concurrency: 1,
            prices: Prices::parse("1000", "1000"),
            budget_per_job: budget.and_then(Money::parse),
            max_tokens_per_job: tokens,
            ..settings(&endpoint)
        })
    };
    let refused = |model: LanguageModel| match read(&model, &text) {
        Err(ExtractError::Unreadable(reason)) => reason,
        other => panic!("{other:?}"),
    };
    let reason = refused(limited(None, Some(1000)));
    assert!(reason.contains("nothing was spent") && reason.contains("KGL_OPENAI_MAX_TOKENS_PER_JOB"), "{reason}");
    assert!(refused(limited(Some("0.5"), None)).contains("KGL_OPENAI_BUDGET_PER_JOB"));
    assert_eq!(endpoint.seen().len(), 0);

    // What an answer takes is known only afterwards.
    let long = json!({
        "choices": [{ "message": { "content": "{\"entities\": []}" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 60_000 }
    });
    endpoint.always(Act::Bytes(long.to_string().into_bytes()));
    let reason = refused(limited(None, Some(50_000)));
    assert!(reason.contains("used up") && reason.contains("60010 tokens"), "{reason}");
    assert_eq!(endpoint.seen().len(), 1, "nothing more is spent");
}

#[test]
fn a_longer_text_may_take_longer() {
    let endpoint = Endpoint::start([]);
    let model = model(settings(&endpoint));
    assert!(model.time_limit(&long_text(2000)) > model.time_limit(TEXT));
    assert!(model.time_limit(TEXT) >= Duration::from_secs(20));
}

#[test]
fn an_empty_text_asks_nothing() {
    let endpoint = Endpoint::start([]);
    assert_eq!(read(&model(settings(&endpoint)), " \n ").expect("nothing").entities.len(), 0);
    assert!(endpoint.seen().is_empty());
}
