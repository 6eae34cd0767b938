// @ts-check
/** My things: what was taught on this device, to forget it, or to send it to the maker of the pack. */

import { errorBox } from "../app.js";
import { contributionFile } from "../contribution.js";
import { element, saveAs } from "../dom.js";
import { dateTime, text } from "../texts.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../background/taught_store.js").TaughtRecord} TaughtRecord */

/** @param {App} app @param {() => void} redraw */
export async function taughtScreen(app, redraw) {
  const records = await app.taught();
  const packs = [...new Set(records.map(({ pack }) => pack))].sort();
  return element(
    "section",
    {},
    element("h1", {}, text("taught")),
    element("p", { class: "faint" }, text(records.length ? "taught.about" : "taught.none")),
    ...packs.map((pack) => packPart(app, records.filter((record) => record.pack === pack), redraw)),
  );
}

/** @param {App} app @param {TaughtRecord[]} records Of one pack. @param {() => void} redraw */
function packPart(app, records, redraw) {
  const [{ pack }] = records;
  const title = app.packs.find(({ name }) => name === pack)?.title ?? pack;
  return element(
    "div",
    {},
    element("h2", {}, text("taught.beside", { title })),
    element("ul", { class: "entries" }, ...records.map((record) => row(app, record, redraw))),
    contribute(records),
  );
}

/** @param {App} app @param {TaughtRecord} record @param {() => void} redraw */
function row(app, record, redraw) {
  const { id, name, note, pictures, taughtAt } = record;
  const place = element("div");
  const forget = async () => {
    if (!confirm(text("taught.forget.sure", { name }))) return;
    try {
      await app.worker.call("forgetTaught", { id, hashes: null });
      redraw();
    } catch (error) {
      place.replaceChildren(errorBox(error));
    }
  };
  const url = URL.createObjectURL(pictures[0].jpeg);
  return element(
    "li",
    { class: "thing-row" },
    element("img", { class: "thumb", src: url, alt: "", onload: () => URL.revokeObjectURL(url) }),
    element(
      "div",
      {},
      element("p", { class: "name" }, name),
      element("p", { class: "small faint" }, `${text("taught.pictures", { count: pictures.length })} · ${dateTime(taughtAt)}`),
      note && element("p", { class: "small" }, note),
      place,
    ),
    element("button", { class: "small danger", onclick: forget, "aria-label": text("taught.forget.named", { name }) }, text("taught.forget")),
  );
}

/** @param {TaughtRecord[]} records */
function contribute(records) {
  const [{ pack }] = records;
  const by = element("input", { id: `by-${pack}`, maxlength: 200, autocomplete: "name", "aria-describedby": `about-${pack}` });
  const licence = element("input", { id: `licence-${pack}`, maxlength: 200, placeholder: "CC0-1.0", autocomplete: "off" });
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    saveAs(await contributionFile(records, { by: by.value.trim(), licence: licence.value.trim() }), `${pack}.contribution.json`);
  };
  return element(
    "details",
    {},
    element("summary", {}, text("contribute")),
    element(
      "form",
      { onsubmit: save },
      element("p", { id: `about-${pack}`, class: "small faint" }, text("contribute.about")),
      element("div", { class: "field" }, element("label", { for: `by-${pack}` }, text("contribute.by")), by),
      element("div", { class: "field" }, element("label", { for: `licence-${pack}` }, text("contribute.licence")), licence),
      element("button", { type: "submit" }, text("contribute.do")),
    ),
  );
}
