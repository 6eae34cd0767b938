/** The self-test of a pack: a few photos with their expected embeddings and points. Run it after each install. */

import { damaged } from "../errors.js";
import { parseJsonObject } from "../io/json_fields.js";
import { sha256 } from "../io/sha256.js";
import { MAX_POINTS } from "../pack/manifest.js";
import { checkedPath, checkedSha256 } from "../pack/pack_names.js";

/** @typedef {import("../io/json_fields.js").JsonObject} JsonObject */
/** @typedef {import("../pack_identifier.js").Runtime} Runtime */
/** @typedef {import("../search/identifier.js").Identifier} Identifier */
/**
 * @typedef {object} SelfTestResult
 * @property {number} photos Number of photos that were embedded.
 * @property {number} worstCosine The lowest cosine similarity to an expected embedding.
 * @property {number} tolerance The least one that is needed.
 * @property {number} samePixels Number of photos whose pixels are the maker's in every bit.
 */

const MAX_CASES_BYTES = 4 * 2 ** 20;
const MAX_CASES = 64;
const SAME_PLACE_PX = 1.5;
const LEAST_FOUND = 0.75;
const COUNT_DIFFERENCE = 0.1;

/**
 * Embed and answer each photo of a pack's cases, find the points of one, and read all references.
 *
 * @param {Identifier} identifier
 * @param {Runtime} runtime
 * @returns {Promise<SelfTestResult>}
 * @throws {PackError} `pack-damaged`: this device computes something else, or a file cannot be used.
 */
export async function selfTest(identifier, runtime) {
  const { pack } = identifier;
  const path = pack.manifest.conformanceFile;
  const fields = parseJsonObject(await pack.file(path), { where: path, maxBytes: MAX_CASES_BYTES });
  const tolerance = fields.number("tolerance");
  const cases = fields.objects("cases");
  if (!cases.length || cases.length > MAX_CASES || !(tolerance > 0 && tolerance <= 1)) {
    throw damaged(`${path}: holds ${cases.length} photos and a tolerance of ${tolerance}; 1 to ${MAX_CASES} are read`);
  }
  identifier.finder.checkReferences();
  const result = { photos: cases.length, worstCosine: 1, tolerance, samePixels: 0 };
  for (const entry of cases) {
    const { cosine, hasSamePixels } = await embedCase(identifier, runtime, entry);
    if (!(cosine >= tolerance)) {
      throw damaged(
        `pack ${pack.manifest.name}: self-test photo ${entry.text("photo")} has cosine ${cosine.toFixed(4)} to its ` +
          `expected embedding (at least ${tolerance} needed): the encoder computes something else on this device`,
      );
    }
    result.worstCosine = Math.min(result.worstCosine, cosine);
    result.samePixels += Number(hasSamePixels);
  }
  if (fields.has("points")) await checkPoints(identifier, runtime, fields.object("points"));
  if (pack.textVariant !== null) await identifier.searcher.search("a picture", { topK: 1 });
  return result;
}

/**
 * @param {Identifier} identifier
 * @param {Runtime} runtime
 * @param {JsonObject} entry
 */
async function embedCase(identifier, runtime, entry) {
  const data = await identifier.pack.file(checkedPath(entry.text("photo")));
  const { pixels, embedding } = await identifier.embedReferenceImage(await runtime.decodeImage(data));
  identifier.finder.answer([[embedding]], 1, null); // as an answer does
  const hasSamePixels = (await sha256(pixels)) === checkedSha256(entry.text("pixels_sha256"));
  return { cosine: cosineOf(embedding, entry.numbers("embedding")), hasSamePixels };
}

/**
 * @param {Identifier} identifier
 * @param {Runtime} runtime
 * @param {JsonObject} entry
 */
async function checkPoints(identifier, runtime, entry) {
  const { pack, comparison } = identifier;
  if (pack.manifest.localFeatures === null) return;
  const photo = checkedPath(entry.text("photo"));
  const expected = entry.integer("count", { least: 1, most: MAX_POINTS });
  const { positions } = await comparison.photoPoints(await runtime.decodeImage(await pack.file(photo)));
  const places = entry.list("first").map(placeOf);
  const there = places.filter(([x, y]) => isNear(positions, x, y)).length / places.length;
  const count = positions.length / 2;
  if (!(there >= LEAST_FOUND) || Math.abs(count - expected) > COUNT_DIFFERENCE * expected) {
    throw damaged(
      `pack ${pack.manifest.name}: the local-feature net finds ${count} points in self-test photo ${photo} ` +
        `(${expected} expected), and ${Math.round(100 * there)} % of the expected first ones (at least ` +
        `${100 * LEAST_FOUND} % needed): it computes something else on this device`,
    );
  }
}

/** @param {unknown} place */
function placeOf(place) {
  if (!Array.isArray(place) || place.length !== 2 || !place.every((value) => typeof value === "number")) {
    throw damaged("cases.json: `first` should be a list of places (x, y)");
  }
  return place;
}

/**
 * @param {Float32Array} positions
 * @param {number} x
 * @param {number} y
 */
function isNear(positions, x, y) {
  for (let at = 0; at < positions.length; at += 2) {
    if (Math.max(Math.abs(positions[at] - x), Math.abs(positions[at + 1] - y)) <= SAME_PLACE_PX) return true;
  }
  return false;
}

/**
 * @param {Float32Array} found
 * @param {number[]} expected
 */
function cosineOf(found, expected) {
  if (found.length !== expected.length) return -1;
  let [product, ours, theirs] = [0, 0, 0];
  expected.forEach((value, at) => {
    product += found[at] * value;
    ours += found[at] ** 2;
    theirs += value ** 2;
  });
  return product / Math.sqrt(ours * theirs);
}
