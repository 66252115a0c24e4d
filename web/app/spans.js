// Offsets. The service counts Unicode scalar values; JavaScript strings count UTF-16 code units.
// A character outside the Basic Multilingual Plane is one of the former and two of the latter.

/**
 * Makes a function from an offset in scalar values to an offset in UTF-16 code units of `text`.
 * Offsets past the end answer the end.
 * @param {string} text
 * @returns {(offset: number) => number}
 */
export function utf16Offsets(text) {
  // Most texts have no surrogate pair, and then the two ways of counting agree.
  if (!/[\uD800-\uDBFF]/.test(text)) return (offset) => Math.min(offset, text.length);
  const starts = new Uint32Array(text.length + 1);
  let scalars = 0;
  for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) {
    starts[scalars++] = unit;
  }
  return (offset) => (offset < scalars ? starts[offset] : text.length);
}

/**
 * Chooses which mentions become clickable names in the text: in reading order, and where two
 * overlap, the one that starts first (of those, the longest). The others stay in the lists.
 * @param {{from: number, to: number}[]} mentions
 */
export function withoutOverlaps(mentions) {
  const sorted = [...mentions].sort((a, b) => a.from - b.from || b.to - a.to);
  let end = 0;
  return sorted.filter(({ from, to }) => {
    if (from < end || to <= from) return false;
    end = to;
    return true;
  });
}

/**
 * Puts `text` into `root` with each of `marks` as a `<mark>`, and remembers where every text node starts.
 *
 * The text is cut at line ends into blocks of a few thousand characters, so that the browser lays
 * out only those in sight: a document of several megabytes still scrolls.
 * @param {HTMLElement} root
 * @param {string} text
 * @param {{from: number, to: number}[]} marks sorted and without overlaps, offsets in code units
 * @param {(mark: object) => HTMLElement} makeMark makes the (empty) element of one mark
 * @returns {(from: number, to: number) => Range} finds the DOM range of a span
 */
export function layOut(root, text, marks, makeMark) {
  const nodes = [];
  const starts = [];
  const blocks = document.createDocumentFragment();
  let block = newBlock(blocks);
  let blockStart = 0;

  const put = (parent, from, to) => {
    if (from === to) return;
    const node = document.createTextNode(text.slice(from, to));
    nodes.push(node);
    starts.push(from);
    parent.append(node);
  };
  const putPlain = (from, to) => {
    while (from < to) {
      const full = Math.max(from, blockStart + BLOCK_UNITS);
      // Searched in this stretch only: with one very long line, looking on to the end of the text
      // from every mark would take quadratic time.
      const newline = full < to ? text.slice(full, to).indexOf("\n") : -1;
      const end = newline >= 0 ? full + newline + 1 : to;
      put(block, from, end);
      if (newline >= 0) {
        block = newBlock(blocks);
        blockStart = end;
      }
      from = end;
    }
  };

  let position = 0;
  for (const mark of marks) {
    putPlain(position, mark.from);
    const element = makeMark(mark);
    put(element, mark.from, mark.to);
    block.append(element);
    position = mark.to;
  }
  putPlain(position, text.length);
  root.replaceChildren(blocks);
  return (from, to) => rangeOf(nodes, starts, from, to);
}

const BLOCK_UNITS = 4000;

function newBlock(parent) {
  const block = document.createElement("div");
  block.className = "block";
  parent.append(block);
  return block;
}

function rangeOf(nodes, starts, from, to) {
  const range = document.createRange();
  if (nodes.length === 0) return range;
  const first = lastAtOrBefore(starts, from);
  // The end belongs to the node that holds the last unit, not to the next one that begins there.
  const last = lastAtOrBefore(starts, Math.max(from, to - 1));
  range.setStart(nodes[first], Math.min(from - starts[first], nodes[first].length));
  range.setEnd(nodes[last], Math.min(to - starts[last], nodes[last].length));
  return range;
}

/** Index of the last element of the sorted `starts` that is not after `value`. */
function lastAtOrBefore(starts, value) {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
