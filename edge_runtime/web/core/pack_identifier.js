/** The face of the core: photos and texts answered from one pack or several. */

import { photoAnswer, referenceAsJson, textAnswer } from "./answers/answer_json.js";
import { loadEncoder } from "./encoders/encoder.js";
import { PackError, SetupError } from "./errors.js";
import { readPack } from "./pack/pack_reader.js";
import { checkedPosition } from "./photos/position.js";
import { areFilters, filtersOf, namespacesNamedIn } from "./search/filtering.js";
import { CANDIDATES, PhotoPoints } from "./search/geometry/point_comparison.js";
import { openIdentifier } from "./search/identifier.js";
import { bestFitting, mostCertain } from "./search/most_certain.js";
import { Taught } from "./search/taught.js";
import { selfTest } from "./store/self_test.js";

/** @typedef {import("./answers/answer_json.js").Answer} Answer */
/** @typedef {import("./answers/identification.js").Identification} Identification */
/** @typedef {import("./encoders/encoder.js").CreateSession} CreateSession */
/** @typedef {import("./encoders/encoder.js").Encoder} Encoder */
/** @typedef {import("./pack/manifest.js").Manifest} Manifest */
/** @typedef {import("./pack/pack_reader.js").Pack} Pack */
/** @typedef {import("./pack/pack_reader.js").Storage} Storage */
/** @typedef {import("./pack/references.js").Filters} Filters */
/** @typedef {import("./photos/images.js").Image} Image */
/** @typedef {import("./photos/position.js").Position} Position */
/** @typedef {import("./search/geometry/point_comparison.js").Comparison} Comparison */
/** @typedef {import("./search/identifier.js").Embedded} Embedded */
/** @typedef {import("./search/identifier.js").GeometryMode} GeometryMode */
/** @typedef {import("./search/identifier.js").Identifier} Identifier */
/** @typedef {import("./search/taught.js").TaughtThing} TaughtThing */
/** @typedef {import("./store/self_test.js").SelfTestResult} SelfTestResult */
/**
 * @typedef {object} Runtime What the app gives.
 * @property {CreateSession} createSession From the bytes of an ONNX file to a session.
 * @property {(data: Uint8Array) => Promise<Image>} decodeImage From the bytes of an image file to an upright image.
 * @property {readonly string[]} [variantNames] The encoder variants that are here; by default those of `variantsToKeep`.
 */
/**
 * @typedef {object} Options
 * @property {number} [topK] Maximum number of matches, 1 to 1000; 5 by default.
 * @property {Position | null} [position] Where the photo was taken.
 * @property {string | readonly string[]} [namespaces] Only references in one of these namespaces.
 * @property {Readonly<Record<string, string | readonly string[]>>} [labels] Only references with these labels.
 * @property {GeometryMode} [verifyGeometry] When to compare points; "auto" by default.
 * @property {string} [photo] The name that the answer gives the photo.
 */
/** @typedef {{index_id: number | null, pack: string}} MatchKey A match of an answer, or these two of its fields. */

const DEFAULT_TOP_K = 5;
const MAX_TOP_K = 1000;

/**
 * Open a pack.
 *
 * @param {Storage} storage The pack's files.
 * @param {Runtime} runtime
 * @returns {Promise<PackIdentifier>}
 * @throws {PackError} A file is damaged, or no encoder of the pack runs here.
 */
export function openPack(storage, runtime) {
  return openPacks([storage], runtime);
}

/**
 * Open several packs. All are asked, and the most certain answer counts. The same encoder is loaded once.
 *
 * @param {readonly Storage[]} storages At least one.
 * @param {Runtime} runtime
 * @returns {Promise<PackIdentifier>}
 */
export async function openPacks(storages, runtime) {
  /** @type {Map<string, Promise<Encoder>>} */
  const encoders = new Map();
  const photoPoints = new PhotoPoints();
  const identifiers = [];
  for (const storage of storages) {
    const pack = await readPack(storage, runtime.variantNames);
    const encoder = await sharedEncoder(pack, runtime, encoders);
    identifiers.push(await openIdentifier(pack, encoder, runtime, photoPoints));
  }
  return new PackIdentifier(identifiers, runtime);
}

/** Answers photos and texts from one pack or several. */
export class PackIdentifier {
  /**
   * @param {readonly Identifier[]} identifiers One of each pack; `openPacks` makes them.
   * @param {Runtime} runtime
   */
  constructor(identifiers, runtime) {
    if (!identifiers.length) throw new SetupError("no pack is given; give at least one");
    this._identifiers = identifiers;
    this._runtime = runtime;
  }

  /** @returns {Manifest[]} */
  get manifests() {
    return this._identifiers.map(({ pack }) => pack.manifest);
  }

  /**
   * Name what a photo shows.
   *
   * @param {Image} image
   * @param {Options} [options]
   * @returns {Promise<Answer>} As `edge-identify --jsonl`.
   * @throws {EdgeIdentifyError} `photo`: the image cannot be used. `setup`: an option is out of range, or a filter fits
   *   nothing. `pack-damaged`: a file of the pack cannot be used.
   */
  identify(image, options = {}) {
    return this._identified([image], [options.photo ?? "photo"], [options.position ?? null], options);
  }

  /**
   * Return one answer from several photos of the same thing.
   *
   * @param {readonly Image[]} images At least one.
   * @param {Options & {photos?: readonly string[], positions?: ReadonlyArray<Position | null>}} [options] `photos` names
   *   the photos in the answer; `positions` says where each was taken.
   * @returns {Promise<Answer>}
   */
  identifyTogether(images, options = {}) {
    const names = images.map((_, at) => options.photos?.[at] ?? `photo ${at + 1}`);
    return this._identified(images, names, options.positions ?? [options.position ?? null], options);
  }

  /**
   * Return the references that a text names or describes, best first. The answer has no decision.
   *
   * @param {string} text
   * @param {Pick<Options, "topK" | "namespaces" | "labels">} [options]
   * @returns {Promise<Answer>}
   */
  async search(text, options = {}) {
    if (!text.trim()) {
      throw new SetupError('the text is empty; give a name, a part of one, or a description such as "a red mosaic"');
    }
    const topK = checkedTopK(options);
    const filters = filtersOf(options);
    const found = await this._eachThatCan(filters, async ({ searcher, finder }) => ({
      ...(await searcher.search(text, { topK, filters })),
      suggested: filters.namespaces.length ? [] : namespacesNamedIn(text, finder.references.namespaces()),
    }));
    const best = found[bestFitting(found.map(({ answer }) => answer))];
    return textAnswer(best, text, best.suggested);
  }

  /**
   * Return the unit vector of an image, as the index has it of reference images.
   *
   * @param {Image} image
   * @returns {Promise<Float32Array>}
   */
  async embedImage(image) {
    const spaces = new Set(this.manifests.map(({ model }) => model.spaceId));
    if (spaces.size > 1) throw new SetupError(`the packs have ${spaces.size} embedding spaces; open one of them`);
    return (await this._identifiers[0].embedReferenceImage(image)).embedding;
  }

  /**
   * Let answers find what a person taught beside a pack, from now on. Its matches have `own`.
   *
   * @param {readonly TaughtThing[]} things All of them; they replace those before.
   * @param {string} [packName] By default the first pack.
   * @throws {EdgeIdentifyError} `setup`: an embedding is no unit vector of the pack's space.
   */
  teach(things, packName = this.manifests[0].name) {
    const { finder, searcher, comparison, pack } = this._of(packName);
    const taught = things.length ? new Taught(things, pack.manifest.index.dim) : null;
    finder.setTaught(taught);
    searcher.setTaught(taught);
    comparison.setTaught(taught);
  }

  /**
   * Compare a photo point by point with the picture of a match.
   *
   * @param {Image} image The same object as in `identify`: its points are kept.
   * @param {MatchKey} match
   * @returns {Promise<Comparison | null>} null if too few points agree, or the pack has nothing to compare with.
   */
  async compare(image, match) {
    const { comparison, pack } = this._of(match.pack);
    if (match.index_id === null || pack.manifest.localFeatures === null) return null;
    return comparison.compare(image, match.index_id);
  }

  /**
   * @param {MatchKey} match
   * @returns {Promise<Uint8Array | null>} The picture of a match as a small WebP; null if the pack has none, or the
   *   person taught it: then the app has the picture.
   */
  async thumbnail(match) {
    if (match.index_id === null || match.index_id < 0) return null;
    const table = await this._of(match.pack).comparison.thumbnails();
    return table?.webp(match.index_id) ?? null;
  }

  /**
   * @param {string} id
   * @param {string} [packName] By default the first pack that has it.
   * @returns {ReturnType<typeof referenceAsJson> | null} null if no pack has it.
   */
  reference(id, packName) {
    const packs = packName === undefined ? this._identifiers : [this._of(packName)];
    const having = packs.find(({ finder }) => finder.references.has(id));
    return having === undefined ? null : referenceAsJson(having.finder.references.reference(id));
  }

  /**
   * Run the cases of each pack on this device. Do it after an install, before the pack is used.
   *
   * @returns {Promise<SelfTestResult[]>} One for each pack.
   * @throws {PackError} `pack-damaged`: a photo gives another embedding or other points here, or a file is malformed.
   */
  async selfTest() {
    const results = [];
    for (const identifier of this._identifiers) results.push(await selfTest(identifier, this._runtime));
    return results;
  }

  /**
   * @param {readonly Image[]} images
   * @param {readonly string[]} names
   * @param {ReadonlyArray<Position | null>} positions
   * @param {Options} options
   */
  async _identified(images, names, positions, options) {
    if (!images.length) throw new SetupError("no photo is given; give at least one");
    const topK = checkedTopK(options);
    const filters = filtersOf(options);
    const mode = options.verifyGeometry ?? "auto";
    for (const position of positions) if (position !== null) checkedPosition(position);
    if (mode === "always" && !this._identifiers.some((each) => each.mayCompare(mode))) {
      throw new SetupError("the pack has no local features, which a comparison of points needs");
    }
    const embedded = new EmbeddedPhotos(images);
    const found = await this._eachThatCan(filters, async (identifier) => {
      const wanted = identifier.mayCompare(mode) ? Math.max(topK, CANDIDATES) : topK;
      const ofPhotos = await embedded.of(identifier);
      return { identifier, answer: identifier.answer(ofPhotos, { topK: wanted, positions, filters }) };
    });
    const answers = await verifiedAnswers(images, found, mode, topK);
    return photoAnswer(withAllTimes(answers, mostCertain(answers)), names);
  }

  /**
   * Return what the packs answer. Of several, those that do not know the filters' values are left out.
   *
   * @template T
   * @param {Filters} filters
   * @param {(identifier: Identifier) => Promise<T>} answer
   * @returns {Promise<T[]>}
   */
  async _eachThatCan(filters, answer) {
    const found = [];
    const unknown = [];
    for (const identifier of this._identifiers) {
      try {
        found.push(await answer(identifier));
      } catch (error) {
        const isOne = this._identifiers.length === 1;
        if (isOne || !(error instanceof SetupError) || !areFilters(filters)) throw error;
        unknown.push(`${identifier.pack.manifest.name}: ${error.message}`);
      }
    }
    if (!found.length) throw new SetupError(`no pack passes the filters; ${unknown.join("; ")}`);
    return found;
  }

  /** @param {string} packName */
  _of(packName) {
    const found = this._identifiers.find(({ pack }) => pack.manifest.name === packName);
    if (found === undefined) throw new PackError("pack-not-found", `the pack ${JSON.stringify(packName)} is not open`);
    return found;
  }
}

/** Some photos, embedded once for each distinct encoder and recipe, when a pack needs it first. */
class EmbeddedPhotos {
  /** @param {readonly Image[]} images */
  constructor(images) {
    this._images = images;
    /** @type {Map<Encoder, Map<string, Embedded>>} */
    this._known = new Map();
  }

  /**
   * @param {Identifier} identifier
   * @returns {Promise<Embedded>}
   */
  async of(identifier) {
    const recipe = JSON.stringify(identifier.pack.manifest.preprocessing);
    const known = this._known.get(identifier.encoder) ?? new Map();
    this._known.set(identifier.encoder, known);
    const before = known.get(recipe);
    if (before !== undefined) return { ...before, prepare: 0, encode: 0 }; // its time counts once
    const found = await identifier.embedPhotos(this._images);
    known.set(recipe, found);
    return found;
  }
}

/**
 * Compare the packs' answers point by point, unless one identifies the photo by similarity alone.
 *
 * @param {readonly Image[]} images
 * @param {Array<{identifier: Identifier, answer: Identification}>} found
 * @param {GeometryMode} mode
 * @param {number} topK
 * @returns {Promise<Identification[]>}
 */
async function verifiedAnswers(images, found, mode, topK) {
  const isIdentified = found.some(({ answer }) => answer.verdict?.decision === "identified");
  const isNeeded = mode === "always" || (mode === "auto" && !isIdentified);
  const answers = [];
  for (const { identifier, answer } of found) {
    const isCompared = isNeeded && identifier.mayCompare(mode);
    answers.push(
      isCompared
        ? await identifier.verified(images, answer, topK)
        : { ...answer, matches: answer.matches.slice(0, topK) },
    );
  }
  return answers;
}

/**
 * @param {Identification[]} answers
 * @param {number} at
 * @returns {Identification} One of the answers, with the time that all have taken.
 */
function withAllTimes(answers, at) {
  const [prepare, encode, search, decide] = /** @type {const} */ (["prepare", "encode", "search", "decide"]).map(
    (stage) => answers.reduce((sum, { times }) => sum + times[stage], 0),
  );
  return { ...answers[at], times: { prepare, encode, search, decide } };
}

/**
 * @param {Pack} pack
 * @param {Runtime} runtime
 * @param {Map<string, Promise<Encoder>>} encoders Of the packs before.
 */
function sharedEncoder(pack, runtime, encoders) {
  const variant = pack.imageVariant;
  const key = JSON.stringify([variant, pack.manifest.files.get(variant.model)?.sha256]);
  const found = encoders.get(key) ?? loadEncoder(pack, variant, runtime.createSession);
  encoders.set(key, found);
  return found;
}

/** @param {{topK?: number}} options */
function checkedTopK({ topK = DEFAULT_TOP_K }) {
  if (!Number.isInteger(topK) || topK < 1 || topK > MAX_TOP_K) {
    throw new SetupError(`topK is ${topK}; 1 to ${MAX_TOP_K} matches can be returned`);
  }
  return topK;
}
