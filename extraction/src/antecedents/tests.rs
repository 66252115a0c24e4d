use proptest::prelude::*;

use super::*;
use crate::extractor::Unwatched;
use crate::marked::Marked;

struct Read {
    marked: Marked,
    led: Vec<Anaphor>,
}

fn read(marked: &str) -> Read {
    let marked = Marked::read(marked);
    let progress = Progress::new(&Unwatched, 0);
    let Marked { text, sentences, mentions, clusters } = &marked;
    let led = lead(text, sentences, mentions, clusters, &progress).expect("nothing stops it");
    Read { marked, led }
}

/// Each pronoun or noun phrase that is led somewhere, and the entity that it is led to.
fn led(marked: &str) -> Vec<(String, String)> {
    let Read { marked: read, led } = read(marked);
    let pairs = led.iter().filter(|a| a.way != Way::Relative).map(|a| {
        let pointer = read.sentences[a.sentence].text(&read.text, a.start, a.end);
        (pointer.to_owned(), read.clusters.entities[read.clusters.entity_of[a.antecedent]].name.clone())
    });
    pairs.collect()
}

fn leads(marked: &str, expected: &[(&str, &str)]) {
    let expected: Vec<(String, String)> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(led(marked), expected, "{marked}");
}

#[test]
fn a_pronoun_is_led_to_the_person_it_fits() {
    leads(
        "[Marie Curie|person] married [Pierre Curie|person]. She was born in [Warsaw|location]. He taught in \
         [Paris|location].",
        &[("She", "Marie Curie"), ("He", "Pierre Curie")],
    );
    leads(
        "[Tim Cook|person] met [Ada Nilsson|person]. He leads [Apple|organization], and she leads \
         [Voltia|organization]. Her husband is [Erik Nilsson|person].",
        &[("He", "Tim Cook"), ("she", "Ada Nilsson"), ("Her", "Ada Nilsson")],
    );
}

#[test]
fn what_was_led_counts_as_named() {
    leads(
        "[Ada Nilsson|person] studied in [Oslo|location]. She moved to [Bergen|location]. There she met \
         [Lisa Berg|person]. Later she founded [Voltia|organization].",
        &[("She", "Ada Nilsson"), ("she", "Ada Nilsson"), ("she", "Ada Nilsson")],
    );
}

#[test]
fn a_pronoun_that_fits_nobody_stays_alone() {
    leads("[James Smith|person] lived in [London|location]. She moved.", &[]);
    leads("She moved to [Paris|location]. [James Smith|person] stayed.", &[]);
    leads("[Acme|organization] grew. He left.", &[]);
}

#[test]
fn an_unknown_somebody_is_not_passed_over() {
    // The first "he" is somebody the text does not name: the second is the same one, and not Morse.
    leads("He studied under [John Morse|person], where he was graduated.", &[]);
    leads("He succeeded [George Howard|person]. He died in 1986.", &[]);
}

#[test]
fn several_men_in_a_sentence_are_not_told_apart_by_luck() {
    leads("[John Smith|person] saw [Peter Brown|person] off with [Paul Green|person] in his car.", &[]);
    leads("[John Smith|person] came with [Peter Brown|person] and his wife.", &[("his", "Peter Brown")]);
}

#[test]
fn an_object_is_not_its_own_subject() {
    leads("[John Smith|person] lived there. [Peter Brown|person] met him.", &[("him", "John Smith")]);
    leads("[Peter Brown|person] met him.", &[]);
}

#[test]
fn who_stands_behind_a_preposition_does_not_lead() {
    leads(
        "[Richard Taylor|person] is a mathematician. A student of [Andrew Wiles|person], he went back to \
         [Princeton|organization].",
        &[("he", "Richard Taylor")],
    );
}

#[test]
fn a_name_may_come_after_its_pronoun() {
    leads("Before she moved to [Oslo|location], [Ada Nilsson|person] lived there.", &[("she", "Ada Nilsson")]);
}

#[test]
fn companies_and_schools_are_told_apart() {
    leads(
        "[Ada Nilsson|person] left [Uppsala University|organization] and founded [Voltia|organization]. The company \
         was sold. The university was not.",
        &[("The company", "Voltia"), ("The university", "Uppsala University")],
    );
    leads(
        "[Acme|organization] sued [Voltia|organization] through [Fabrikam|organization]. In 2019 the company was sold to [Siemens|organization]. It grew.",
        &[("the company", "Acme"), ("It", "Acme")],
    );
}

#[test]
fn it_goes_on_with_what_the_sentence_before_was_about() {
    leads("[Acme|organization] was sold to [Siemens|organization]. It is based in [Oslo|location].", &[("It", "Acme")]);
    leads("[Acme|organization] opened a shop in [Oslo|location] and doubled its staff.", &[("its", "Acme")]);
    leads("Somebody sold it to [Siemens|organization]. It is based in [Oslo|location].", &[]);
    leads("[Acme|organization] grew. It is said that [Siemens|organization] shrank.", &[]);
}

#[test]
fn an_empty_line_ends_what_is_further_back() {
    let far = "[John Smith|person] and [Peter Brown|person] met.\n\nNothing happened. He left.";
    leads(far, &[]);
    let only = "[John Smith|person] came.\n\nNothing happened. He left.";
    leads(only, &[("He", "John Smith")]);
}

#[test]
fn the_one_that_a_text_is_about_is_not_overshadowed() {
    let about = "[Marie Curie|person] came. She saw. She won. She wrote. She left. She came back. She slept. She woke.";
    let led = led(&format!("{about} [Lisa Berg|person] stayed. Her sister came."));
    assert_eq!(led.iter().filter(|(_, name)| name == "Marie Curie").count(), 7, "{led:?}");
    // It may be either one's sister.
    assert_eq!(led.len(), 7, "{led:?}");
}

#[test]
fn a_title_tells_more_than_a_given_name_and_pronouns_most() {
    leads("Mrs. [Robin Hall|person] spoke to [Tim Cook|person]. She left.", &[("She", "Robin Hall")]);
    // Jean is a woman's name in America; the text knows better.
    let monnet = "[Jean Monnet|person] was born in [Cognac|location]. He left. He travelled. He wrote.";
    assert_eq!(led(monnet).len(), 3, "{:?}", led(monnet));
}

const PARTS: &[&str] = &[
    "[Ada Nilsson|person]",
    "[Tim Cook|person]",
    "[Acme|organization]",
    "[Oslo|location]",
    "[2019|date]",
    "[It|work]",
    " he ",
    " she ",
    " his ",
    " her ",
    " him ",
    " it ",
    " its ",
    " The company ",
    " who ",
    ", ",
    ". ",
    ".\n\n",
    " and ",
    " of ",
    " was ",
    " Before ",
    " Before ",
];

proptest! {
    #[test]
    fn what_is_led_fits_and_stands_free(parts in prop::collection::vec(prop::sample::select(PARTS), 0..60)) {
        let Read { marked: read, led } = read(&parts.concat());
        let mut last = (0, 0);
        let mut genders = BTreeMap::new();
        let mut to_come = std::collections::BTreeSet::new();
        for anaphor in &led {
            prop_assert!((anaphor.sentence, anaphor.start) >= last);
            last = (anaphor.sentence, anaphor.end);
            let mention = &read.mentions[anaphor.antecedent];
            prop_assert_eq!(&mention.entity_type, &anaphor.entity_type);
            let overlaps = |m: &DraftMention| m.sentence == anaphor.sentence && m.start < anaphor.end && anaphor.start < m.end;
            prop_assert!(!read.mentions.iter().any(overlaps));
            // What was led to a name still to come leads others there too.
            if anaphor.way == Way::After {
                to_come.insert(anaphor.antecedent);
            }
            if !to_come.contains(&anaphor.antecedent) {
                prop_assert!((mention.sentence, mention.end) <= (anaphor.sentence, anaphor.start));
            }
            let gender = match read.sentences[anaphor.sentence].words.lower(anaphor.start) {
                "he" | "his" | "him" => 'm',
                "she" | "her" => 'f',
                _ => continue,
            };
            prop_assert_eq!(&anaphor.entity_type, "person");
            // Nobody is both he and she.
            let entity = read.clusters.entity_of[anaphor.antecedent];
            prop_assert_eq!(*genders.entry(entity).or_insert(gender), gender);
        }
    }
}
