// @ts-check
/** Regions: from fingers and keys to pixels. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { byKey, spanned } from "../region_picker.js";
import { distanceBetween } from "../places.js";
import { boxOf } from "../background/photo_decoding.js";

test("two fingers on opposite corners span a region, in any order", () => {
  const region = { x: 0.25, y: 0.5, width: 0.5, height: 0.25 };
  assert.deepEqual(spanned({ x: 0.25, y: 0.75 }, { x: 0.75, y: 0.5 }), region);
});

test("arrows move a region and stop at the edge; with Shift they change its size", () => {
  const region = { x: 0.02, y: 0.5, width: 0.5, height: 0.25 };
  assert.equal(byKey({ key: "ArrowLeft", shiftKey: false }, region)?.x, 0);
  assert.equal(byKey({ key: "ArrowDown", shiftKey: true }, region)?.height, 0.3);
  assert.equal(byKey({ key: "Enter", shiftKey: false }, region), null);
});

test("a region is at least one pixel and inside the photo", () => {
  assert.deepEqual(boxOf({ width: 100, height: 50 }, { x: 0.999, y: 0, width: 0.001, height: 2 }), { left: 99, top: 0, width: 1, height: 50 });
  assert.deepEqual(boxOf({ width: 100, height: 50 }, null), { left: 0, top: 0, width: 100, height: 50 });
});

test("a degree of latitude has 111 km", () => {
  assert.equal(Math.round(distanceBetween({ latitude: 0, longitude: 0 }, { latitude: 1, longitude: 0 }) / 1000), 111);
});
