//! What reading a document again changed of what it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How many facts were added, removed and changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeCount {
    /// Which the document did not say before.
    pub added: i64,
    /// Which it says no more.
    pub removed: i64,
    /// Which it says in other places, or more or less surely.
    pub changed: i64,
}

/// What an extraction changed, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeCounts {
    /// Entities that the document names.
    pub entities: ChangeCount,
    /// Relationships that it states.
    pub relationships: ChangeCount,
}

/// What a change is a change of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangedKind {
    /// An entity that the document names.
    Entity,
    /// A relationship that it states.
    Relationship,
}

/// What happened to a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeType {
    /// The document did not say it before.
    Added,
    /// It says it no more.
    Removed,
    /// It says it in other places, or more or less surely.
    Changed,
}

impl ChangedKind {
    /// The name that the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ChangedKind::Entity => "entity",
            ChangedKind::Relationship => "relationship",
        }
    }
}

impl ChangeType {
    /// The name that the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeType::Added => "added",
            ChangeType::Removed => "removed",
            ChangeType::Changed => "changed",
        }
    }
}

/// How often, and how surely, a document says something.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Said {
    /// Mentions of an entity, or passages that state a relationship.
    pub places: i64,
    /// Confidence of the surest of them.
    pub confidence: f64,
}

/// An entity at the end of a relationship.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct ChangeEnd {
    /// Its id at the time of the extraction.
    pub id: Uuid,
    /// Its name then.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub entity_type: String,
}

/// One fact that an extraction added, removed or changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Of what.
    pub kind: ChangedKind,
    /// What happened to it.
    pub change: ChangeType,
    /// The entity's or relationship's id at the time. One that was removed may live on: other documents say it.
    pub id: Uuid,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The entity's name; none for a relationship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the relationship starts; none for an entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ChangeEnd>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<ChangeEnd>,
    /// How the document said it before; none if it did not.
    pub before: Option<Said>,
    /// How it says it now; none if it does not.
    pub after: Option<Said>,
}

/// Which changes to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChangeFilter {
    /// Only of these.
    pub kind: Option<ChangedKind>,
    /// Only these.
    pub change: Option<ChangeType>,
}

/// A fact as a document states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// Its type.
    pub type_name: String,
    /// The entity's name.
    pub name: Option<String>,
    /// The relationship's ends.
    pub ends: Option<(ChangeEnd, ChangeEnd)>,
    /// Where it is said, and how surely: spans with the confidence's bits.
    pub places: Vec<(i32, i32, i32, i32, u32)>,
}

impl Stated {
    #[allow(clippy::cast_possible_wrap)]
    fn said(&self) -> Said {
        let surest = self.places.iter().map(|place| f32::from_bits(place.4)).fold(0.0, f32::max);
        Said { places: self.places.len() as i64, confidence: f64::from(surest) }
    }

    fn order(&self) -> (Option<&str>, Option<(&str, &str)>, &str) {
        let ends = self.ends.as_ref().map(|(source, target)| (source.name.as_str(), target.name.as_str()));
        (self.name.as_deref(), ends, &self.type_name)
    }
}

/// All that a document states, by the ids of entities and relationships.
pub type Statements = BTreeMap<(ChangedKind, Uuid), Stated>;

/// What became different, ordered by name, and its counts.
#[must_use]
pub fn compare(before: &Statements, after: &Statements) -> (Vec<Change>, ChangeCounts) {
    let mut found: Vec<(&(ChangedKind, Uuid), ChangeType, &Stated)> = Vec::new();
    for (key, stated) in after {
        match before.get(key) {
            None => found.push((key, ChangeType::Added, stated)),
            Some(old) if old.places != stated.places => found.push((key, ChangeType::Changed, stated)),
            Some(_) => {}
        }
    }
    let removed = before.iter().filter(|(key, _)| !after.contains_key(*key));
    found.extend(removed.map(|(key, stated)| (key, ChangeType::Removed, stated)));
    found.sort_by(|one, two| (one.0.0, one.2.order(), one.0.1).cmp(&(two.0.0, two.2.order(), two.0.1)));
    let mut counts = ChangeCounts::default();
    let changes = found.into_iter().map(|(key, change, stated)| {
        let count = match key.0 {
            ChangedKind::Entity => &mut counts.entities,
            ChangedKind::Relationship => &mut counts.relationships,
        };
        match change {
            ChangeType::Added => count.added += 1,
            ChangeType::Removed => count.removed += 1,
            ChangeType::Changed => count.changed += 1,
        }
        let (source, target) = stated.ends.clone().unzip();
        Change {
            kind: key.0,
            change,
            id: key.1,
            type_name: stated.type_name.clone(),
            name: stated.name.clone(),
            source,
            target,
            before: before.get(key).map(Stated::said),
            after: after.get(key).map(Stated::said),
        }
    });
    (changes.collect(), counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(name: &str, places: &[(i32, f32)]) -> Stated {
        Stated {
            type_name: "person".into(),
            name: Some(name.into()),
            ends: None,
            places: places.iter().map(|(at, confidence)| (*at, *at + 3, 0, 0, confidence.to_bits())).collect(),
        }
    }

    #[test]
    fn facts_are_added_removed_or_said_elsewhere() {
        let id = |number: u128| (ChangedKind::Entity, Uuid::from_u128(number));
        let before = Statements::from([
            (id(1), entity("Zoe", &[(0, 0.5)])),
            (id(2), entity("Ann", &[(5, 0.5)])),
            (id(3), entity("Bob", &[(9, 0.5)])),
        ]);
        let after = Statements::from([
            (id(1), entity("Zoe", &[(0, 0.5), (20, 0.75)])),
            (id(3), entity("Bob", &[(9, 0.5)])),
            (id(4), entity("Eve", &[(30, 1.0)])),
        ]);
        let (changes, counts) = compare(&before, &after);
        let told: Vec<_> = changes.iter().map(|c| (c.name.as_deref().unwrap_or_default(), c.change)).collect();
        assert_eq!(told, [("Ann", ChangeType::Removed), ("Eve", ChangeType::Added), ("Zoe", ChangeType::Changed)]);
        assert_eq!(counts.entities, ChangeCount { added: 1, removed: 1, changed: 1 });
        assert_eq!(changes[2].before, Some(Said { places: 1, confidence: 0.5 }));
        assert_eq!(changes[2].after, Some(Said { places: 2, confidence: 0.75 }));
        assert_eq!(compare(&after, &after), (Vec::new(), ChangeCounts::default()));
    }
}
