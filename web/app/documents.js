// The list of the user's documents.

import { listDocuments } from "./api.js";
import { button, byId, el, when, words } from "./dom.js";
import { message } from "./problem.js";

const PAGE = 30;

let pending = null; // stops an older refresh from overwriting a newer one
let openId = "";

/** Loads the first page again. */
export async function refreshDocuments() {
  pending?.abort();
  pending = new AbortController();
  const { signal } = pending;
  try {
    const page = await listDocuments({ limit: PAGE, signal });
    const list = el("ul", { class: "documents" }, ...page.documents.map(row));
    byId("documents").replaceChildren(page.documents.length > 0 ? list : el("p", { class: "muted", text: "None yet." }));
    offerMore(list, page, signal);
  } catch (error) {
    if (!signal.aborted) byId("documents").replaceChildren(el("p", { class: "reason", text: message(error) }));
  }
}

/** Marks the document that is open; "" for none. */
export function markOpen(id) {
  openId = id;
  for (const link of byId("documents").querySelectorAll("a")) mark(link);
}

/** Forgets everything, when the user has signed out. */
export function clearDocuments() {
  pending?.abort();
  byId("documents").replaceChildren();
}

function offerMore(list, page, signal) {
  if (!page.has_more || !page.next_cursor) return;
  const more = button("Show more", async () => {
    more.disabled = true;
    try {
      const next = await listDocuments({ limit: PAGE, cursor: page.next_cursor, signal });
      list.append(...next.documents.map(row));
      more.remove();
      offerMore(list, next, signal);
    } catch (error) {
      if (signal.aborted) return;
      more.disabled = false;
      more.textContent = `${message(error)} Try again`;
    }
  }, { class: "plain" });
  list.after(more);
}

function row(document) {
  const link = el("a", { href: `#/documents/${document.id}`, data: { id: document.id } },
    el("span", { class: "title", text: document.title || "Untitled document" }),
    el("span", { class: "muted small" },
      el("span", { class: "status", data: { status: document.status }, text: words(document.status) }),
      when(document.created_at)));
  mark(link);
  return el("li", {}, link);
}

function mark(link) {
  if (link.dataset.id === openId) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}
