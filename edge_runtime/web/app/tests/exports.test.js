// @ts-check
/** The history's exports: CSV, GeoJSON, zip. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, photoNames, toCsv, toGeoJson, toZip } from "../exports.js";

/** @param {Partial<import("../history.js").Entry>} [changes] @returns {import("../history.js").Entry} */
function entry(changes = {}) {
  const answer = { decision: "identified", matches: [{ id: "red", name: "Pure red", confidence: 0.97, score: 1 }] };
  return { id: "one", askedAt: 0, pack: { name: "colours", version: "1.0.0" }, answer, photos: [new Blob(["photo"], { type: "image/png" })], region: null, position: null, note: "", correction: null, ...changes };
}

test("a CSV row has the answer, the correction and the note; fields with commas and quotes are quoted", () => {
  const csv = toCsv([entry({ note: 'a "red", wall', correction: { kind: "new", name: "Wall" } })]);
  const [head, row] = csv.split("\r\n");
  assert.ok(head.startsWith("id,time_utc,pack,"));
  assert.equal(row, 'one,1970-01-01T00:00:00.000Z,colours,1.0.0,identified,red,Pure red,0.97,1,new,,Wall,"a ""red"", wall",,,,photos/one-1.png');
});

test("a note that a spreadsheet would run as a formula is text", () => {
  assert.match(toCsv([entry({ note: "=1+1" })]), /,'=1\+1,/);
});

test("GeoJSON has a point where a position is known, and none elsewhere", () => {
  const { features } = JSON.parse(toGeoJson([entry({ position: { latitude: 48.85, longitude: 2.35, accuracyM: 5 } }), entry()]));
  assert.deepEqual(features[0].geometry, { type: "Point", coordinates: [2.35, 48.85] });
  assert.equal(features[1].geometry, null);
});

test("the zip holds tables, answers and photos, as other programs read them", async () => {
  const one = entry();
  const bytes = new Uint8Array(await (await toZip([one])).arrayBuffer());
  const words = Buffer.from(bytes).toString("latin1");
  for (const name of ["history.csv", "history.geojson", "answers.json", ...photoNames(one)]) assert.equal(words.split(name).length >= 3, true, name);
  assert.equal(new DataView(bytes.buffer).getUint32(bytes.length - 22, true), 0x06054b50);
});

test("CRC-32 of the standard's check text", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
});
