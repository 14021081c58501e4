// Elements from plain values. Text of a file only ever becomes text nodes, never markup.

/**
 * @param {string} tag
 * @param {Object<string, string>} attributes
 * @param {...(Node | string)} children texts and elements
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  proved: "M14 25l7 7 14-16",
  disproved: "M12 36L36 12",
  undecidable: "M18 19a6 6 0 1 1 8.5 5.5c-1.8.9-2.5 2-2.5 4.5M24 34.5v1",
  invalid: "M15 15l18 18M33 15L15 33",
  error: "M24 13v14M24 33.5v1",
  busy: "M24 14v10l7 5",
};

/** An icon in a ring; it says nothing that the word beside it does not. @param {string} what */
export function icon(what) {
  const svg = document.createElementNS(SVG, "svg");
  const shape = { viewBox: "0 0 48 48", "aria-hidden": "true", fill: "none", stroke: "currentColor",
    "stroke-width": "4", "stroke-linecap": "round", "stroke-linejoin": "round" };
  for (const [name, value] of Object.entries(shape)) svg.setAttribute(name, value);
  const ring = document.createElementNS(SVG, "circle");
  for (const [name, value] of [["cx", "24"], ["cy", "24"], ["r", "20"]]) {
    ring.setAttribute(name, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[what]);
  svg.append(ring, path);
  return svg;
}

/** @param {string[]} texts */
export function list(texts) {
  return el("ul", {}, ...texts.map((text) => el("li", {}, text)));
}

/**
 * @param {string} caption
 * @param {string[]} heads
 * @param {(Node | string)[][]} rows
 */
export function table(caption, heads, rows) {
  const top = el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)));
  const body = rows.map((row) => el("tr", { role: "row" }, ...row.map(
    (cell, at) => el("td", { role: "cell", "data-label": heads[at] }, cell),
  )));
  return el("table", { role: "table" }, el("caption", {}, caption), el("thead", {}, top),
    el("tbody", {}, ...body));
}

/** @param {string} summary @param {...(Node | string)} children */
export function details(summary, ...children) {
  return el("details", {}, el("summary", {}, summary), ...children);
}
