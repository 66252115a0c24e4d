//! One user's whole graph as lines of text that do not depend on identifiers or times, so that two graphs that say the
//! same are equal; and the rules that every graph keeps.

use kgl_test_support::number;

use crate::harness::{Client, Service};

/// Names an entity by what it is recognised by.
const KEY: &str = "concat_ws('/', e.type, e.name_key, nullif(e.distinction, ''))";

/// The user of a client.
pub fn user_id(client: &Client) -> String {
    client.get("/api/v1/auth/me").expect(200)["id"].as_str().expect("an id").to_owned()
}

/// All facts of a user with all their evidence, in a fixed order.
pub fn graph(service: &Service, user: &str) -> Vec<String> {
    let queries = [
        format!(
            "SELECT concat_ws(' | ', 'entity', {KEY}, e.name, e.aliases, e.source, e.source_type, e.metadata,
                    e.mention_count, e.evidence_weight, e.confidence, e.is_active)
             FROM entities e WHERE e.owner_id = '{user}'"
        ),
        format!(
            "SELECT concat_ws(' | ', 'mention', {KEY}, encode(d.content_hash, 'hex'), m.revision, m.start_offset,
                    m.end_offset, m.sentence_start, m.sentence_end, m.quote, m.confidence, m.distinction)
             FROM entity_mentions m JOIN entities e ON e.id = m.entity_id JOIN documents d ON d.id = m.document_id
             WHERE m.owner_id = '{user}'"
        ),
        format!(
            "SELECT concat_ws(' | ', 'relationship', {KEY}, r.relationship_type, r.open,
                    concat_ws('/', t.type, t.name_key, nullif(t.distinction, '')),
                    r.confidence, r.evidence_weight, r.evidence_count, r.metadata, r.is_active)
             FROM entity_relationships r JOIN entities e ON e.id = r.source_entity_id
             JOIN entities t ON t.id = r.target_entity_id WHERE r.owner_id = '{user}'"
        ),
        format!(
            "SELECT concat_ws(' | ', 'evidence', {KEY}, r.relationship_type, concat_ws('/', t.type, t.name_key, nullif(t.distinction, '')),
                    encode(d.content_hash, 'hex'), v.revision, v.start_offset, v.end_offset, v.head_start, v.head_end,
                    v.tail_start, v.tail_end, v.quote, v.confidence)
             FROM relationship_evidence v JOIN entity_relationships r ON r.id = v.relationship_id
             JOIN entities e ON e.id = r.source_entity_id JOIN entities t ON t.id = r.target_entity_id
             JOIN documents d ON d.id = v.document_id WHERE v.owner_id = '{user}'"
        ),
    ];
    let rows = queries.iter().flat_map(|query| service.sql(query));
    let mut lines: Vec<String> = rows.map(|mut row| row.remove(0).expect("a line")).collect();
    lines.sort_unstable();
    lines
}

/// Checks that two graphs say the same, and shows where they do not.
#[track_caller]
pub fn assert_same(found: &[String], expected: &[String], what: &str) {
    let missing: Vec<&String> = expected.iter().filter(|line| found.binary_search(line).is_err()).collect();
    let extra: Vec<&String> = found.iter().filter(|line| expected.binary_search(line).is_err()).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{what}: {} lines are missing and {} are too many of {}\nmissing: {:#?}\ntoo many: {:#?}",
        missing.len(),
        extra.len(),
        expected.len(),
        &missing[..missing.len().min(8)],
        &extra[..extra.len().min(8)],
    );
    assert_eq!(found.len(), expected.len(), "{what}: a line stands there twice");
}

/// Checks what holds for every graph at every moment: counts agree with evidence, and nothing is there without it.
#[track_caller]
pub fn assert_sound(service: &Service) {
    let rules = [
        (
            "an entity's mention count is not the number of its mentions",
            "SELECT count(*) FROM entities e WHERE mention_count <>
                 (SELECT count(*) FROM entity_mentions m WHERE m.entity_id = e.id)",
        ),
        (
            "an extracted entity has no mention",
            "SELECT count(*) FROM entities WHERE mention_count = 0 AND origin = 'extracted'",
        ),
        (
            "a relationship's evidence count is not the number of its passages",
            "SELECT count(*) FROM entity_relationships r WHERE evidence_count <>
                 (SELECT count(*) FROM relationship_evidence v WHERE v.relationship_id = r.id)",
        ),
        (
            "an extracted relationship has no passage",
            "SELECT count(*) FROM entity_relationships WHERE evidence_count = 0 AND origin = 'extracted'",
        ),
        (
            "facts of a document whose job is not completed",
            "SELECT count(*) FROM entity_mentions m JOIN documents d ON d.id = m.document_id
             JOIN jobs j ON j.id = d.job_id WHERE j.status <> 'completed'",
        ),
        (
            "a completed job's result is not what its document has",
            "SELECT count(*) FROM jobs j JOIN documents d ON d.job_id = j.id WHERE j.status = 'completed'
               AND (j.result->>'mentions')::bigint <>
                 (SELECT count(*) FROM entity_mentions m WHERE m.document_id = d.id)",
        ),
        (
            "a quote is not the text at its span",
            "SELECT count(*) FROM entity_mentions m JOIN document_revisions r USING (document_id, revision)
             WHERE length(r.content) < 100000
               AND substr(r.content, m.start_offset + 1, m.end_offset - m.start_offset) <> m.quote",
        ),
    ];
    for (broken, count) in rules {
        assert_eq!(number(&service.data, count), 0, "{broken}");
    }
}
