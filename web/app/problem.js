// Shows a failed request where its cause is: the message in the form's problem box,
// the field issues under it, and the fields that are meant marked as invalid.

import { el } from "./dom.js";
import { ApiError } from "./api.js";

/** Empties the problem box of `root` and unmarks its fields. */
export function clearProblem(root) {
  const box = root.querySelector(".problem");
  box.hidden = true;
  box.replaceChildren();
  for (const field of root.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

/** Shows `error` in the problem box of `root`. */
export function showProblem(root, error) {
  clearProblem(root);
  const box = root.querySelector(".problem");
  box.append(el("p", { text: message(error) }));
  if (error instanceof ApiError) {
    if (error.issues.length > 0) {
      box.append(el("ul", {}, ...error.issues.map(({ field, issue }) =>
        el("li", { text: field ? `${field}: ${issue}` : issue }))));
    }
    markFields(root, error.issues);
    if (error.requestId) box.append(el("p", { class: "small muted", text: `Request ${error.requestId}` }));
  }
  box.hidden = false;
}

/** What a person should read about `error`. */
export function message(error) {
  return error instanceof Error ? error.message : String(error);
}

function markFields(root, issues) {
  let first = null;
  for (const { field } of issues) {
    // A field may be given as a path, such as `/email` or `body.email`.
    const name = String(field ?? "").split(/[./]/).pop();
    const input = name ? root.querySelector(`[name="${CSS.escape(name)}"]`) : null;
    if (!input) continue;
    input.setAttribute("aria-invalid", "true");
    first ??= input;
  }
  first?.focus();
}
