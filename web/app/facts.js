// The list beside the text: relationships with the words that prove them, entities by type, and
// the card of one entity.

import { button, count, el, percent, words } from "./dom.js";

/** How many rows of a long list are drawn before "Show more". */
const PAGE = 100;

/**
 * @param {HTMLElement} root
 * @param {{entities: object[], facts: object[]}} model from `readGraph`
 * @param {{showEvidence: (evidence: object) => void, showMention: (entity: object, index: number) => void,
 *   closeCard: () => void}} act what a click in the list does to the text
 * @returns {{openCard: (entity: object, index: number) => void}}
 */
export function makeFacts(root, model, act) {
  const card = el("section", { class: "entity-card", "aria-label": "Chosen entity", hidden: true });
  const list = el("div", { class: "fact-list" });
  const filter = el("input", { type: "search", "aria-label": "Filter the facts", placeholder: "Filter", autocomplete: "off" });
  const tabs = [
    tab("Relationships", model.facts.length, () => choose("facts")),
    tab("Entities", model.entities.length, () => choose("entities")),
  ];
  let chosen = model.facts.length > 0 || model.entities.length === 0 ? "facts" : "entities";

  const choose = (kind) => {
    chosen = kind;
    draw();
  };
  const draw = () => {
    tabs[0].setAttribute("aria-pressed", String(chosen === "facts"));
    tabs[1].setAttribute("aria-pressed", String(chosen === "entities"));
    const wanted = filter.value.trim().toLocaleLowerCase();
    list.replaceChildren(chosen === "facts"
      ? factList(model.facts.filter((fact) => matches(wanted, fact.head.name, words(fact.type), fact.tail.name)), act)
      : entityGroups(model.entities.filter((entity) => matches(wanted, entity.name, ...entity.aliases)), act));
    list.scrollTop = 0;
  };
  filter.addEventListener("input", draw);

  const openCard = (entity, index) => {
    fillCard(card, entity, index, {
      ...act,
      close: () => {
        card.hidden = true;
        act.closeCard();
      },
    });
    card.hidden = false;
    card.scrollTop = 0;
  };

  root.replaceChildren(
    card,
    el("div", { class: "tabs", role: "group", "aria-label": "Kinds of facts" }, ...tabs),
    filter,
    list,
  );
  draw();
  return { openCard };
}

function tab(label, number, action) {
  const made = button(label, action, { "aria-pressed": "false" });
  made.append(el("span", { class: "number", text: number.toLocaleString("en") }));
  return made;
}

function matches(wanted, ...texts) {
  return wanted === "" || texts.some((text) => text.toLocaleLowerCase().includes(wanted));
}

/** A list that draws its first rows and the rest when asked. */
function paged(items, draw, tag = "ol", className = "plain-list") {
  const list = el(tag, { class: className });
  let drawn = 0;
  const more = button("Show more", () => step(), { class: "plain" });
  const step = () => {
    const next = items.slice(drawn, drawn + PAGE);
    list.append(...next.map(draw));
    drawn += next.length;
    more.hidden = drawn >= items.length;
  };
  step();
  const box = el("div", {}, list);
  if (items.length > PAGE) box.append(more);
  return box;
}

function factList(facts, act) {
  if (facts.length === 0) return el("p", { class: "muted", text: "No relationships." });
  return paged(facts, (fact) => factRow(fact, act));
}

function factRow(fact, act) {
  const line = el("span", { class: "triple" },
    name(fact.head),
    el("span", { class: "relation", title: fact.open ? "In the text's own words" : "" },
      "—", el("b", { text: words(fact.type) }), "→"),
    name(fact.tail));
  const proofs = fact.evidence.map((evidence) => quoteButton(evidence, act));
  const title = fact.evidence.length > 0
    ? el("button", { type: "button", class: "fact", on: { click: () => act.showEvidence(fact.evidence[0]) } }, line)
    : el("div", { class: "fact" }, line);
  title.append(el("span", { class: "confidence", title: "Confidence", text: percent(fact.confidence) }));
  return el("li", { class: fact.open ? "fact-row open" : "fact-row" }, title, ...proofs);
}

function name(entity) {
  return el("span", { class: "name", data: { type: entity.type }, text: entity.name });
}

/** The words that prove a fact, with its two names in bold; a click shows them in the text. */
function quoteButton(evidence, act) {
  const quote = el("q");
  const ends = [evidence.head, evidence.tail]
    .filter((part) => part && evidence.exact && part.from >= evidence.from && part.to <= evidence.to)
    .sort((a, b) => a.from - b.from);
  let position = 0;
  for (const part of ends) {
    const from = part.from - evidence.from;
    if (from < position) continue; // One name inside the other: the outer one is bold already.
    const to = part.to - evidence.from;
    quote.append(evidence.quote.slice(position, from), el("b", { text: evidence.quote.slice(from, to) }));
    position = to;
  }
  quote.append(evidence.quote.slice(position));
  const made = el("button", { type: "button", class: "quote", on: { click: () => act.showEvidence(evidence) } }, quote);
  if (evidence.page) made.append(el("span", { class: "page", text: `p. ${evidence.page}` }));
  if (!evidence.exact) {
    made.append(el("span", { class: "inexact", text: "This quote is not the text at its place." }));
  }
  return made;
}

function entityGroups(entities, act) {
  if (entities.length === 0) return el("p", { class: "muted", text: "No entities." });
  const groups = new Map();
  for (const entity of entities) {
    if (!groups.has(entity.type)) groups.set(entity.type, []);
    groups.get(entity.type).push(entity);
  }
  const sections = [...groups].map(([type, members]) => el("section", { class: "group" },
    el("h3", {}, el("span", { class: "dot", data: { type } }), `${words(type)} `,
      el("span", { class: "number", text: String(members.length) })),
    paged(members, (entity) => entityRow(entity, act), "ul", "plain-list names")));
  return el("div", {}, ...sections);
}

function entityRow(entity, act) {
  const open = el("button", { type: "button", class: "name", data: { type: entity.type },
    on: { click: () => act.showMention(entity, 0) } }, entity.name);
  if (entity.spans.length > 1) {
    open.append(el("span", { class: "number", title: count(entity.spans.length, "mention"), text: `×${entity.spans.length}` }));
  }
  return el("li", {}, open);
}

function fillCard(card, entity, index, act) {
  const total = entity.spans.length;
  const step = (by) => act.showMention(entity, (index + by + total) % total);
  const places = total === 0 ? null : el("div", { class: "row" },
    el("span", { class: "muted", text: total === 1 ? "1 mention" : `Mention ${index + 1} of ${total}` }),
    total > 1 ? button("‹", () => step(-1), { "aria-label": "Previous mention" }) : null,
    total > 1 ? button("›", () => step(1), { "aria-label": "Next mention" }) : null);
  card.replaceChildren(
    el("header", {},
      el("h2", { text: entity.name }),
      button("×", act.close, { class: "plain close", "aria-label": "Close" })),
    el("p", { class: "muted" },
      el("span", { class: "dot", data: { type: entity.type } }),
      [words(entity.type), entity.confidence ? `confidence ${percent(entity.confidence)}` : ""].filter(Boolean).join(", ")),
  );
  if (entity.aliases.length > 0) {
    card.append(el("p", { class: "muted", text: `Also: ${entity.aliases.join(" · ")}` }));
  }
  if (places) card.append(places);
  card.append(entity.facts.length > 0
    ? paged(entity.facts, (fact) => factRow(fact, act))
    : el("p", { class: "muted", text: "No relationships in this document." }));
}
