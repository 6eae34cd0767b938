// @ts-check
/** Every text is there, in every language, with the same places for values. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { de } from "../texts/de.js";
import { en } from "../texts/en.js";
import { distance, errorText, megabytes, percent, setLanguage, text } from "../texts.js";

const APP = new URL("../", import.meta.url);

/** @param {URL} folder @returns {string[]} */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return ["tests", "texts"].includes(entry.name) ? [] : sources(new URL(`${entry.name}/`, folder));
    return entry.name.endsWith(".js") ? [readFileSync(new URL(entry.name, folder), "utf8")] : [];
  });
}

/** @param {string} template */
const places = (template) => [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test("German has every text of English, with the same values", () => {
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  for (const [key, template] of Object.entries(en)) assert.deepEqual(places(de[/** @type {keyof typeof en} */ (key)]), places(template), key);
});

test("every text is used, and every used text is there", () => {
  const code = sources(APP).join("\n");
  const used = new Set([...code.matchAll(/\btext\("([^"]+)"/g)].map(([, key]) => key));
  for (const key of used) assert.ok(key in en, key);
  const composed = /^(error|decision)\./;
  for (const key of Object.keys(en)) assert.ok(composed.test(key) || code.includes(`"${key}"`), `${key} is not used`);
});

test("every error code of the app and the core has a text", () => {
  const core = readFileSync(new URL("../../core/errors.js", import.meta.url), "utf8");
  const code = `${sources(APP).join("\n")}\n${core}`;
  const codes = new Set([...code.matchAll(/AppError\("([a-z-]+)"/g), ...core.matchAll(/"((?:pack-|network|photo|setup|storage-)[a-z-]*)"/g)].map(([, found]) => found));
  assert.ok(codes.size > 10);
  for (const found of codes) assert.ok(errorText(found), found);
});

test("numbers and words follow the language", () => {
  setLanguage("de");
  assert.equal(text("packs"), "Pakete");
  assert.equal(megabytes(1_234_567), "1,2 MB");
  assert.equal(distance(2345), "2,3 km");
  setLanguage("en");
  assert.equal(percent(0.954), "95%");
  assert.equal(distance(42.4), "42 m");
  assert.equal(text("installed", { title: "Mosaics" }), "Mosaics is installed");
});
