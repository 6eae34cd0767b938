// @ts-check
/** The answer to one photo: decision, how sure, why, the reference beside the photo, points, runners-up, place. */

import { certaintyWords, decisionWords, isNamed, reasonWords } from "./answer_wording.js";
import { element } from "./dom.js";
import { distanceBetween, mapLink } from "./places.js";
import { distance, number, percent, text } from "./texts.js";

const MANY_POINTS = 80; // larger dots would then hide the pictures

/** @typedef {{latitude: number, longitude: number, accuracyM: number | null} | null} Position */

/**
 * Return the card.
 *
 * @param {any} answer
 * @param {{photo: Blob | null, position: Position, compare?: () => Promise<any>, children?: HTMLElement[]}} options
 */
export function answerCard(answer, { photo, position, compare, children = [] }) {
  const [best, ...others] = answer.matches;
  const decision = answer.decision ?? "none";
  return element(
    "article",
    { class: `answer ${decision}` },
    element(
      "header",
      { class: "decision" },
      element("p", { class: "word" }, element("span", { class: "mark", "aria-hidden": "true" }), decisionWords(answer)),
      element("p", { class: "sure" }, certaintyWords(answer)),
    ),
    best && isNamed(answer) && element("h2", { class: "thing" }, best.name),
    best?.own && isNamed(answer) && element("p", { class: "own" }, text("own")),
    !isNamed(answer) && element("h2", { class: "thing" }, unnamedHeading(answer)),
    answer.likely_kind && element("p", {}, text("kind", { kind: answer.likely_kind.value, share: percent(answer.likely_kind.probability) })),
    element("p", { class: "why" }, reasonWords(answer)),
    best && pair(photo, best, answer, compare),
    best && isNamed(answer) && facts(best, position),
    runnersUp(answer, isNamed(answer) ? others : answer.matches, position),
    ...children,
  );
}

/** @param {any} answer */
function unnamedHeading(answer) {
  if (answer.decision === "ambiguous") return text("one-of", { count: answer.look_alikes?.ids.length ?? 2 });
  return answer.matches.length ? text("nearest-only") : text("why.nothing");
}

/** @param {Blob | null} photo @param {any} best @param {any} answer @param {(() => Promise<any>) | undefined} compare */
function pair(photo, best, answer, compare) {
  if (!photo && !best.thumbnail) return null;
  const left = photo && figure(photo, text("your-photo"), text("your-photo"));
  const right = best.thumbnail ? figure(best.thumbnail, text(best.own ? "own-picture" : "reference-picture", { name: best.name }), best.name) : element("figure", { class: "no-picture" }, element("p", { class: "faint small" }, text("no-picture")));
  const area = element("div", { class: "pair" }, left, best.own && !best.thumbnail ? null : right);
  if (!compare || !best.thumbnail || !photo) return area;
  const words = element("p", { class: "small", role: "status" });
  const button = element("button", { class: "small", onclick: () => drawPoints(button, words, area, compare) }, text("points.show"));
  return element("div", {}, area, element("div", { class: "row" }, button, words));
}

/** @param {Blob} picture @param {string} alt @param {string} caption */
function figure(picture, alt, caption) {
  const url = URL.createObjectURL(picture);
  const image = element("img", { src: url, alt, onload: () => URL.revokeObjectURL(url) });
  return element("figure", {}, element("div", { class: "frame" }, image), element("figcaption", {}, caption));
}

/** @param {HTMLButtonElement} button @param {HTMLElement} words @param {HTMLElement} area @param {() => Promise<any>} compare */
async function drawPoints(button, words, area, compare) {
  button.disabled = true;
  words.textContent = text("points.looking");
  const comparison = await compare().catch(() => null);
  button.hidden = true;
  if (!comparison) {
    words.textContent = text("points.none");
    return;
  }
  words.textContent = text("points.count", { count: comparison.inPhoto.length });
  const [photo, reference] = area.querySelectorAll(".frame");
  dots(/** @type {HTMLElement} */ (photo), comparison.photo, comparison.inPhoto);
  dots(/** @type {HTMLElement} */ (reference), comparison.reference, comparison.inReference);
}

/**
 * Draw points over a picture. A point has the same colour in both pictures.
 *
 * @param {HTMLElement} frame
 * @param {{width: number, height: number}} size Of the picture that the points are in.
 * @param {[number, number][]} points
 */
function dots(frame, size, points) {
  const canvas = element("canvas", { width: 2 * size.width, height: 2 * size.height, class: "dots", "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  if (!context) return;
  const radius = Math.max(size.width, size.height) / (points.length > MANY_POINTS ? 130 : 70);
  points.forEach(([x, y], at) => {
    context.beginPath();
    context.arc(2 * x + 1, 2 * y + 1, 2 * radius, 0, 2 * Math.PI);
    context.fillStyle = `hsl(${Math.round((360 * at) / points.length)} 90% 55%)`;
    context.strokeStyle = "#000";
    context.lineWidth = radius / 2;
    context.fill();
    context.stroke();
  });
  frame.append(canvas);
}

/** @param {any} match @param {Position} position */
function facts(match, position) {
  const rows = [
    match.id !== match.name && !match.own && [text("fact.id"), match.id],
    match.namespace && [text("fact.namespace"), match.namespace],
    ...Object.entries(match.labels ?? {}),
    match.matched_points !== null && match.matched_points !== undefined && [text("fact.points"), String(match.matched_points)],
    match.location && [text("fact.place"), place(match, position)],
    match.url && [text("fact.link"), element("a", { href: safeLink(match.url), target: "_blank", rel: "noopener noreferrer" }, match.url)],
    ...Object.entries(match.attributes ?? {}),
    match.licence && [text("fact.licence"), match.licence],
  ].filter(Boolean);
  return rows.length ? element("dl", { class: "facts" }, ...rows.flatMap((row) => [element("dt", {}, row[0]), element("dd", {}, row[1])])) : null;
}

/** Packs come from others: only links to web pages are links. @param {string} url */
function safeLink(url) {
  return /^https?:\/\//i.test(url) ? url : null;
}

/** @param {any} match @param {Position} position */
function place(match, position) {
  const { lat, lng } = match.location;
  const away = match.place?.distance_m ?? (position ? distanceBetween(position, { latitude: lat, longitude: lng }) : null);
  return element(
    "span",
    {},
    `${number(lat, 5)}, ${number(lng, 5)} `,
    away !== null && element("strong", {}, `${text("away", { distance: distance(away) })} `),
    element("a", { href: mapLink(lat, lng), target: "_blank", rel: "noopener noreferrer" }, text("map")),
  );
}

/** @param {any} answer @param {any[]} matches @param {Position} position */
function runnersUp(answer, matches, position) {
  if (!matches.length) return null;
  const heading = text(isNamed(answer) ? "runners-up" : answer.decision === "ambiguous" ? "look-alikes" : "nearest");
  const list = element("ol", { class: "matches", start: isNamed(answer) ? 2 : 1 }, ...matches.map((match) => matchRow(match, { position })));
  return element("details", { open: !isNamed(answer) }, element("summary", {}, `${heading} (${matches.length})`), list);
}

/**
 * Return one match as a row.
 *
 * @param {any} match
 * @param {{position: Position, onChoose?: () => void}} options
 */
export function matchRow(match, { position, onChoose }) {
  const picture = match.thumbnail ? thumbnail(match.thumbnail) : element("div", { class: "thumb empty", "aria-hidden": "true" });
  const shown = [
    match.confidence !== null && match.confidence !== undefined ? percent(match.confidence) : null,
    match.score ? text("similarity", { score: number(match.score) }) : null,
    match.own && text("own.short"),
    match.namespace,
    ...Object.values(match.labels ?? {}),
  ].filter(Boolean);
  return element(
    "li",
    {},
    picture,
    element(
      "div",
      {},
      element("p", { class: "name" }, match.name),
      element("p", { class: "small faint" }, shown.join(" · ")),
      match.why_in_words && element("p", { class: "small" }, match.why_in_words),
      match.location && element("p", { class: "small" }, place(match, position)),
    ),
    onChoose && element("button", { class: "small", onclick: onChoose, "aria-label": `${text("choose")}: ${match.name}` }, text("choose")),
  );
}

/** @param {Blob} webp */
function thumbnail(webp) {
  const url = URL.createObjectURL(webp);
  return element("img", { class: "thumb", src: url, alt: "", onload: () => URL.revokeObjectURL(url) });
}
