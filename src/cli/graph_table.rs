//! The graph of a document as a table.

use std::collections::{BTreeMap, HashMap};

use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use kgl_extraction::Extraction;
use serde::Deserialize;

/// Quotes are shortened to this many characters: about a line and a half of a wide terminal.
const QUOTE: usize = 120;
const NAME: usize = 40;
/// The width of tables where there is no terminal to fit into.
const PLAIN_WIDTH: u16 = 140;

/// What one document says.
#[derive(Deserialize)]
pub(super) struct Graph {
    entities: Vec<Entity>,
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Entity {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    mentions: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Relationship {
    source_entity_id: String,
    target_entity_id: String,
    relationship_type: String,
    #[serde(default)]
    open: bool,
    evidence: Vec<Evidence>,
}

#[derive(Deserialize)]
struct Evidence {
    quote: String,
    confidence: f64,
}

/// The same for what was just read and is stored nowhere, with a table of the entities before that of the
/// relationships.
pub(super) fn extraction(name: &str, text: &str, found: &Extraction) -> String {
    let graph = Graph::of(text, found);
    if found.entities.is_empty() {
        return heading(name, &graph);
    }
    let mut table = table(["entity", "type", "sure", "mentions", "also called"]);
    for (entity, known) in found.entities.iter().zip(&graph.entities) {
        table.add_row([
            shortened(&entity.name, NAME),
            entity.entity_type.clone(),
            format!("{:.2}", entity.confidence),
            known.mentions.len().to_string(),
            shortened(&entity.aliases.join(", "), NAME),
        ]);
    }
    let rendered = render(name, &graph);
    match rendered.split_once('\n') {
        Some((heading, relationships)) => format!("{heading}\n{table}\n{relationships}"),
        None => rendered,
    }
}

impl Graph {
    fn of(text: &str, found: &Extraction) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let entities = found.entities.iter().enumerate().map(|(index, entity)| Entity {
            id: index.to_string(),
            name: entity.name.clone(),
            kind: entity.entity_type.clone(),
            mentions: found.mentions.iter().filter(|m| m.entity == index).map(|_| serde::de::IgnoredAny).collect(),
        });
        let mut relationships: BTreeMap<(usize, usize, &str, bool), Vec<Evidence>> = BTreeMap::new();
        for relation in &found.relations {
            let evidence = Evidence {
                quote: chars[relation.evidence.start..relation.evidence.end].iter().collect(),
                confidence: relation.confidence,
            };
            relationships
                .entry((relation.head, relation.tail, &relation.relation_type, relation.open))
                .or_default()
                .push(evidence);
        }
        let relationships = relationships.into_iter().map(|((head, tail, kind, open), evidence)| Relationship {
            source_entity_id: head.to_string(),
            target_entity_id: tail.to_string(),
            relationship_type: kind.to_owned(),
            open,
            evidence,
        });
        Self { entities: entities.collect(), relationships: relationships.collect() }
    }
}

/// What a relationship says; a tilde marks the text's own words.
fn said(relationship: &Relationship) -> String {
    let mark = if relationship.open { "~ " } else { "" };
    format!("{mark}{}", relationship.relationship_type)
}

/// An empty table that fits the terminal.
pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    if !table.is_tty() {
        table.set_width(PLAIN_WIDTH);
    }
    table
}

/// A heading with counts, and a row for each relationship, the surest first.
pub(super) fn render(name: &str, graph: &Graph) -> String {
    let heading = heading(name, graph);
    if graph.relationships.is_empty() {
        return format!("{heading}\n");
    }
    let names: HashMap<&str, &str> = graph.entities.iter().map(|e| (e.id.as_str(), e.name.as_str())).collect();
    let named = |id: &str| shortened(names.get(id).copied().unwrap_or("?"), NAME);
    let mut rows: Vec<(&Relationship, &Evidence)> =
        graph.relationships.iter().filter_map(|r| Some((r, best(&r.evidence)?))).collect();
    rows.sort_by(|a, b| b.1.confidence.total_cmp(&a.1.confidence));
    let mut table = table(["head", "relationship", "tail", "sure", "because the text says"]);
    for (relationship, evidence) in rows {
        table.add_row([
            named(&relationship.source_entity_id),
            said(relationship),
            named(&relationship.target_entity_id),
            format!("{:.2}", evidence.confidence),
            shortened(&evidence.quote, QUOTE),
        ]);
    }
    format!("{heading}\n{table}\n")
}

fn heading(name: &str, graph: &Graph) -> String {
    let mentions: usize = graph.entities.iter().map(|entity| entity.mentions.len()).sum();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for entity in &graph.entities {
        *kinds.entry(&entity.kind).or_default() += 1;
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    let entities = counted(graph.entities.len(), "entity", "entities");
    let mentions = counted(mentions, "mention", "mentions");
    let relationships = counted(graph.relationships.len(), "relationship", "relationships");
    format!("{name}: {entities}{kinds}, {mentions}, {relationships}")
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn best(evidence: &[Evidence]) -> Option<&Evidence> {
    evidence.iter().max_by(|a, b| a.confidence.total_cmp(&b.confidence))
}

/// One line of at most `most` characters, cut at the end of a word where that is near.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most - 1).collect();
    let cut = kept.rfind(' ').filter(|at| kept[..*at].chars().count() > most * 3 / 4);
    format!("{}…", &kept[..cut.unwrap_or(kept.len())])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn graph() -> Graph {
        serde_json::from_value(json!({
            "entities": [
                {"id": "a", "name": "Marie Curie", "type": "person", "mentions": [{}, {}]},
                {"id": "b", "name": "Warsaw", "type": "location", "mentions": [{}]},
            ],
            "relationships": [{
                "source_entity_id": "a", "target_entity_id": "b", "relationship_type": "born_in",
                "evidence": [{"quote": "weaker", "confidence": 0.4},
                    {"quote": "Marie Curie was born\nin Warsaw.", "confidence": 0.93}],
            }],
        }))
        .expect("a graph")
    }

    #[test]
    fn a_relationship_stands_with_its_best_evidence_on_one_line() {
        let text = render("curie.txt", &graph());
        assert!(
            text.starts_with("curie.txt: 2 entities (1 location, 1 person), 3 mentions, 1 relationship\n"),
            "{text}"
        );
        let row = text.lines().find(|line| line.contains("born_in")).expect("a row");
        for piece in ["Marie Curie", "Warsaw", "0.93", "Marie Curie was born in Warsaw."] {
            assert!(row.contains(piece), "{row}");
        }
        assert!(!text.contains("weaker"));
    }

    #[test]
    fn long_quotes_end_at_a_word() {
        let short = shortened(&"wörd ".repeat(50), 22);
        assert_eq!(short, "wörd wörd wörd wörd…");
        assert_eq!(shortened(&"x".repeat(50), 10), format!("{}…", "x".repeat(9)));
    }
}
