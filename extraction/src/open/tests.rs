// What is missed is shown when a floor is.
#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;

use super::*;
use crate::sentences;

/// The triples of a text without names, as "head | predicate | tail".
fn read(text: &str) -> Vec<String> {
    let mut reader = OpenReader::new();
    let mut all = Vec::new();
    for place in sentences::split(text) {
        let sentence = ReadSentence::new(text, place);
        let show = |end: End| match end {
            End::Phrase(start, end) => sentence.text(text, start, end).to_lowercase(),
            End::Named(_) => unreachable!("there are no names"),
        };
        for triple in reader.read(text, &sentence, &[]) {
            all.push(format!("{} | {} | {}", show(triple.head), triple.predicate, show(triple.tail)));
        }
    }
    all
}

/// Precision and recall on a file of sentences, each followed by the triples it states.
fn score(fixture: &str) -> (f64, f64) {
    let (mut right, mut found, mut stated) = (0, 0, 0);
    for block in fixture.split("\n\n") {
        let mut lines = block.lines().filter(|line| !line.starts_with('#'));
        let Some(sentence) = lines.next() else { continue };
        let expected: BTreeSet<String> = lines.map(str::to_owned).collect();
        let triples: BTreeSet<String> = read(sentence).into_iter().collect();
        for triple in triples.symmetric_difference(&expected) {
            println!("{} {triple}   << {sentence}", if expected.contains(triple) { "missed" } else { "beside" });
        }
        right += triples.intersection(&expected).count();
        found += triples.len();
        stated += expected.len();
    }
    (right as f64 / found as f64, right as f64 / stated as f64)
}

#[test]
fn most_of_what_plain_sentences_state_is_found_and_little_besides() {
    let (precision, recall) = score(include_str!("../../tests/fixtures/open.txt"));
    println!("precision {precision:.3}, recall {recall:.3}");
    assert!(precision >= 0.85 && recall >= 0.7, "precision {precision:.3}, recall {recall:.3}");
}

#[test]
fn sentences_that_the_rules_were_not_made_with_are_read_as_well() {
    let (precision, recall) = score(include_str!("../../tests/fixtures/open-held-out.txt"));
    println!("held out: precision {precision:.3}, recall {recall:.3}");
    assert!(precision >= 0.75 && recall >= 0.6, "precision {precision:.3}, recall {recall:.3}");
}

#[test]
fn nodes_and_predicates_are_short_and_readable() {
    let long = "The extremely large, old and very beautiful green wooden garden house of the rich and famous retired \
                shoe factory owner from the northern part of the country was built by local craftsmen.";
    for text in [long, include_str!("../../tests/fixtures/open.txt"), include_str!("../../../samples/apollo-11.txt")] {
        for triple in read(text) {
            let parts: Vec<&str> = triple.split(" | ").collect();
            assert!(parts[1].split('_').count() <= 4 && parts[1].len() <= 60, "{triple}");
            assert!(parts[1].starts_with(|c: char| c.is_ascii_lowercase()), "{triple}");
            for node in [parts[0], parts[2]] {
                let words = node.split([' ', '-']).filter(|word| word.contains(char::is_alphanumeric)).count();
                assert!(words <= 5 && node.chars().count() <= 60, "{triple}");
            }
        }
    }
}

#[test]
fn hostile_sentences_end() {
    for text in ["and ".repeat(5000), "the of ".repeat(70), "(".repeat(79), "a - ".repeat(39), "is is ".repeat(30)] {
        read(&text);
    }
}

#[test]
fn the_model_is_whole() {
    assert!(model().tags.len() > 10_000 && model().moves.len() > 10_000);
}
