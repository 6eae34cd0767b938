// @ts-check
/** The form that teaches this device a thing: a name, a note, and the photos that were asked. */

import { errorBox } from "./app.js";
import { plainWords } from "./contribution.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {{photo: Blob, region: import("./region_picker.js").Region | null}} Shown */
/** @typedef {{id: string, name: string, added: string[]}} Taught */

let number = 0;

/**
 * Return the form.
 *
 * @param {App} app
 * @param {{pack: {name: string, version: string}, photos: Shown[], onTaught: (taught: Taught) => void}} options
 */
export function teachForm(app, { pack, photos, onTaught }) {
  const id = `teach-${++number}`;
  const name = element("input", { id: `${id}-name`, required: true, maxlength: 200, autocomplete: "off" });
  const note = element("textarea", { id: `${id}-note`, rows: 2, maxlength: 2000 });
  const button = element("button", { type: "submit" }, text("teach.do"));
  const place = element("div");
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    name.value = plainWords(name.value);
    if (!name.reportValidity()) return;
    button.disabled = true;
    try {
      const { id: thing, added } = await app.worker.call("teach", { pack: pack.name, packVersion: pack.version, name: name.value, note: plainWords(note.value), photos });
      onTaught({ id: thing, name: name.value, added });
    } catch (error) {
      place.replaceChildren(errorBox(error));
    } finally {
      button.disabled = false;
    }
  };
  return element(
    "form",
    { class: "teach", onsubmit: send },
    element("p", { class: "small faint" }, text("teach.about")),
    element("div", { class: "field" }, element("label", { for: `${id}-name` }, text("teach.name")), name),
    element("div", { class: "field" }, element("label", { for: `${id}-note` }, text("teach.note")), note),
    button,
    place,
  );
}
