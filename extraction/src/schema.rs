//! What a caller calls things: own names for types and relations, and how sure each has to be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::extractor::ExtractOptions;

/// The most entries that a user's stored gazetteer may have.
pub const MAX_STORED_GAZETTEER: usize = 10_000;
/// The most entries of a gazetteer that comes with one request.
pub const MAX_REQUEST_GAZETTEER: usize = 1_000;
/// The most names in a list or map of types.
const MAX_TYPES: usize = 100;
/// The longest name of a type.
const MAX_TYPE_NAME: usize = 64;
/// What a name of a type must be like.
pub(crate) const TYPE_NAME_ISSUE: &str = "must be a snake_case name of at most 64 characters";

/// Other names for types, by the names that extractors use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synonyms {
    /// For entity types: `{"organization": "company"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entity_types: BTreeMap<String, String>,
    /// For relations: `{"works_for": "employed_by"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub relationship_types: BTreeMap<String, String>,
}

/// How sure single types have to be, in place of the threshold for all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// By entity type, 0 to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entity_types: BTreeMap<String, f64>,
    /// By relation, 0 to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub relationship_types: BTreeMap<String, f64>,
}

impl ExtractOptions {
    /// These options where they say something, field by field, and `default` where they do not.
    #[must_use]
    pub fn over(self, default: &Self) -> Self {
        Self {
            entity_types: self.entity_types.or_else(|| default.entity_types.clone()),
            relationship_types: self.relationship_types.or_else(|| default.relationship_types.clone()),
            confidence_threshold: self.confidence_threshold.or(default.confidence_threshold),
            thresholds: self.thresholds.or_else(|| default.thresholds.clone()),
            open_relations: self.open_relations.or(default.open_relations),
            synonyms: self.synonyms.or_else(|| default.synonyms.clone()),
            gazetteer: self.gazetteer.or_else(|| default.gazetteer.clone()),
        }
    }

    /// What is wrong with these options where a gazetteer may have `most` entries: (path of the field, issue).
    #[must_use]
    pub fn issues(&self, most: usize) -> Vec<(String, String)> {
        let mut issues = Vec::new();
        list_issues("entity_types", self.entity_types.as_deref(), &mut issues);
        list_issues("relationship_types", self.relationship_types.as_deref(), &mut issues);
        if self.confidence_threshold.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            issues.push(("confidence_threshold".to_owned(), "must be from 0 to 1".to_owned()));
        }
        if let Some(thresholds) = &self.thresholds {
            threshold_issues("thresholds.entity_types", &thresholds.entity_types, &mut issues);
            threshold_issues("thresholds.relationship_types", &thresholds.relationship_types, &mut issues);
        }
        if let Some(synonyms) = &self.synonyms {
            synonym_issues("synonyms.entity_types", &synonyms.entity_types, &mut issues);
            synonym_issues("synonyms.relationship_types", &synonyms.relationship_types, &mut issues);
        }
        if let Some(gazetteer) = &self.gazetteer {
            let found = gazetteer.issues(most).into_iter();
            issues.extend(found.map(|(path, issue)| (format!("gazetteer{path}"), issue)));
        }
        issues
    }
}

/// Whether a name is snake_case, as the graph keeps it.
pub(crate) fn is_type_name(name: &str) -> bool {
    name.len() <= MAX_TYPE_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn size_issue(field: &str, length: usize, issues: &mut Vec<(String, String)>) {
    if length > MAX_TYPES {
        issues.push((field.to_owned(), format!("must have at most {MAX_TYPES} items")));
    }
}

fn list_issues(field: &str, names: Option<&[String]>, issues: &mut Vec<(String, String)>) {
    let names = names.unwrap_or_default();
    size_issue(field, names.len(), issues);
    if let Some(index) = names.iter().position(|name| !is_type_name(name)) {
        issues.push((format!("{field}[{index}]"), TYPE_NAME_ISSUE.to_owned()));
    }
}

fn threshold_issues(field: &str, thresholds: &BTreeMap<String, f64>, issues: &mut Vec<(String, String)>) {
    size_issue(field, thresholds.len(), issues);
    for (name, value) in thresholds {
        if !is_type_name(name) {
            issues.push((field.to_owned(), TYPE_NAME_ISSUE.to_owned()));
        } else if !(0.0..=1.0).contains(value) {
            issues.push((format!("{field}.{name}"), "must be from 0 to 1".to_owned()));
        }
    }
}

fn synonym_issues(field: &str, synonyms: &BTreeMap<String, String>, issues: &mut Vec<(String, String)>) {
    size_issue(field, synonyms.len(), issues);
    for (name, other) in synonyms {
        if !is_type_name(name) {
            issues.push((field.to_owned(), TYPE_NAME_ISSUE.to_owned()));
        } else if !is_type_name(other) {
            issues.push((format!("{field}.{name}"), TYPE_NAME_ISSUE.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(value: serde_json::Value) -> ExtractOptions {
        serde_json::from_value(value).expect("options")
    }

    #[test]
    fn what_a_request_says_stands_and_the_rest_comes_from_the_default() {
        let default = options(json!({"entity_types": ["person"], "confidence_threshold": 0.7,
            "gazetteer": [{"name": "Acme", "type": "organization"}]}));
        let both = options(json!({"confidence_threshold": 0.9, "gazetteer": []})).over(&default);
        assert_eq!(both, options(json!({"entity_types": ["person"], "confidence_threshold": 0.9, "gazetteer": []})));
        assert_eq!(ExtractOptions::default().over(&default), default);
    }

    #[test]
    fn issues_name_their_fields() {
        let wrong = options(json!({
            "entity_types": ["person", "Bad Name"], "confidence_threshold": 2.0,
            "thresholds": {"relationship_types": {"works_for": 7.0}},
            "synonyms": {"entity_types": {"organization": "A Company"}},
            "gazetteer": [{"name": "ok", "type": "drug"}, {"name": "!", "type": "Drug", "aliases": ["", "x"], "id": ""}],
        }));
        let fields: Vec<String> = wrong.issues(10).into_iter().map(|(field, _)| field).collect();
        assert_eq!(
            fields,
            [
                "entity_types[1]",
                "confidence_threshold",
                "thresholds.relationship_types.works_for",
                "synonyms.entity_types.organization",
                "gazetteer[1].name",
                "gazetteer[1].aliases[0]",
                "gazetteer[1].type",
                "gazetteer[1].id",
            ]
        );
        assert_eq!(wrong.issues(1).last().map(|(field, _)| field.as_str()), Some("gazetteer"));
    }
}
