// @ts-check
/** History: what was asked on this device, with notes and corrections; export and delete. */

import { errorBox } from "../app.js";
import { answerCard, matchRow } from "../answer_card.js";
import { decisionWords, isNamed } from "../answer_wording.js";
import { element, saveAs } from "../dom.js";
import { toCsv, toGeoJson, toZip } from "../exports.js";
import { changeEntry, forget, forgetAll, history, historyEntry } from "../history.js";
import { teachForm } from "../teach_form.js";
import { dateTime, text } from "../texts.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../history.js").Entry} Entry */

/** @param {App} app @param {() => void} redraw */
export async function historyScreen(app, redraw) {
  const id = new URLSearchParams(location.hash.split("?")[1] ?? "").get("id");
  const entry = id ? await historyEntry(id) : undefined;
  return entry ? entryScreen(app, entry, await withPictures(app, entry), redraw) : listScreen(redraw);
}

/** @param {() => void} redraw */
async function listScreen(redraw) {
  const entries = await history();
  const heading = element("h1", {}, text("history"));
  if (!entries.length) return element("section", {}, heading, element("p", {}, text("history.none")));
  return element(
    "section",
    {},
    heading,
    element("p", { class: "faint" }, text("history.about", { count: entries.length })),
    element("ul", { class: "entries" }, ...entries.map(entryRow)),
    element("h2", {}, text("export")),
    element("p", { class: "small faint" }, text("export.about")),
    element(
      "div",
      { class: "row" },
      element("button", { onclick: () => saveAs(new Blob([toCsv(entries)], { type: "text/csv" }), "history.csv") }, "CSV"),
      element("button", { onclick: () => saveAs(new Blob([toGeoJson(entries)], { type: "application/geo+json" }), "history.geojson") }, "GeoJSON"),
      element("button", { onclick: async () => saveAs(await toZip(entries), "history.zip") }, text("export.zip")),
    ),
    element("h2", {}, text("delete")),
    element("button", { class: "danger", onclick: async () => { if (confirm(text("delete.sure"))) { await forgetAll(); redraw(); } } }, text("delete.all")),
  );
}

/** @param {Entry} entry */
function entryRow(entry) {
  const name = entry.correction?.name ?? (isNamed(entry.answer) ? entry.answer.matches[0].name : decisionWords(entry.answer));
  const decision = decisionWords(entry.answer);
  const facts = [decision === name ? "" : decision, dateTime(entry.askedAt), entry.correction ? text("corrected") : ""].filter(Boolean).join(" · ");
  return element(
    "li",
    {},
    element("a", { href: `#history?id=${entry.id}` }, picture(entry.photos[0]), element("span", {}, element("span", { class: "name" }, name), element("span", { class: "small faint" }, facts), entry.note && element("span", { class: "small" }, entry.note))),
  );
}

/** @param {Blob | undefined} photo */
function picture(photo) {
  if (!photo) return element("span", { class: "thumb empty", "aria-hidden": "true" });
  const url = URL.createObjectURL(photo);
  return element("img", { class: "thumb", src: url, alt: "", onload: () => URL.revokeObjectURL(url) });
}

/**
 * The answer with its pictures, if the version of the pack that gave it is still installed.
 *
 * @param {App} app @param {Entry} entry
 */
async function withPictures(app, { answer, pack }) {
  const installed = app.packs.find(({ name }) => name === pack.name);
  if (installed?.version !== pack.version) return answer;
  return app.worker.call("withPictures", { pack: pack.name, answer }).catch(() => answer);
}

/** @param {App} app @param {Entry} entry @param {any} answer @param {() => void} redraw */
function entryScreen(app, entry, answer, redraw) {
  const note = element("textarea", { id: "note", rows: 3, maxlength: 5000, value: entry.note });
  const said = element("p", { class: "small", role: "status" });
  const save = async () => {
    await changeEntry({ ...entry, note: note.value });
    entry.note = note.value;
    said.textContent = text("saved");
  };
  const drop = async () => {
    if (!confirm(text("delete.one.sure"))) return;
    await forget(entry.id);
    location.hash = "#history";
  };
  return element(
    "section",
    {},
    element("p", {}, element("a", { href: "#history" }, `← ${text("history")}`)),
    element("h1", {}, dateTime(entry.askedAt)),
    answerCard(answer, { photo: entry.photos[0] ?? null, position: entry.position }),
    element("div", { class: "field" }, element("label", { for: "note" }, text("note")), note),
    element("div", { class: "row" }, element("button", { onclick: save }, text("save")), said),
    correction(app, entry, answer, redraw),
    element("button", { class: "danger", onclick: drop }, text("delete.one")),
  );
}

/** @param {App} app @param {Entry} entry @param {any} answer @param {() => void} redraw */
function correction(app, entry, answer, redraw) {
  const correct = async (/** @type {Entry["correction"]} */ chosen) => {
    const before = entry.correction;
    if (before?.kind === "new" && before.taught) await app.worker.call("forgetTaught", { id: before.taught.id, hashes: before.taught.added });
    await changeEntry({ ...entry, correction: chosen });
    redraw();
  };
  const done = entry.correction;
  const photos = entry.photos.map((photo) => ({ photo, region: entry.region }));
  return element(
    "details",
    { open: done !== null },
    element("summary", {}, text("correct")),
    done && element("div", { class: "row" }, element("p", { class: "good" }, text(done.kind === "new" ? "correct.is-new" : "correct.is", { name: done.name })), element("button", { class: "small", onclick: () => correct(null) }, text("undo"))),
    answer.matches.length > 0 && element("h3", {}, text("correct.rather")),
    element("ol", { class: "matches" }, ...answer.matches.map((/** @type {any} */ match) => matchRow(match, { position: null, onChoose: () => correct({ kind: "reference", id: match.id, name: match.name }) }))),
    searchForm(app, entry, correct),
    element("h3", {}, text("correct.new")),
    teachForm(app, { pack: entry.pack, photos, onTaught: ({ id, name, added }) => correct({ kind: "new", name, taught: { id, added } }) }),
  );
}

/** @param {App} app @param {Entry} entry @param {(chosen: Entry["correction"]) => void} correct */
function searchForm(app, entry, correct) {
  const isInstalled = app.packs.some((pack) => pack.name === entry.pack.name);
  if (!isInstalled) return null;
  const words = element("input", { id: "other-words", type: "search", required: true, maxlength: 200 });
  const found = element("ol", { class: "matches" });
  const ask = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const { answer } = await app.worker.call("search", { pack: entry.pack.name, query: words.value, topK: 8 });
      found.replaceChildren(...answer.matches.map((/** @type {any} */ match) => matchRow(match, { position: null, onChoose: () => correct({ kind: "reference", id: match.id, name: match.name }) })));
    } catch (error) {
      found.replaceChildren(element("li", {}, errorBox(error)));
    }
  };
  return element("form", { onsubmit: ask }, element("div", { class: "field" }, element("label", { for: "other-words" }, text("correct.search")), words), element("button", { type: "submit" }, text("search.do")), found);
}
