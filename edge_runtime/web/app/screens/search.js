// @ts-check
/** Search by words: the pack's own words, and what things look like where the pack's encoder knows words. */

import { errorBox, noPackBox, packChoice } from "../app.js";
import { announce, element } from "../dom.js";
import { matchRow } from "../answer_card.js";
import { text } from "../texts.js";

const TOP_K = 20;

/** @param {import("../app.js").App} app @param {() => void} redraw */
export function searchScreen(app, redraw) {
  const pack = app.pack;
  if (!pack) return element("section", {}, element("h1", {}, text("search")), noPackBox());
  const found = element("div", { id: "found" });
  const words = element("input", { id: "words", type: "search", required: true, maxlength: 500, autocomplete: "off", enterkeyhint: "search" });
  const ask = async (/** @type {Event} */ event) => {
    event.preventDefault();
    found.replaceChildren(element("p", { class: "faint" }, text("searching")));
    try {
      const { answer } = await app.worker.call("search", { pack: pack.name, query: words.value.trim(), topK: TOP_K });
      found.replaceChildren(...results(answer));
      announce(text("search.count", { count: answer.matches.length }));
    } catch (error) {
      found.replaceChildren(errorBox(error));
    }
  };
  return element(
    "section",
    {},
    element("h1", {}, text("search")),
    packChoice(app, redraw),
    element(
      "form",
      { onsubmit: ask, role: "search" },
      element("div", { class: "field" }, element("label", { for: "words" }, text("search.words")), words),
      element("button", { class: "primary", type: "submit" }, text("search.do")),
    ),
    found,
  );
}

/** @param {any} answer */
function results(answer) {
  const note = answer.note ? [element("p", { class: "notice" }, answer.note)] : [];
  if (!answer.matches.length) return [element("p", { class: "notice" }, answer.note ?? text("search.nothing"))];
  return [...note, element("ol", { class: "matches" }, ...answer.matches.map((/** @type {any} */ match) => matchRow(match, { position: null })))];
}
