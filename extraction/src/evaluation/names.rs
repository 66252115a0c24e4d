//! The names that data sets use, brought to ours.

use crate::wikidata::relation_of;

/// What a gold label stands for: one of our entity types, `misc` for a rest class that any of [`VAGUE`] may be right
/// for; `None` for a label that no type of ours answers to (numbers of all kinds among them).
pub(super) fn entity_type(label: &str) -> Option<&'static str> {
    let label = label.to_ascii_lowercase().replace(['_', '-', ' '], "");
    Some(match label.as_str() {
        "per" | "peop" | "person" | "people" | "politician" | "scientist" | "researcher" | "musicalartist"
        | "writer" => "person",
        "org" | "organization" | "organisation" | "company" | "corporation" | "group" | "politicalparty"
        | "university" | "band" => "organization",
        "loc" | "location" | "place" | "gpe" | "country" | "city" => "location",
        "time" | "date" => "date",
        "money" | "fundingamount" => "money",
        "percent" | "percentage" => "percent",
        "product" | "musicalinstrument" => "product",
        "event" | "election" | "conference" => "event",
        "work" | "creativework" | "book" | "poem" | "magazine" | "academicjournal" | "album" | "song" => "work",
        "concept" | "award" | "field" | "task" | "metrics" | "discipline" | "theory" | "musicgenre"
        | "literarygenre" | "chemicalelement" | "chemicalcompound" | "enzyme" | "protein" => "concept",
        "technology" | "algorithm" | "programlang" => "technology",
        "misc" | "other" => MISC,
        _ => return None,
    })
}

/// The class of names that fit no other.
pub(super) const MISC: &str = "misc";
/// Types that count as [`MISC`] where the gold does not tell them apart.
const VAGUE: [&str; 5] = ["product", "event", "work", "concept", "technology"];

/// The class a found type counts under where the gold knows `known`; `None` when it is not judged.
pub(super) fn class_of<'a>(found: &'a str, known: &dyn Fn(&str) -> bool) -> Option<&'a str> {
    if known(found) {
        return Some(found);
    }
    (VAGUE.contains(&found) && known(MISC)).then_some(MISC)
}

/// The relation of ours that a gold name stands for, and whether head and tail change places: Wikidata properties, and
/// the names of KnowledgeNet and CoNLL04.
pub(super) fn relation(label: &str) -> Option<(&'static str, bool)> {
    relation_of(label).or_else(|| {
        Some(match label {
            "Located_In" => ("located_in", false),
            "NATIONALITY" => ("citizen_of", false),
            "PLACE_OF_BIRTH" => ("born_in", false),
            "DATE_OF_BIRTH" => ("born_on", false),
            "DATE_OF_DEATH" => ("died_on", false),
            "FOUNDED_BY" => ("founded", true),
            "DATE_FOUNDED" => ("founded_on", false),
            "EMPLOYEE_OR_MEMBER_OF" | "Work_For" => ("works_for", false),
            "CEO" => ("leads", true),
            "POLITICAL_AFFILIATION" => ("member_of", false),
            "EDUCATED_AT" => ("studied_at", false),
            "SPOUSE" => ("spouse_of", false),
            "CHILD_OF" => ("child_of", false),
            "HEADQUARTERS" | "OrgBased_In" => ("based_in", false),
            "PLACE_OF_RESIDENCE" | "Live_In" => ("lives_in", false),
            "SUBSIDIARY_OF" => ("subsidiary_of", false),
            _ => return None,
        })
    })
}

/// Whether "A r B" and "B r A" are one statement.
pub(super) fn is_symmetric(relation: &str) -> bool {
    matches!(relation, "spouse_of" | "sibling_of" | "partners_with" | "competes_with" | "collaborates_with")
}

/// The types of a KnowledgeNet fact's subject and object.
pub(super) fn roles(relation: &str) -> (&'static str, &'static str) {
    match relation {
        "DATE_OF_BIRTH" | "DATE_OF_DEATH" => ("person", "date"),
        "DATE_FOUNDED" => ("organization", "date"),
        "HEADQUARTERS" => ("organization", "location"),
        "SUBSIDIARY_OF" => ("organization", "organization"),
        "FOUNDED_BY" | "CEO" => ("organization", "person"),
        "SPOUSE" | "CHILD_OF" => ("person", "person"),
        "EDUCATED_AT" | "EMPLOYEE_OR_MEMBER_OF" | "POLITICAL_AFFILIATION" => ("person", "organization"),
        _ => ("person", "location"),
    }
}

/// Whether the words of a KnowledgeNet argument name nothing: a pronoun, "the company".
pub(super) fn is_anaphor(text: &str) -> bool {
    text.split(' ').all(|word| word.starts_with(char::is_lowercase))
        || matches!(text, "He" | "She" | "It" | "His" | "Her" | "They" | "Their" | "Its")
}
