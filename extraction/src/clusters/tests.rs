use proptest::prelude::*;

use super::*;
use crate::marked::Marked;

/// Each entity as its type, its name, and its aliases.
fn entities(marked: &str) -> Vec<String> {
    let read = Marked::read(marked);
    read.clusters.entities.iter().map(|e| format!("{} {} {:?}", e.entity_type, e.name, e.aliases)).collect()
}

fn are(marked: &str, expected: &[&str]) {
    assert_eq!(entities(marked), expected, "{marked}");
}

#[test]
fn one_name_has_one_type() {
    are(
        "[Navteq|person|0.6] grew. [Navteq|organization|0.9] shrank. [Navteq|organization|0.5] was sold.",
        &["organization Navteq []"],
    );
    are("[Acme|organization|0.7] and [Acme|product|0.7].", &["organization Acme []"]);
    // A person and a place may well be two things.
    are(
        "[Washington|person|0.95] rode to [Washington|location|0.95].",
        &["person Washington []", "location Washington []"],
    );
    are("[Washington|person|0.95] rode to [Washington|location|0.6].", &["person Washington []"]);
}

#[test]
fn a_surname_is_its_bearer_while_there_is_one() {
    are(
        "[Marie Curie|person] came. [Curie|person] stayed. [Pierre Curie|person] left. [Curie|person] wrote.",
        &["person Marie Curie [\"Curie\"]", "person Pierre Curie []", "person Curie []"],
    );
    are("[Curie|person] won. [Marie Curie|person] was glad.", &["person Marie Curie [\"Curie\"]"]);
    are("The [Curies|person] left. [Marie Curie|person] stayed.", &["person Curies []", "person Marie Curie []"]);
}

#[test]
fn a_title_tells_bearers_apart() {
    are(
        "[Marie Curie|person] and [Pierre Curie|person] met. Mrs. [Curie|person] left. [Mr. Curie|person] stayed.",
        &["person Marie Curie [\"Curie\"]", "person Pierre Curie [\"Curie\"]"],
    );
    are("[Dr. Curie|person] and [Curie|person].", &["person Curie []"]);
    are("[Queen Victoria|person] reigned.", &["person Queen Victoria []"]);
}

#[test]
fn given_names_initials_and_left_out_names_lead_to_the_full_name() {
    are("[Marie Curie|person] came. [Marie|person] stayed.", &["person Marie Curie [\"Marie\"]"]);
    are(
        "[Marie Curie|person] met [Marie Vogt|person]. [Marie|person] stayed.",
        &["person Marie Curie []", "person Marie Vogt []", "person Marie []"],
    );
    are(
        "[J. R. R. Tolkien|person] is [John Ronald Reuel Tolkien|person].",
        &["person John Ronald Reuel Tolkien [\"J. R. R. Tolkien\"]"],
    );
    are(
        "[Gabriel García Márquez|person] and [García Márquez|person].",
        &["person Gabriel García Márquez [\"García Márquez\"]"],
    );
    are(
        "[J. Smith|person] met [John Smith|person] and [Jane Smith|person].",
        &["person J. Smith []", "person John Smith []", "person Jane Smith []"],
    );
}

#[test]
fn acronyms_that_the_text_explains_are_their_full_names() {
    let who = "organization World Health Organization [\"WHO\"]";
    are("The [World Health Organization|organization] ([WHO|organization]) met. [WHO|organization] grew.", &[who]);
    are("[WHO|organization] ([World Health Organization|organization]) met.", &[who]);
    are("[WHO|product] met. The [World Health Organization|organization] (WHO) grew.", &[who]);
    // Three letters that all fit are no chance, two are.
    are("The [World Health Organization|organization] met. [WHO|organization] grew.", &[who]);
    are(
        "[General Electric|organization] met. [GE|organization] grew.",
        &["organization General Electric []", "organization GE []"],
    );
    are(
        "[General Electric|organization] (GE) met. [GE|organization] grew.",
        &["organization General Electric [\"GE\"]"],
    );
    are("The [United States|location] and the [U.S.|location].", &["location United States [\"U.S.\"]"]);
}

#[test]
fn an_acronym_explained_twice_explains_nothing() {
    are(
        "The [Royal Navy|organization] (RN) and the [Russian Navy|organization] (RN). The [RN|organization] left.",
        &["organization Royal Navy []", "organization Russian Navy []", "organization RN []"],
    );
}

#[test]
fn a_noun_that_is_part_of_one_name_stands_for_it() {
    are(
        "The [Bank of England|organization] met. The [Bank|organization] grew.",
        &["organization Bank of England [\"Bank\"]"],
    );
    are(
        "[Bank of England|organization], [Bank of Japan|organization]. The [Bank|organization] grew.",
        &["organization Bank of England []", "organization Bank of Japan []", "organization Bank []"],
    );
    are("[Apple Inc.|organization] and [Apple|organization]'s", &["organization Apple Inc. [\"Apple\"]"]);
}

#[test]
fn a_crowd_of_one_name_takes_bounded_time() {
    let crowd: String = (0..3000).map(|n| format!("[A{n} Smith|person] met [Smith|person]. ")).collect();
    let begun = std::time::Instant::now();
    assert_eq!(Marked::read(&crowd).clusters.entities.len(), 3001);
    assert!(begun.elapsed().as_secs() < 60);
}

const PARTS: &[&str] = &[
    "[Marie Curie|person]",
    "[Curie|person|0.6]",
    "[Curie|location|0.5]",
    "[Marie|person]",
    "[Bank of England|organization]",
    "[Bank|organization]",
    "[WHO|organization]",
    "[World Health Organization|organization]",
    " (",
    ") ",
    " (WHO) ",
    ". ",
    " and ",
    "[Acme|product|0.5]",
    "[Acme|organization|0.6]",
    "[2019|date]",
    "Mrs. ",
    "[M. Curie|person]",
];

proptest! {
    #[test]
    fn an_entity_has_one_type_and_holds_the_names_of_its_mentions(
        parts in prop::collection::vec(prop::sample::select(PARTS), 0..40)
    ) {
        let Marked { text, sentences, mentions, clusters } = Marked::read(&parts.concat());
        prop_assert_eq!(clusters.entity_of.len(), mentions.len());
        let mut first = 0;
        for (mention, &entity) in mentions.iter().zip(&clusters.entity_of) {
            // In order of their first mention.
            prop_assert!(entity <= first);
            first += usize::from(entity == first);
            let entity = &clusters.entities[entity];
            prop_assert_eq!(&*mention.entity_type, &entity.entity_type);
            let name = Name::of(&text, &sentences[mention.sentence], mention).shown;
            prop_assert!(entity.name == name || entity.aliases.contains(&name));
            prop_assert!(entity.confidence >= mention.confidence);
        }
        prop_assert_eq!(first, clusters.entities.len());
    }
}
