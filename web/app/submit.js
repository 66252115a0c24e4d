// The form for a new document: pasted text, or a file that is chosen or dropped.

import { submitFile, submitText } from "./api.js";
import { announce, byId, size } from "./dom.js";
import { clearProblem, showProblem } from "./problem.js";

/** The service's own limit for one document, in bytes. */
const MAX_BYTES = 10 * 1024 * 1024;

const TYPES = {
  txt: "text/plain",
  text: "text/plain",
  md: "text/markdown",
  markdown: "text/markdown",
  html: "text/html",
  htm: "text/html",
  json: "application/json",
  csv: "text/csv",
  tsv: "text/csv",
  eml: "message/rfc822",
  pdf: "application/pdf",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
};
const KINDS = "txt, md, html, pdf, docx, csv, json or eml";

const form = byId("submit-form");
const fields = form.elements;
let file = null;

/** Wires the form up. `onSubmitted({document, job, known})` hears of each accepted document. */
export function setUpSubmit(onSubmitted) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(onSubmitted);
  });
  fields.content.addEventListener("input", showSize);
  byId("file").addEventListener("change", ({ target }) => {
    if (target.files.length > 0) take(target.files[0]);
    target.value = ""; // So that choosing the same file again is noticed.
  });
  byId("file-chip").querySelector("button").addEventListener("click", () => {
    setFile(null);
    fields.content.focus();
  });
  setUpDrop(byId("drop"));
}

/** Empties the form. */
export function clearSubmit() {
  form.reset();
  setFile(null);
  clearProblem(form);
}

async function submit(onSubmitted) {
  clearProblem(form);
  const problem = findProblem();
  if (problem) {
    showProblem(form, problem);
    return;
  }
  const press = form.querySelector("[type=submit]");
  press.disabled = true;
  press.textContent = "Sending …";
  try {
    const title = fields.title.value.trim();
    const accepted = file
      ? await submitFile(file, typeOf(file), title)
      : await submitText({ ...(title && { title }), content: fields.content.value, content_type: fields.content_type.value });
    clearSubmit();
    onSubmitted(accepted);
  } catch (error) {
    showProblem(form, error);
  } finally {
    press.disabled = false;
    press.textContent = "Find the facts";
  }
}

/** What is wrong with the form before anything is sent, or null. */
function findProblem() {
  if (file) return file.size > MAX_BYTES ? tooLarge(file.size) : null;
  if (fields.content.value.trim() === "") return "Paste a text, or choose a file.";
  const bytes = textBytes();
  return bytes > MAX_BYTES ? tooLarge(bytes) : null;
}

function tooLarge(bytes) {
  return `The document has ${size(bytes)}; at most 10 MB are taken.`;
}

function textBytes() {
  return new Blob([fields.content.value]).size;
}

function take(candidate) {
  clearProblem(form);
  if (!typeOf(candidate)) {
    showProblem(form, `“${candidate.name}” is not a ${KINDS} file.`);
    return;
  }
  if (candidate.size > MAX_BYTES) {
    showProblem(form, tooLarge(candidate.size));
    return;
  }
  setFile(candidate);
  announce(`${candidate.name} chosen`);
}

function setFile(next) {
  file = next;
  byId("file-chip").hidden = !file;
  fields.content.hidden = Boolean(file);
  byId("format-label").hidden = Boolean(file);
  if (file) byId("file-chip").querySelector("span").textContent = file.name;
  showSize();
}

function showSize() {
  const bytes = file ? file.size : textBytes();
  const note = byId("size");
  note.textContent = bytes > 0 ? `${size(bytes)} of at most 10 MB` : `${KINDS}, at most 10 MB`;
  note.classList.toggle("over", bytes > MAX_BYTES);
}

function typeOf({ name }) {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? undefined : TYPES[name.slice(dot + 1).toLowerCase()];
}

function setUpDrop(zone) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // `dragenter` and `dragleave` come for every child too.
  zone.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) zone.classList.remove("over");
  });
  zone.addEventListener("drop", () => {
    depth = 0;
    zone.classList.remove("over");
  });
  // Anywhere else on the page a dropped file would replace the page: take it too.
  document.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (!byId("new-document").hidden && event.dataTransfer.files.length > 0) take(event.dataTransfer.files[0]);
  });
}
