// Small helpers for building the page. Text that came from a server or a person
// only ever enters the page through `textContent`, so none of it can become markup.

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Makes an element.
 * @param {string} tag
 * @param {object} props `class`, `text`, `data` (dataset), `on` (listeners); anything else is an attribute.
 *   `true` sets an empty attribute; `null`, `undefined` and `false` leave it out.
 * @param {...(Node|string|null)} children
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "text") node.textContent = value;
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A button that does `action` when pressed. */
export function button(label, action, props = {}) {
  return el("button", { type: "button", text: label, on: { click: action }, ...props });
}

/** Says something to people who use a screen reader. */
export function announce(message) {
  byId("announce").textContent = message;
}

const sizeFormat = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** A number of bytes for people, in decimal units. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${sizeFormat.format(bytes / 1e3)} kB`;
  return `${sizeFormat.format(bytes / 1e6)} MB`;
}

/** "1 fact", "2 facts". */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** An RFC 3339 time as a short local date and time. */
export function when(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime())
    ? ""
    : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** `works_for` as people read it: "works for". */
export function words(snakeCase) {
  return String(snakeCase ?? "").replaceAll("_", " ");
}

/** A confidence between 0 and 1 as a percentage. */
export function percent(confidence) {
  return typeof confidence === "number" ? `${Math.round(confidence * 100)} %` : "";
}
