/** What a person taught stands among a pack's references. Run by `npm test`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EdgeIdentifyError } from "../errors.js";
import { Taught, searchWith } from "../search/taught.js";
import { FullSearch } from "../search/vector_search.js";

const RED = Float32Array.of(1, 0, 0);
const BLUE = Float32Array.of(0, 0, 1);
const ROWS = {
  codes: Float32Array.of(1, 0, 0, 0, 1, 0),
  ids: Float64Array.of(7, 8),
  offset: new Float32Array(3),
  scale: new Float32Array(3).fill(1),
};

/** @param {Float32Array} embedding */
function thing(embedding) {
  return { id: "own:1", name: "Door", note: "left", pictures: [{ embedding, decode: async () => ({ data: new Uint8Array(3), width: 1, height: 1 }) }] };
}

test("all taught pictures are found beside the nearest of the pack", () => {
  const search = searchWith(new FullSearch(ROWS), new Taught([thing(BLUE)], 3));

  assert.deepEqual(search.nearest([BLUE], 1), [{ id: -1, score: 1 }, { id: 7, score: 0 }]);
});

test("the best view of a photo counts", () => {
  const search = searchWith(new FullSearch(ROWS), new Taught([thing(BLUE)], 3));

  assert.deepEqual(search.nearest([RED, BLUE], 1), [{ id: -1, score: 1 }, { id: 7, score: 1 }]);
});

test("a taught thing is a reference with its note, and ids of the pack are none", async () => {
  const taught = new Taught([thing(BLUE)], 3);

  assert.equal(taught.reference(-1)?.name, "Door");
  assert.deepEqual(taught.reference(-1)?.attributes, { note: "left" });
  assert.equal(taught.reference(7), null);
  assert.deepEqual(taught.references().map(({ reference, indexId }) => [reference.id, indexId]), [["own:1", -1]]);
  assert.equal((await taught.image(-1))?.width, 1);
  assert.equal(await taught.image(7), null);
});

test("without anything taught, the pack's own search is used", () => {
  const search = new FullSearch(ROWS);

  assert.equal(searchWith(search, null), search);
});

test("an embedding of another space is refused", () => {
  for (const embedding of [Float32Array.of(1, 0), Float32Array.of(1, 1, 1)]) {
    assert.throws(() => new Taught([thing(embedding)], 3), (error) => error instanceof EdgeIdentifyError && error.code === "setup");
  }
});
