use super::*;
use crate::extractor::Unwatched;
use crate::sentences;

fn tier() -> ReaderTier {
    ReaderTier::load().expect("`make setup` was run before the tests")
}

fn read(text: &str) -> Vec<ReadSentence> {
    sentences::split(text).into_iter().map(|place| ReadSentence::new(text, place)).collect()
}

fn names(tier: &ReaderTier, text: &str) -> Vec<(String, String)> {
    let sentences = read(text);
    let mut reading = tier.begin(text, &sentences);
    let found = reading.names(&mut Progress::new(&Unwatched, sentences.len() * 2)).expect("nothing stops it");
    let text = |m: &DraftMention| sentences[m.sentence].text(text, m.start, m.end).to_owned();
    found.iter().map(|m| (text(m), m.entity_type.clone().into_owned())).collect()
}

#[test]
fn the_networks_agree_with_what_is_said_of_them() {
    let tier = tier();
    let meta = &tier.meta;
    assert_eq!(meta.types.len(), meta.mentions.len());
    for relation in &meta.relations {
        assert!(!crate::wikidata(&relation.name).is_empty(), "{} has no property", relation.name);
        assert!(relation.roles.iter().all(|(head, tail)| *head.max(tail) < meta.types.len() + 2));
    }
    let text = "Ada Lovelace was born in London.";
    let sentences = read(text);
    let windows = windows::cut(text, &sentences, &tier.package.wordpiece, tier.lexicon);
    let (length, states, tags) = tier.encode(&windows).expect("it runs");
    assert_eq!((states.data.len(), tags.data.len()), (length * WIDTH, length * tier.labels()));
    let places = [(0, Place { start: 0, end: 2, role: 0 }), (0, Place { start: 5, end: 6, role: 2 })];
    let scores = tier.ask(&states.data, &windows[0], &places, &[(0, 1), (1, 0)]).expect("it runs");
    assert_eq!(scores.len(), 2 * meta.relations.len());
}

#[test]
fn names_are_found_wherever_they_stand_in_a_long_text() {
    let tier = tier();
    let one = "Grace Hopper worked for the company in Philadelphia. ";
    let found = names(&tier, &one.repeat(60));
    let people = found.iter().filter(|(name, kind)| name == "Grace Hopper" && kind == "person").count();
    let places = found.iter().filter(|(name, kind)| name == "Philadelphia" && kind == "location").count();
    assert!(people == 60 && places == 60, "{people} {places}");
}

#[test]
fn a_sentence_longer_than_a_window_is_read_in_parts() {
    let tier = tier();
    // Words of many pieces, so that 300 of them do not fit, and no full stop.
    let text = format!("{}and Marie Curie lived in Paris", "Zyxwvutsrqponmlk ".repeat(300));
    let sentences = read(&text);
    let windows = windows::cut(&text, &sentences, &tier.package.wordpiece, tier.lexicon);
    assert!(windows.len() > 1 && windows.iter().all(|window| window.len() <= 512));
    let words: usize = windows.iter().flat_map(|w| &w.segments).map(|s| s.starts.len() - 1).sum();
    assert_eq!(words, sentences.iter().map(|s| s.tokens.len()).sum::<usize>());
    assert!(names(&tier, &text).contains(&("Marie Curie".to_owned(), "person".to_owned())));
}

#[test]
fn states_that_were_let_go_are_read_again() {
    let tier = tier();
    let text = "Grace Hopper was born in New York City. ".repeat(40);
    let sentences = read(&text);
    let related = |forget: bool| {
        let mut reading =
            Reading { tier: &tier, text: &text, sentences: &sentences, windows: OnceCell::new(), states: Vec::new() };
        let mut progress = Progress::new(&Unwatched, sentences.len() * 2);
        let found = reading.names(&mut progress).expect("nothing stops it");
        if forget {
            reading.states.clear();
        }
        reading.relations(&found, &[], &mut progress).expect("nothing stops it")
    };
    let kept = related(false);
    let places = |all: &[DraftRelation]| -> Vec<_> {
        all.iter().map(|r| (r.sentence, r.head, r.tail, r.relation_type.clone())).collect()
    };
    assert!(kept.iter().any(|r| r.relation_type == "born_in"));
    assert_eq!(places(&kept), places(&related(true)));
}

#[test]
fn batches_hold_every_window_once() {
    let window = |length: usize| Window {
        pieces: vec![0; length],
        shapes: vec![0; length],
        known: vec![0; length],
        segments: Vec::new(),
    };
    let windows: Vec<Window> = [200, 190, 100, 480, 10, 10, 10].map(window).into();
    let sizes: Vec<Vec<usize>> = batches(&windows).map(|batch| batch.iter().map(Window::len).collect()).collect();
    assert_eq!(sizes, [vec![200, 190], vec![100], vec![480], vec![10, 10, 10]]);
}
