//! Which types the model may answer with, and the JSON Schema that says so.

use std::collections::BTreeMap;

use kgl_extraction::{ExtractOptions, Synonyms};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The entity types that are looked for when the caller names none.
const ENTITY_TYPES: [&str; 11] = [
    "person",
    "organization",
    "location",
    "date",
    "money",
    "percent",
    "product",
    "technology",
    "event",
    "work",
    "concept",
];

/// The relationship types that are looked for when the caller names none, with what stands at either end: from head to
/// tail is what models get wrong first.
const RELATIONSHIP_TYPES: [(&str, &str); 36] = [
    ("works_for", "person → organization"),
    ("leads", "person → organization they head"),
    ("founded", "founder → organization"),
    ("founded_on", "organization → date"),
    ("created", "maker → work or product"),
    ("published_on", "work → date"),
    ("located_in", "place or event → larger place"),
    ("based_in", "organization → place"),
    ("lives_in", "person → place"),
    ("born_in", "person → place"),
    ("born_on", "person → date"),
    ("died_in", "person → place"),
    ("died_on", "person → date"),
    ("citizen_of", "person → country"),
    ("studied_at", "person → school"),
    ("spouse_of", "person → person"),
    ("child_of", "child → parent"),
    ("sibling_of", "person → person"),
    ("part_of", "part → whole"),
    ("subsidiary_of", "company → parent company"),
    ("member_of", "member → group"),
    ("owns", "owner → what is owned"),
    ("acquires", "buyer → what was bought"),
    ("funds", "who pays → who is paid"),
    ("partners_with", "either → the other"),
    ("competes_with", "either → the other"),
    ("collaborates_with", "either → the other"),
    ("participated_in", "person or organization → event"),
    ("received_award", "person or work → award"),
    ("occurred_on", "event → date"),
    ("costs", "product or deal → money"),
    ("uses", "user → technology or product"),
    ("produces", "organization → product"),
    ("succeeded_by", "predecessor → successor"),
    ("mentions", "work or person → what it speaks of"),
    ("related_to", "either → the other, when nothing else fits"),
];

/// What an answer may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnswerSchema {
    entity_types: Vec<String>,
    /// None where any will do that the text itself suggests.
    relationship_types: Option<Vec<String>>,
    /// What the caller calls our types: the model is asked in the caller's words.
    synonyms: Synonyms,
}

impl AnswerSchema {
    /// What these options ask for.
    pub(crate) fn of(options: &ExtractOptions) -> Self {
        let synonyms = options.synonyms.clone().unwrap_or_default();
        let asked = |names: &mut dyn Iterator<Item = &str>, synonyms: &BTreeMap<String, String>| {
            let mut asked: Vec<String> = Vec::new();
            for name in names.map(type_name).filter(|name| !name.is_empty()) {
                let name = if name == "funding_amount" { "money".to_owned() } else { name };
                let name = synonyms.get(&name).cloned().unwrap_or(name);
                if !asked.contains(&name) {
                    asked.push(name);
                }
            }
            asked
        };
        let entity_types = match &options.entity_types {
            Some(names) => asked(&mut names.iter().map(String::as_str), &synonyms.entity_types),
            None => asked(&mut ENTITY_TYPES.into_iter(), &synonyms.entity_types),
        };
        let relationship_types = match (&options.relationship_types, options.open_relations) {
            (Some(names), _) => Some(asked(&mut names.iter().map(String::as_str), &synonyms.relationship_types)),
            (None, Some(true)) => None,
            (None, _) => {
                let mut usual = RELATIONSHIP_TYPES.iter().map(|(name, _)| *name);
                Some(asked(&mut usual, &synonyms.relationship_types))
            }
        };
        Self { entity_types, relationship_types, synonyms }
    }

    /// Our name of an entity type that the caller calls something else.
    pub(crate) fn our_entity_type<'a>(&'a self, name: &'a str) -> &'a str {
        ours(&self.synonyms.entity_types, name)
    }

    /// Our name of a relationship type.
    pub(crate) fn our_relationship_type<'a>(&'a self, name: &'a str) -> &'a str {
        ours(&self.synonyms.relationship_types, name)
    }

    /// Whether nothing is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.entity_types.is_empty()
    }

    pub(crate) fn entity_types(&self) -> &[String] {
        &self.entity_types
    }

    /// Whether an entity type was asked for, by the caller's name or by ours.
    pub(crate) fn allows_entity(&self, name: &str) -> bool {
        let theirs = self.synonyms.entity_types.get(name).map_or(name, String::as_str);
        self.entity_types.iter().any(|allowed| allowed == theirs)
    }

    /// Whether a relationship type was asked for, by the caller's name or by ours.
    pub(crate) fn allows_relationship(&self, name: &str) -> bool {
        let theirs = self.synonyms.relationship_types.get(name).map_or(name, String::as_str);
        match &self.relationship_types {
            Some(allowed) => allowed.iter().any(|allowed| allowed == theirs),
            None => !name.is_empty(),
        }
    }

    /// Whether a relationship is the text's own, beside the known ones.
    pub(crate) fn is_open(&self, name: &str) -> bool {
        let ours = self.our_relationship_type(name);
        self.relationship_types.is_none() && !RELATIONSHIP_TYPES.iter().any(|(known, _)| *known == ours)
    }

    /// The relationship types with what is known of them, a line each; none where there are no bounds to tell.
    pub(crate) fn relationship_lines(&self) -> String {
        let line = |name: &str| {
            let ours = self.our_relationship_type(name);
            match RELATIONSHIP_TYPES.iter().find(|(known, _)| *known == ours) {
                Some((_, ends)) => format!("- {name}: {ends}\n"),
                None => format!("- {name}\n"),
            }
        };
        let theirs = |name: &'static str| self.synonyms.relationship_types.get(name).map_or(name, String::as_str);
        match &self.relationship_types {
            Some(names) => names.iter().map(|name| line(name)).collect(),
            None => RELATIONSHIP_TYPES.iter().map(|(name, _)| line(theirs(name))).collect(),
        }
    }

    /// Whether relationships beyond the known types are wanted.
    pub(crate) fn is_unbounded(&self) -> bool {
        self.relationship_types.is_none()
    }

    /// Whether any relationship is wanted.
    pub(crate) fn wants_relationships(&self) -> bool {
        self.relationship_types.as_ref().is_none_or(|names| !names.is_empty())
    }

    /// As JSON Schema, in the subset that structured output takes everywhere: every property required, none added.
    pub(crate) fn to_json(&self) -> Value {
        let text = json!({ "type": "string" });
        let number = json!({ "type": "number" });
        let list = |properties: Value| {
            let names: Vec<&String> = properties.as_object().map(|p| p.keys().collect()).unwrap_or_default();
            json!({ "type": "array", "items": {
                "type": "object", "additionalProperties": false, "required": names, "properties": properties } })
        };
        let entities = list(json!({
            "name": text, "type": { "type": "string", "enum": self.entity_types },
            "aliases": { "type": "array", "items": text }, "confidence": number,
        }));
        let mut properties = json!({ "entities": entities });
        if self.wants_relationships() {
            let kind = match &self.relationship_types {
                Some(names) => json!({ "type": "string", "enum": names }),
                None => text.clone(),
            };
            properties["relationships"] =
                list(json!({ "head": text, "type": kind, "tail": text, "quote": text, "confidence": number }));
        }
        let names: Vec<&String> = properties.as_object().map(|p| p.keys().collect()).unwrap_or_default();
        json!({ "type": "object", "additionalProperties": false, "required": names, "properties": properties })
    }

    /// What tells this schema from any other.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.to_json().to_string().as_bytes()).into()
    }
}

fn ours<'a>(synonyms: &'a BTreeMap<String, String>, name: &'a str) -> &'a str {
    synonyms.iter().find(|(_, theirs)| *theirs == name).map_or(name, |(ours, _)| ours)
}

/// A type's name as the graph keeps it: lower case, with underscores. Of "Works for" it makes `works_for`.
pub(crate) fn type_name(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_callers_types_are_the_only_ones() {
        let options = ExtractOptions {
            entity_types: strings(&["person", "funding_amount", "money", "Space Probe"]),
            relationship_types: strings(&["works_for"]),
            ..ExtractOptions::default()
        };
        let schema = AnswerSchema::of(&options);
        let json = schema.to_json();
        let kinds = |list: &str| json["properties"][list]["items"]["properties"]["type"]["enum"].clone();
        assert_eq!(kinds("entities"), json!(["person", "money", "space_probe"]));
        assert_eq!(kinds("relationships"), json!(["works_for"]));
        assert!(schema.allows_entity("space_probe") && !schema.allows_entity("date"));
        assert!(schema.allows_relationship("works_for") && !schema.allows_relationship("leads"));
        assert_ne!(schema.hash(), AnswerSchema::of(&ExtractOptions::default()).hash());
    }

    #[test]
    fn the_model_is_asked_in_the_callers_words() {
        let synonyms: Synonyms = serde_json::from_value(json!({
            "entity_types": { "organization": "company" }, "relationship_types": { "works_for": "employed_by" }
        }))
        .expect("synonyms");
        let options = ExtractOptions { synonyms: Some(synonyms), ..ExtractOptions::default() };
        let schema = AnswerSchema::of(&options);
        assert!(schema.entity_types().contains(&"company".to_owned()));
        assert!(!schema.entity_types().contains(&"organization".to_owned()));
        assert!(schema.allows_entity("company") && schema.allows_entity("organization"));
        assert_eq!(
            (schema.our_entity_type("company"), schema.our_relationship_type("employed_by")),
            ("organization", "works_for")
        );
        assert!(schema.relationship_lines().contains("- employed_by: person → organization"));
        let named = ExtractOptions { entity_types: strings(&["company", "organization"]), ..options };
        assert_eq!(AnswerSchema::of(&named).entity_types(), ["company"]);
    }

    #[test]
    fn without_relationship_types_none_are_asked_for_and_open_ones_are_free() {
        let none = ExtractOptions { relationship_types: Some(Vec::new()), ..ExtractOptions::default() };
        let json = AnswerSchema::of(&none).to_json();
        assert_eq!(json["required"], json!(["entities"]));
        assert!(json["properties"]["relationships"].is_null());
        let open = ExtractOptions { open_relations: Some(true), ..ExtractOptions::default() };
        let open = AnswerSchema::of(&open);
        assert!(open.allows_relationship("orbits") && open.is_open("orbits") && !open.is_open("leads"));
        let usual = AnswerSchema::of(&ExtractOptions::default());
        assert!(!usual.allows_relationship("orbits"));
        assert!(AnswerSchema::of(&ExtractOptions { entity_types: Some(Vec::new()), ..Default::default() }).is_empty());
    }

    #[test]
    fn strict_output_has_every_property_required() {
        fn check(schema: &Value) {
            if let Some(properties) = schema["properties"].as_object() {
                let required: Vec<&str> = schema["required"]
                    .as_array()
                    .map(|r| r.iter().filter_map(Value::as_str).collect())
                    .unwrap_or_default();
                assert_eq!(required, properties.keys().map(String::as_str).collect::<Vec<_>>());
                assert_eq!(schema["additionalProperties"], json!(false));
                properties.values().for_each(check);
            }
            if schema["items"].is_object() {
                check(&schema["items"]);
            }
        }
        check(&AnswerSchema::of(&ExtractOptions::default()).to_json());
    }
}
