//! Listed names in texts.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::{ExtractOptions, Extraction, Unwatched, fast};

fn extract(text: &str, options: serde_json::Value) -> Extraction {
    let options: ExtractOptions = serde_json::from_value(options).expect("options");
    assert_eq!(options.issues(crate::MAX_REQUEST_GAZETTEER), []);
    let found = fast().extract(text, &options, &Unwatched).expect("it reads");
    let chars: Vec<char> = text.chars().collect();
    let mut last = 0;
    for mention in &found.mentions {
        assert!(last <= mention.span.start, "mentions do not overlap");
        last = mention.span.end;
        let words: String = chars[mention.span.start..mention.span.end].iter().collect();
        assert_eq!(mention.text, words);
        assert!(found.entities[mention.entity].confidence >= mention.confidence);
    }
    for index in 0..found.entities.len() {
        assert!(found.mentions.iter().any(|mention| mention.entity == index), "{:?}", found.entities[index]);
    }
    for relation in &found.relations {
        assert_eq!(found.mentions[relation.head_mention].entity, relation.head);
        assert_eq!(found.mentions[relation.tail_mention].entity, relation.tail);
    }
    found
}

/// The texts of the mentions of a type.
fn named(found: &Extraction, entity_type: &str) -> Vec<String> {
    let of_type = found.mentions.iter().filter(|m| found.entities[m.entity].entity_type == entity_type);
    of_type.map(|m| m.text.clone()).collect()
}

#[test]
fn an_entry_with_its_aliases_is_one_entity_with_its_id() {
    let text = "🚀 They gave ZMB-12 to mice.\nLater zolimab\nforte was withdrawn; Zolimab Forte's maker said nothing.";
    let entry = json!({"name": "Zolimab Forte", "type": "drug", "id": "D-7", "aliases": ["ZMB-12"]});
    let found = extract(text, json!({"gazetteer": [entry]}));
    assert_eq!(named(&found, "drug"), ["ZMB-12", "zolimab\nforte", "Zolimab Forte"]);
    let drugs: Vec<&Entity> = found.entities.iter().filter(|e| e.entity_type == "drug").collect();
    assert_eq!(drugs.len(), 1);
    assert_eq!((drugs[0].name.as_str(), drugs[0].confidence), ("Zolimab Forte", GAZETTEER_CONFIDENCE));
    assert_eq!(drugs[0].aliases, ["ZMB-12", "zolimab forte"]);
    assert_eq!(drugs[0].metadata["gazetteer_id"], json!("D-7"));
}

#[test]
fn names_are_found_as_whole_words_only_and_the_longest_first() {
    let list = json!([{"name": "Ann", "type": "ship"}, {"name": "Ann Harbor", "type": "ship"},
        {"name": "Harbor", "type": "ship"}]);
    let found =
        extract("The annual Ann-like Anna met Ann Harbor, not Ann Harbors; Ann, Harbor.", json!({"gazetteer": list}));
    assert_eq!(named(&found, "ship"), ["Ann", "Ann Harbor", "Ann", "Ann", "Harbor"]);
}

#[test]
fn what_the_user_says_stands_over_what_a_model_thinks() {
    let text = "Marie Curie was born in Warsaw. Warsaw is large.";
    assert_eq!(named(&extract(text, json!({})), "location"), ["Warsaw", "Warsaw"]);
    let found = extract(text, json!({"gazetteer": [{"name": "Warsaw", "type": "ship"}]}));
    assert_eq!(named(&found, "ship"), ["Warsaw", "Warsaw"]);
    assert!(named(&found, "location").is_empty());
    assert_eq!(named(&found, "person"), ["Marie Curie"]);
}

#[test]
fn case_matters_where_it_is_said_to() {
    let list = json!([{"name": "IT", "type": "field", "case_sensitive": true}, {"name": "ärzte", "type": "band"}]);
    let found = extract("It was good for IT that it paid the ÄRZTE and the Ärzte.", json!({"gazetteer": list}));
    assert_eq!(named(&found, "field"), ["IT"]);
    assert_eq!(named(&found, "band"), ["ÄRZTE", "Ärzte"]);
}

#[test]
fn listed_names_take_part_in_relations_under_the_users_own_words() {
    let text = "In 2019 Brenniko acquired Vandelia.";
    let list = json!([{"name": "Brenniko", "type": "company", "id": "1"}, {"name": "Vandelia", "type": "company"}]);
    let options = json!({
        "gazetteer": list,
        "synonyms": {"entity_types": {"organization": "company"}, "relationship_types": {"acquires": "bought"}},
        "entity_types": ["company"], "relationship_types": ["bought"],
    });
    let found = extract(text, options);
    assert_eq!(named(&found, "company"), ["Brenniko", "Vandelia"]);
    let said: Vec<_> = found.relations.iter().map(|r| (r.head, r.relation_type.as_str(), r.tail)).collect();
    assert_eq!(said, [(0, "bought", 1)]);
}

#[test]
fn wishes_may_use_either_name_and_thresholds_are_each_types_own() {
    let text = "Marie Curie was born in Warsaw. In 2019 Brenniko acquired Vandelia.";
    let synonyms = json!({"entity_types": {"location": "place"}, "relationship_types": {"born_in": "native_of"}});
    for wanted in ["location", "place"] {
        let found = extract(text, json!({"synonyms": synonyms, "entity_types": [wanted, "person"]}));
        assert_eq!(named(&found, "place"), ["Warsaw"]);
        assert_eq!(found.relations[0].relation_type, "native_of");
    }
    let strict = json!({"synonyms": synonyms, "thresholds": {"entity_types": {"place": 1.0}}});
    assert!(named(&extract(text, strict), "place").is_empty());
    let lenient = json!({"confidence_threshold": 1.0, "thresholds": {"entity_types": {"person": 0.0}}});
    let found = extract(text, lenient);
    assert_eq!(found.mentions.len(), named(&found, "person").len());
    assert!(!found.mentions.is_empty());
}

#[test]
fn an_empty_list_changes_nothing_and_the_same_list_gives_the_same_bytes() {
    let text = "Marie Curie was born in Warsaw and worked at the University of Paris.";
    let bytes = |options: serde_json::Value| serde_json::to_vec(&extract(text, options)).expect("JSON");
    assert_eq!(bytes(json!({})), bytes(json!({"gazetteer": []})));
    let list =
        json!({"gazetteer": [{"name": "University of Paris", "type": "school"}, {"name": "Paris", "type": "city"}]});
    assert_eq!(bytes(list.clone()), bytes(list));
}

#[test]
fn the_longest_list_is_ready_at_once_and_searched_in_time_linear_in_the_text() {
    // Nested names, the worst case: each begins with all shorter ones.
    let mut entries: Vec<GazetteerEntry> = (1..=90)
        .map(|n| GazetteerEntry {
            name: vec!["a"; n].join(" "),
            entity_type: "letters".to_owned(),
            id: None,
            aliases: Vec::new(),
            case_sensitive: false,
        })
        .collect();
    entries.extend((entries.len()..crate::MAX_STORED_GAZETTEER).map(|n| GazetteerEntry {
        name: format!("Company number {n} of the North"),
        entity_type: "organization".to_owned(),
        id: Some(n.to_string()),
        aliases: Vec::new(),
        case_sensitive: n % 2 == 0,
    }));
    let gazetteer = Gazetteer::new(entries);
    assert_eq!(gazetteer.issues(crate::MAX_STORED_GAZETTEER), []);
    let begun = Instant::now();
    assert!(gazetteer.matcher().is_ok());
    let options = ExtractOptions { gazetteer: Some(gazetteer), ..ExtractOptions::default() };
    let text =
        format!("{} b. Company number 9999 of the North and company Number 9998 of the north.", "a ".repeat(50_000));
    let found = fast().extract(&text, &options, &Unwatched).expect("it reads");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(named(&found, "organization"), ["Company number 9999 of the North"]);
    assert!(named(&found, "letters").len() >= 50_000 / 90);
}
