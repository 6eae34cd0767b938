/** The conformance vectors that Python makes: `tests/conformance/vectors` of the repository. Run by `npm test`. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { decide } from "../decisions/decision.js";
import { readCalibrations } from "../decisions/calibration.js";
import { decideWithPlace, meanNearness, placeScore } from "../decisions/place_evidence.js";
import { decideWithPoints } from "../decisions/point_evidence.js";
import { fused } from "../decisions/several_photos.js";
import { ClipTokenizer } from "../encoders/tokenizers/clip_bpe.js";
import { EdgeIdentifyError } from "../errors.js";
import { filesFor, openPack, parseListing, parseManifest, photoViews, sha256, distanceM } from "../index.js";
import { folderStorage } from "../node.js";
import { readBinaryCodesFile } from "../pack/binary_codes_file.js";
import { DescriptorTable } from "../pack/descriptors_file.js";
import { readIndexFile } from "../pack/index_file.js";
import { ReferenceTable } from "../pack/references.js";
import { ThumbnailTable } from "../pack/thumbnails_file.js";
import { pixelsOf } from "../photos/images.js";
import { thumbnail } from "../photos/resampling.js";
import { BinaryCodeSearch } from "../search/binary_codes.js";
import { netPixels } from "../search/geometry/local_feature_net.js";
import { descriptorsAt, findPeaks } from "../search/geometry/net_points.js";
import { findAgreement } from "../search/geometry/point_agreement.js";
import { FullSearch } from "../search/vector_search.js";
import { WordIndex } from "../search/words/word_index.js";

const FOLDER = fileURLToPath(new URL("../../../../tests/conformance/vectors/", import.meta.url));

/**
 * @param {string} name
 * @returns {any}
 */
function vectors(name) {
  return JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8"));
}

/** @param {string} name */
function bytes(name) {
  return new Uint8Array(readFileSync(FOLDER + name));
}

/** @param {{width: number, height: number, data: string}} image */
function imageOf({ width, height, data }) {
  return { width, height, data: new Uint8Array(Buffer.from(data, "base64")) };
}

/**
 * @param {Iterable<number>} found
 * @param {number[]} expected
 * @param {number} tolerance
 * @param {string} [what]
 */
function assertNear(found, expected, tolerance, what = "") {
  const list = [...found];
  assert.equal(list.length, expected.length, what);
  list.forEach((value, at) => assert.ok(Math.abs(value - expected[at]) <= tolerance, `${what} ${at}: ${value}, ${expected[at]}`));
}

test("the pixels of each view are Pillow's in every bit", () => {
  for (const { image, recipe, pixels } of vectors("resize")) {
    const views = photoViews(imageOf(image), {
      sizePx: recipe.size_px,
      resizeMode: recipe.resize_mode,
      interpolation: recipe.interpolation,
      photoViews: recipe.photo_views,
    });
    assert.deepEqual(Buffer.from(views).toString("base64"), pixels, JSON.stringify(recipe));
  }
});

test("the local-feature net sees Pillow's pixels but for one step of grey", () => {
  for (const { image, side_px, side_step_px, pixels } of vectors("reduction")) {
    const small = thumbnail(pixelsOf(imageOf(image)), side_px);
    const found = netPixels(small, side_px, side_step_px);
    assert.deepEqual([found.width, found.height], [pixels.width, pixels.height]);
    // Pillow chooses by the shape whether it resizes across or down first, and rounds between.
    assertNear(found.data, [...imageOf(pixels).data], 2);
  }
});

test("peaks and their descriptors are found in the maps of the net", () => {
  for (const each of vectors("peaks")) {
    const { height, width, cell, dim } = each;
    const cells = { height: height / cell, width: width / cell };
    const heat = { data: Float32Array.from(each.heat), height, width };
    const reliability = { data: Float32Array.from(each.reliability), dim: 1, ...cells };
    const peaks = findPeaks(heat, reliability, { leastHeat: each.least_heat, most: each.most_points });
    assert.deepEqual(peaks.map(({ x, y }) => [x, y]), each.peaks);
    const maps = { data: Float32Array.from(each.descriptor_maps), dim, ...cells };
    assertNear(descriptorsAt(peaks, maps, heat), each.descriptors, 1e-4);
  }
});

test("as many points agree as in Python, and the outline is the same", () => {
  for (const { photo, reference, least_similarity, count, outline } of vectors("agreement")) {
    const [of, with_] = [photo, reference].map((points) => ({
      ...points,
      positions: Float32Array.from(points.positions),
      descriptors: Float32Array.from(points.descriptors),
    }));
    const found = findAgreement(of, with_, least_similarity);
    // The estimator adds in another order: a pair at the limit may fall on the other side.
    assert.ok(Math.abs((found?.inPhoto.length ?? 0) - count) <= 1, `${found?.inPhoto.length} agree, ${count} expected`);
    if (outline !== undefined) assertNear(found?.outline.flat() ?? [], outline, 0.5);
  }
});

test("the nearest vectors have the same ids and scores", () => {
  for (const each of vectors("index")) {
    const { file, kind, dim, count, signs, among, views, k, ids, scores } = each;
    const spec = { file, kind, dim, count, embeddedWith: "", mostImagesPerReference: 1, binaryCodes: null };
    const rows = readIndexFile(bytes(file), spec);
    const search = signs
      ? new BinaryCodeSearch(rows, readBinaryCodesFile(bytes(signs), spec, signs))
      : new FullSearch(rows, among && new Set(among));
    const found = search.nearest(views.map((/** @type {number[]} */ view) => Float32Array.from(view)), k);
    assert.deepEqual(found.map(({ id }) => id), ids, file);
    assertNear(found.map(({ score }) => score), scores, 2e-6, file);
  }
});

test("references are looked up in SQLite's pages", () => {
  const expected = vectors("references");
  const table = new ReferenceTable(bytes(expected.file), expected.file);
  for (const reference of expected.references) assert.deepEqual({ ...table.reference(reference.id) }, reference);
  for (const [image, id] of Object.entries(expected.reference_ids)) assert.equal(table.referenceIdOf(Number(image)), id);
  for (const [id, images] of Object.entries(expected.images_of)) assert.deepEqual(table.imagesOf(id), images);
  for (const [image, facts] of Object.entries(expected.image_facts)) {
    assert.deepEqual(table.imageFacts(Number(image)), facts);
  }
  assert.equal(table.count(), expected.count);
  assert.deepEqual(table.namespaces(), expected.namespaces);
  assert.deepEqual(table.labelKinds(), expected.label_kinds);
  assert.deepEqual(table.labelValues("kind"), expected.label_values.kind);
  assert.deepEqual(table.ids(expected.filters), expected.passing);
  assert.deepEqual(new Set(table.indexIds(expected.filters)), new Set(expected.passing_index_ids));
  assert.equal(table.coordinates().size, expected.located_count);
  assert.equal(table.has("no such thing"), false);
  assert.throws(() => table.reference("no such thing"), { code: "pack-damaged" });
});

test("thumbnails are joined from their overflow pages", async () => {
  const { file, sha256: hashes, absent } = vectors("thumbnails");
  const table = new ThumbnailTable(bytes(file), file);
  for (const [id, hash] of Object.entries(hashes)) {
    assert.equal(await sha256(table.webp(Number(id)) ?? new Uint8Array()), hash);
  }
  assert.equal(table.webp(absent), null);
});

test("stored points are read", () => {
  const { file, dim, most_points, most_images, points, absent } = vectors("descriptors");
  const options = { dim, mostPoints: most_points, mostImages: most_images, where: file };
  const table = new DescriptorTable(bytes(file), options);
  for (const [id, expected] of Object.entries(points)) {
    const found = table.points(Number(id));
    assert.deepEqual([found?.width, found?.height], [expected.width, expected.height]);
    assertNear(found?.positions ?? [], expected.positions, 0);
    assertNear(found?.descriptors ?? [], expected.descriptors, 1e-6);
  }
  assert.equal(table.points(absent), null);
});

test("a truncated or prolonged file is damage, wherever it ends", () => {
  const { file, dim, most_points, most_images } = vectors("descriptors");
  const options = { dim, mostPoints: most_points, mostImages: most_images, where: file };
  /** @type {Array<[string, (data: Uint8Array) => unknown]>} */
  const readers = [[file, (data) => new DescriptorTable(data, options)]];
  for (const each of vectors("index")) {
    const spec = { ...each, embeddedWith: "", mostImagesPerReference: 1, binaryCodes: null };
    if (!each.signs) readers.push([each.file, (data) => readIndexFile(data, spec)]);
    else readers.push([each.signs, (data) => readBinaryCodesFile(data, spec, each.signs)]);
  }
  for (const [name, read] of new Map(readers)) {
    const data = bytes(name);
    const step = Math.max(1, Math.floor(data.length / 97));
    for (let length = 0; length < data.length; length += step) {
      assert.throws(() => read(data.slice(0, length)), { code: "pack-damaged" }, `${name} of ${length} bytes`);
    }
    assert.throws(() => read(Uint8Array.of(...data, 0)), { code: "pack-damaged" }, name);
  }
});

test("a damaged SQLite file gives damage or another value, and never anything else", () => {
  const { file, references } = vectors("references");
  const whole = bytes(file);
  for (let at = 0; at < 4000; at += 29) {
    const data = whole.slice(0, at % 3 ? whole.length : whole.length - 3 * at);
    data[(at * 7919) % data.length] ^= 1 << at % 8;
    try {
      const table = new ReferenceTable(data, file);
      table.reference(references[1].id);
      table.references();
    } catch (error) {
      assert.ok(error instanceof EdgeIdentifyError, String(error));
    }
  }
});

test("words find the same references for the same reasons", () => {
  const { file } = vectors("references");
  const index = new WordIndex(new ReferenceTable(bytes(file), file).references());
  for (const { text, hits } of vectors("words")) {
    const found = index.find(text, { most: 4 }).map((hit) => ({
      id: hit.referenceId,
      rank: hit.rank,
      exact: hit.isExact,
      why: hit.reasons.map(({ foundIn, key, isExact, corrected }) => [
        foundIn,
        key,
        isExact,
        Object.fromEntries(corrected),
      ]),
    }));
    assert.deepEqual(found, hits, text);
  }
});

test("texts have the same tokens", () => {
  const { merges, context_length, cases } = vectors("tokens");
  for (const { cleaning, text, ids } of cases) {
    const spec = { kind: /** @type {const} */ ("clip-bpe"), file: "merges", contextLength: context_length, cleaning, padId: 0 };
    assert.deepEqual(new ClipTokenizer(new TextEncoder().encode(merges), spec).encode(text), ids, text);
  }
});

/** @param {object} fields */
function calibrationOf(fields) {
  const data = new TextEncoder().encode(JSON.stringify({ variants: { one: fields } }));
  return /** @type {import("../decisions/calibration.js").Calibration} */ (readCalibrations(data, "vector").photos.get("one"));
}

/**
 * @param {import("../decisions/decision.js").Verdict} found
 * @param {any} expected
 */
function assertVerdict(found, expected) {
  assert.equal(found.decision, expected.decision);
  assert.equal(found.lookAlikeCount, expected.look_alike_count);
  assertNear([found.evidence, found.knownProbability], [expected.evidence, expected.known_probability], 1e-8);
  assertNear(found.confidences, expected.confidences, 1e-8);
}

test("decisions are the same, by similarity and with points", () => {
  for (const { calibration, scores, crowd, verdict, points, with_points } of vectors("decisions")) {
    const rule = calibrationOf(calibration);
    const found = decide(scores, rule, crowd);
    assertVerdict(found, verdict);
    if (points === undefined) continue;
    const compared = decideWithPoints(found, points, rule);
    assert.deepEqual(compared?.order, with_points.order);
    if (compared) assertVerdict(compared.verdict, with_points);
  }
});

test("a position weighs the same", () => {
  for (const each of vectors("places")) {
    const position = { ...each.position, accuracyM: each.position.accuracy_m };
    const spots = each.coordinates.map((/** @type {any} */ spot) => spot ?? undefined);
    const crowd = meanNearness(position, spots.filter(Boolean));
    const scores = spots.map((/** @type {any} */ spot) => placeScore(position, spot, crowd));
    scores.forEach((/** @type {number} */ score, /** @type {number} */ at) =>
      assertNear([score / each.place_scores[at]], [1], 1e-6),
    );
    spots.forEach((/** @type {any} */ spot, /** @type {number} */ at) => {
      if (spot) assertNear([distanceM([position.latitude, position.longitude], spot)], [each.distances_m[at]], 0.01);
    });
    const options = { crowd: each.scores, mostGain: Infinity };
    const { order, verdict } = decideWithPlace(each.scores, scores, calibrationOf(each.calibration), options);
    assert.deepEqual(order, each.order);
    assertVerdict(verdict, each.verdict);
  }
});

test("several photos of one thing have one ranking", () => {
  for (const { photos, fused: expected } of vectors("together")) {
    const ranked = fused(
      photos.map((/** @type {any[]} */ found) =>
        found.map(([referenceId, score, indexId]) => ({ referenceId, score, indexId })),
      ),
    );
    assert.deepEqual(ranked.map((each) => [each.referenceId, each.indexId]), expected.map((/** @type {any} */ one) => [one[0], one[2]]));
    assertNear(ranked.map(({ score }) => score), expected.map((/** @type {any} */ one) => one[1]), 1e-8);
  }
});

test("good manifests are read, and bad ones are refused", () => {
  for (const { name, text, refused, ...expected } of vectors("manifests")) {
    const data = new TextEncoder().encode(text);
    if (refused !== undefined) {
      assert.throws(() => parseManifest(data), { code: `pack-${refused}` }, name);
      continue;
    }
    const manifest = parseManifest(data);
    assert.deepEqual([manifest.name, manifest.version], [expected.pack, expected.version], name);
    assert.deepEqual(filesFor(manifest, ["onnx-fp32"]).map(({ path }) => path), expected.files, name);
    assert.deepEqual(manifest.preprocessing.photoViews, expected.photo_views, name);
  }
});

test("good listings are read, and bad ones are refused", () => {
  for (const { name, text, refused, newest } of vectors("listings")) {
    const data = new TextEncoder().encode(text);
    if (refused !== undefined) assert.throws(() => parseListing(data), { code: `pack-${refused}` }, name);
    else {
      const found = parseListing(data).map((pack) => [pack.name, pack.newest.version]);
      assert.deepEqual(Object.fromEntries(found), newest, name);
    }
  }
});

/**
 * The encoder of the vectors' pack, without ONNX Runtime: the mean colour of the pixels as a unit vector.
 *
 * @type {import("../encoders/encoder.js").CreateSession}
 */
async function meanColours() {
  return {
    async run({ pixels: { data, dims } }) {
      const length = data.length / dims[0];
      const found = new Float32Array(3 * dims[0]);
      for (let image = 0; image < dims[0]; image++) {
        const sums = [0, 0, 0];
        for (let at = 0; at < length; at++) sums[at % 3] += Number(data[image * length + at]);
        const norm = Math.hypot(...sums);
        found.set(norm ? sums.map((sum) => sum / norm) : sums, 3 * image);
      }
      return { embedding: { type: "float32", data: found, dims: [dims[0], 3] } };
    },
  };
}

test("photos are answered as in Python, and the self-test passes", async () => {
  const { pack, conformance, photos } = vectors("answers");
  const runtime = { createSession: meanColours, decodeImage: async () => imageOf(conformance) };
  const identifier = await openPack(folderStorage(FOLDER + pack), runtime);
  const [tested] = await identifier.selfTest();
  assert.deepEqual([tested.photos, tested.samePixels], [1, 1]);
  for (const { image, options, answer } of photos) {
    const { near, accuracy_m: accuracyM, top_k: topK, ...others } = options;
    const position = near ? { latitude: near[0], longitude: near[1], accuracyM } : null;
    const found = await identifier.identify(imageOf(image), { position, topK, ...others });
    const { schema, pack: _, encoder, photo, seconds, stage_seconds, ...told } = found;
    assert.deepEqual([schema, encoder, photo], [2, "onnx-fp32", "photo"]);
    assertAlike({ ...told, matches: told.matches.map(({ index_id, pack: of, ...match }) => match) }, answer, "answer");
  }
});

/**
 * Compare documents; numbers may differ by rounding.
 *
 * @param {any} found
 * @param {any} expected
 * @param {string} where
 */
function assertAlike(found, expected, where) {
  if (typeof expected === "number") assertNear([found], [expected], Math.max(2e-4, 1e-3 * Math.abs(expected)), where);
  else if (typeof expected === "object" && expected !== null) {
    assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort(), where);
    for (const key of Object.keys(expected)) assertAlike(found[key], expected[key], `${where}.${key}`);
  } else assert.equal(found, expected, where);
}

test("a file that was changed is refused before it is used", async () => {
  const { pack } = vectors("answers");
  const whole = folderStorage(FOLDER + pack);
  const storage = {
    /** @param {string} path */
    async read(path) {
      const data = Uint8Array.from(await whole.read(path));
      if (path === "images.faiss") data[60] ^= 1;
      return data;
    },
  };
  const runtime = { createSession: meanColours, decodeImage: async () => imageOf({ width: 1, height: 1, data: "" }) };
  await assert.rejects(openPack(storage, runtime), { code: "pack-damaged" });
});

test("a wrong option names what is possible", async () => {
  const { pack, conformance } = vectors("answers");
  const runtime = { createSession: meanColours, decodeImage: async () => imageOf(conformance) };
  const identifier = await openPack(folderStorage(FOLDER + pack), runtime);
  const image = imageOf(conformance);
  await assert.rejects(identifier.identify(image, { topK: 0 }), { code: "setup" });
  await assert.rejects(identifier.identify(image, { labels: { label: "worm" } }), /nearest are warm/);
  await assert.rejects(identifier.identify({ ...image, width: 7 }), { code: "photo" });
  await assert.rejects(identifier.identify(image, { verifyGeometry: "always" }), { code: "setup" });
  await assert.rejects(identifier.search(" "), { code: "setup" });
  assert.equal((await identifier.search("crimsn")).matches[0].id, "crimson");
});
