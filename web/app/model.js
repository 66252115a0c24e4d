// A document's graph made ready for the page: offsets turned into positions of JavaScript strings,
// relationships joined with the names at their ends, everything in reading order.

import { utf16Offsets } from "./spans.js";

const LAST = Number.MAX_SAFE_INTEGER;

/**
 * @typedef {{from: number, to: number, quote: string, exact: boolean, confidence: number}} Span
 *   `exact`: the text at the span is the quote, character for character.
 * @typedef {Span & {head: Span|null, tail: Span|null, page: number|null}} Evidence
 * @typedef {{id: string, name: string, type: string, confidence: number, aliases: string[],
 *   spans: Span[], facts: Fact[]}} Entity
 * @typedef {{id: string, type: string, confidence: number, head: Entity, tail: Entity,
 *   evidence: Evidence[]}} Fact
 */

/**
 * @param {string} text the document's stored text
 * @param {object} graph the answer of `GET /documents/{id}/graph`
 * @returns {{entities: Entity[], facts: Fact[]}}
 */
export function readGraph(text, graph) {
  const unit = utf16Offsets(text);
  const span = ({ start, end, quote, confidence }) => {
    const from = unit(start);
    const to = Math.max(from, unit(end));
    const found = text.slice(from, to);
    return { from, to, confidence, quote: quote ?? found, exact: quote === undefined || quote === found };
  };
  const optional = (part) => (part ? span(part) : null);

  const entities = (graph.entities ?? []).map((entity) => ({
    id: entity.id,
    name: entity.name,
    type: entity.type,
    confidence: entity.confidence,
    aliases: (entity.aliases ?? []).filter((alias) => alias !== entity.name),
    spans: (entity.mentions ?? []).map(span).sort(byPosition),
    facts: [],
  }));
  const byId = new Map(entities.map((entity) => [entity.id, entity]));

  const facts = (graph.relationships ?? []).map((relationship) => ({
    id: relationship.id,
    type: relationship.relationship_type,
    open: relationship.open === true,
    confidence: relationship.confidence,
    head: byId.get(relationship.source_entity_id) ?? unknownEntity(),
    tail: byId.get(relationship.target_entity_id) ?? unknownEntity(),
    evidence: (relationship.evidence ?? [])
      .map((part) => ({ ...span(part), page: part.page ?? null, head: optional(part.head), tail: optional(part.tail) }))
      .sort(byPosition),
  }));
  facts.sort((a, b) => firstPosition(a.evidence) - firstPosition(b.evidence));
  for (const fact of facts) {
    fact.head.facts.push(fact);
    fact.tail.facts.push(fact);
  }
  entities.sort((a, b) => firstPosition(a.spans) - firstPosition(b.spans));
  return { entities, facts };
}

/** An end of a relationship that the answer does not list: shown, but leads nowhere. */
function unknownEntity() {
  return { id: "", name: "(not in this document)", type: "", confidence: 0, aliases: [], spans: [], facts: [] };
}

function byPosition(a, b) {
  return a.from - b.from || a.to - b.to;
}

function firstPosition(spans) {
  return spans.length > 0 ? spans[0].from : LAST;
}
