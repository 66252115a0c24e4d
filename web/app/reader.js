// One document: its job while that runs, then its text with the names marked and its facts beside it.

import { getContent, getDocument, getGraph, latestJob } from "./api.js";
import { announce, byId, count, el, size, when, words } from "./dom.js";
import { makeFacts } from "./facts.js";
import { followJob } from "./job.js";
import { readGraph } from "./model.js";
import { clearProblem, showProblem } from "./problem.js";
import { layOut, withoutOverlaps } from "./spans.js";

const reader = byId("reader");
const textPane = byId("text");
const factsPane = byId("facts");
/** Frames after a long jump in which the place is measured again. */
const MOST_CORRECTIONS = 6;
let scrolled = {}; // pane → where the window was when it was left

/** Listens to the pane switch that narrow screens show. */
export function setUpReader() {
  for (const choice of reader.querySelectorAll("[data-pane]")) {
    choice.addEventListener("click", () => showPane(choice.dataset.pane));
  }
}

/**
 * Opens a document.
 * @param {string} id
 * @param {{signal: AbortSignal, job?: object, known?: boolean, onChange: () => void}} options
 *   `job`: the document's job where it is known already; `known`: it was submitted before;
 *   `onChange`: called when its status has changed, so that the list can follow
 */
export async function openDocument(id, { signal, job, known, onChange }) {
  clearProblem(reader);
  clear();
  try {
    const [document, latest] = await Promise.all([getDocument(id, signal), job ?? latestJob(id, signal)]);
    if (signal.aborted) return;
    showHead(document, known);
    if (latest && latest.status !== "completed") {
      byId("job").hidden = false;
      followJob(byId("job"), latest, { signal, onChange: (next) => {
        onChange();
        if (next.status !== "completed") return;
        showNotes(next);
        showGraph(document, known, signal);
      } });
      // A later revision may be in work while the graph of the one before can still be read.
      if (document.status === "completed") await showGraph(document, known, signal);
    } else {
      showNotes(latest);
      await showGraph(document, known, signal);
    }
  } catch (error) {
    if (signal.aborted) return;
    byId("reader-heading").textContent = "This document cannot be opened";
    showProblem(reader, error);
  }
}

function clear() {
  byId("reader-heading").textContent = "Opening …";
  byId("reader-facts").textContent = "";
  showNotes(null);
  byId("job").hidden = true;
  byId("job").replaceChildren();
  byId("reading").hidden = true;
  delete byId("reading").dataset.pane;
  scrolled = {};
  textPane.replaceChildren();
  factsPane.replaceChildren();
  highlight({});
}

function showHead(document, known, model) {
  byId("reader-heading").textContent = document.title || "Untitled document";
  byId("reader-heading").focus({ preventScroll: true });
  byId("reader-facts").textContent = [
    known ? "Submitted before" : "",
    model ? count(model.facts.length, "relationship") : "",
    model ? count(model.entities.length, "entity", "entities") : "",
    typeof document.size_bytes === "number" ? size(document.size_bytes) : "",
    when(document.created_at),
  ].filter(Boolean).join(" · ");
}

/** What the service says of how it read the document, such as a language that it does not know. */
function showNotes(job) {
  const notes = job?.result?.notes ?? [];
  byId("reader-notes").replaceChildren(...notes.map((note) => el("li", { text: note })));
}

async function showGraph(document, known, signal) {
  try {
    const [content, graph] = await Promise.all([getContent(document.id, signal), getGraph(document.id, signal)]);
    if (signal.aborted) return;
    const model = readGraph(content.content, graph);
    byId("job").hidden = true;
    byId("reading").hidden = false;
    showHead(document, known, model);
    showPane("text");
    draw(content.content, model);
    announce(`${count(model.facts.length, "relationship")} and ${count(model.entities.length, "entity", "entities")} found`);
  } catch (error) {
    if (!signal.aborted) showProblem(reader, error);
  }
}

/** Draws text and facts, and joins them: a click in either shows the matching place in the other. */
function draw(text, model) {
  const mentions = model.entities.flatMap((entity) =>
    entity.spans.map((span, index) => ({ from: span.from, to: span.to, entity, index })));
  const elements = new Map(); // entity → its marks
  const mentionOf = new WeakMap(); // mark → mention
  const find = layOut(textPane, text, withoutOverlaps(mentions), (mention) => {
    const mark = el("mark", {
      role: "button",
      tabindex: "-1",
      title: `${words(mention.entity.type)}: ${mention.entity.name}`,
      data: { type: mention.entity.type },
    });
    mentionOf.set(mark, mention);
    if (!elements.has(mention.entity)) elements.set(mention.entity, []);
    elements.get(mention.entity).push(mark);
    return mark;
  });

  const choose = (entity) => {
    for (const marked of textPane.querySelectorAll("mark.chosen")) marked.classList.remove("chosen");
    for (const mark of elements.get(entity) ?? []) mark.classList.add("chosen");
  };
  const act = {
    showEvidence(evidence) {
      choose(null);
      const whole = find(evidence.from, evidence.to);
      highlight({
        evidence: whole,
        head: evidence.head && find(evidence.head.from, evidence.head.to),
        tail: evidence.tail && find(evidence.tail.from, evidence.tail.to),
      });
      showPane("text");
      scrollTo(whole);
    },
    showMention(entity, index) {
      choose(entity);
      const span = entity.spans[index];
      facts.openCard(entity, index);
      if (!span) return;
      const range = find(span.from, span.to);
      highlight({ mention: range });
      showPane("text");
      scrollTo(range);
    },
    closeCard() {
      choose(null);
      highlight({});
    },
  };
  const facts = makeFacts(factsPane, model, act);
  listenToNames(mentionOf, act);
}

/** Clicks and keys on the names. One name at a time is in the tab order; the arrow keys move it. */
function listenToNames(mentionOf, act) {
  const marks = textPane.getElementsByTagName("mark");
  if (marks.length > 0) marks[0].tabIndex = 0;
  const press = (target) => {
    const mention = mentionOf.get(target.closest("mark"));
    if (mention) act.showMention(mention.entity, mention.index);
  };
  textPane.onclick = ({ target }) => press(target);
  textPane.onkeydown = (event) => {
    const mark = event.target.closest("mark");
    if (!mark) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      press(mark);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      const index = Array.prototype.indexOf.call(marks, mark);
      const next = marks[index + (event.key === "ArrowRight" ? 1 : -1)];
      if (!next) return;
      mark.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  };
}

/**
 * Highlights DOM ranges by name without changing the document, so they may cut across the names' marks.
 * Browsers without the Highlight API get the whole span as the selection.
 */
function highlight(ranges) {
  if (window.CSS?.highlights && window.Highlight) {
    for (const name of ["evidence", "head", "tail", "mention"]) {
      if (ranges[name]) CSS.highlights.set(name, new Highlight(ranges[name]));
      else CSS.highlights.delete(name);
    }
    return;
  }
  const selection = window.getSelection();
  selection.removeAllRanges();
  const range = ranges.evidence ?? ranges.mention;
  if (range) selection.addRange(range);
}

/** Brings a range to the upper third of the window; on a phone a card may cover the lower half. */
function scrollTo(range) {
  // A block out of sight has only an estimated height, so a long way is gone at once and put right
  // in the next frames, when the blocks on arrival have been laid out.
  const distance = Math.abs(range.getBoundingClientRect().top);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const near = distance > 0 && distance < window.innerHeight * 3;
  if (!near) range.startContainer.parentElement?.closest(".block")?.scrollIntoView({ block: "nearest" });
  approach(range, near && !calm ? "smooth" : "auto", near ? 1 : MOST_CORRECTIONS);
}

function approach(range, behavior, tries) {
  const { top, bottom } = range.getBoundingClientRect();
  const inSight = top >= window.innerHeight * 0.12 && bottom <= window.innerHeight * 0.5;
  if (!inSight) window.scrollTo({ top: window.scrollY + top - window.innerHeight * 0.3, behavior });
  if (tries > 1) requestAnimationFrame(() => approach(range, behavior, tries - 1));
}

/** Shows the text or the facts where there is no room for both, each scrolled to where it was left. */
function showPane(pane) {
  const { dataset } = byId("reading");
  const narrow = matchMedia("(max-width: 48rem)").matches;
  if (dataset.pane && dataset.pane !== pane) scrolled[dataset.pane] = window.scrollY;
  const before = dataset.pane;
  dataset.pane = pane;
  if (narrow && before && before !== pane) window.scrollTo(0, scrolled[pane] ?? 0);
  for (const choice of reader.querySelectorAll("[data-pane]")) {
    if (choice.tagName === "BUTTON") choice.setAttribute("aria-pressed", String(choice.dataset.pane === pane));
  }
}
