/** From embeddings to answers: the index, the table of references, and the decision. */

import { decide, withOthers } from "../decisions/decision.js";
import { CANDIDATES } from "../decisions/place_evidence.js";
import { DEPTH, fused } from "../decisions/several_photos.js";
import { compareLookAlikes, likelyKind } from "../decisions/shared_labels.js";
import { damaged } from "../errors.js";
import { readBinaryCodesFile } from "../pack/binary_codes_file.js";
import { readIndexFile } from "../pack/index_file.js";
import { ReferenceTable } from "../pack/references.js";
import { BinaryCodeSearch } from "./binary_codes.js";
import { NO_FILTERS, areFilters, passingIndexIds } from "./filtering.js";
import { weighPlace } from "./place_lookup.js";
import { searchWith } from "./taught.js";
import { FullSearch } from "./vector_search.js";

/** @typedef {import("../pack/pack_reader.js").Pack} Pack */
/** @typedef {import("../pack/manifest.js").Manifest} Manifest */
/** @typedef {import("../pack/references.js").Filters} Filters */
/** @typedef {import("../pack/index_file.js").IndexRows} IndexRows */
/** @typedef {import("../pack/binary_codes_file.js").BinaryCodes} BinaryCodes */
/** @typedef {import("../photos/position.js").Position} Position */
/** @typedef {import("../decisions/calibration.js").Calibration} Calibration */
/** @typedef {import("../decisions/decision.js").Verdict} Verdict */
/** @typedef {import("../decisions/several_photos.js").Nearest} Nearest */
/** @typedef {import("../decisions/place_evidence.js").PlaceEvidence} PlaceEvidence */
/** @typedef {import("../answers/identification.js").Identification} Identification */
/** @typedef {import("../answers/identification.js").Match} Match */
/** @typedef {import("./vector_search.js").VectorSearch} VectorSearch */
/** @typedef {{rows: IndexRows, codes: BinaryCodes | null, references: ReferenceTable}} Contents */
/**
 * @typedef {object} Question One photo or text before its decision.
 * @property {Nearest[]} ranked The references that pass the filters, best first.
 * @property {number[]} crowd The scores behind the evidence, of the whole pack.
 * @property {Position | null} position
 * @property {Nearest[] | null} everyone The ranking without filters; null if there are none.
 */

/**
 * Read what a pack's embeddings are compared with. The hashes of the files are checked first.
 *
 * @param {Pack} pack
 * @returns {Promise<Contents>}
 */
export async function readContents(pack) {
  const { index, referencesFile } = pack.manifest;
  const codes = index.binaryCodes;
  return {
    rows: readIndexFile(await pack.file(index.file), index),
    codes: codes === null ? null : readBinaryCodesFile(await pack.file(codes.file), index, codes.file),
    references: new ReferenceTable(await pack.file(referencesFile), referencesFile),
  };
}

/** Finds the references of embeddings. */
export class ReferenceFinder {
  /**
   * @param {Manifest} manifest
   * @param {Contents} contents
   * @param {{variantName: string, calibration: Calibration | null, filters?: Filters}} options
   */
  constructor(manifest, contents, { variantName, calibration, filters = NO_FILTERS }) {
    this._manifest = manifest;
    this._contents = contents;
    this._references = contents.references;
    this._variantName = variantName;
    this._calibration = calibration;
    this._filters = filters;
    const whole = wholeSearch(contents);
    // A shortlist by binary codes may miss a few selected vectors, so those are all compared.
    /** @type {import("./taught.js").Taught | null} */
    this._taught = null;
    /** @type {VectorSearch} */
    this._search = areFilters(filters)
      ? new FullSearch(contents.rows, passingIndexIds(filters, contents.references))
      : whole;
    this._whole = areFilters(filters) && calibration !== null ? whole : null;
  }

  /**
   * Let answers without filters find what a person taught, too.
   *
   * @param {import("./taught.js").Taught | null} taught
   */
  setTaught(taught) {
    this._taught = taught;
    this._search = searchWith(wholeSearch(this._contents), taught);
  }

  /** @param {Filters} filters */
  narrowed(filters) {
    return new ReferenceFinder(this._manifest, this._contents, {
      variantName: this._variantName,
      calibration: this._calibration,
      filters,
    });
  }

  /**
   * Return the answer to one photo or text, or to several photos of one thing.
   *
   * @param {Float32Array[][]} photos The embeddings of each photo's views.
   * @param {number} topK
   * @param {Position | null} position
   * @returns {Identification}
   */
  answer(photos, topK, position) {
    const started = performance.now();
    const question = photos.length === 1 ? this._question(photos[0], topK, position) : this._together(photos, topK, position);
    const searched = performance.now();
    const found = this._answer(question, topK);
    return {
      ...found,
      times: {
        prepare: 0,
        encode: 0,
        search: (searched - started) / 1000,
        decide: (performance.now() - searched) / 1000,
      },
    };
  }

  /** Read every reference and every image once, as an answer may need any of them. */
  checkReferences() {
    const found = this._references.checkAll(this._contents.rows.ids);
    const { referenceCount, referencesFile } = this._manifest;
    if (found !== referenceCount) {
      throw damaged(`${referencesFile}: holds ${found} references, the manifest says ${referenceCount}`);
    }
  }

  /** The references of the pack. */
  get references() {
    return this._references;
  }

  /**
   * Return references with their similarities to an embedding, best first; none for one without an image.
   *
   * @param {Float32Array} embedding
   * @param {readonly string[]} referenceIds
   * @returns {Match[]}
   */
  matchesOf(embedding, referenceIds) {
    const images = new Set(referenceIds.flatMap((id) => this._references.imagesOf(id)));
    if (!images.size) return [];
    const search = new FullSearch(this._contents.rows, images);
    const ranked = this._nearest(search, [embedding], referenceIds.length);
    return this._matches(ranked, null, []);
  }

  /**
   * @param {Float32Array[]} views
   * @param {number} topK
   * @param {Position | null} position
   * @returns {Question}
   */
  _question(views, topK, position) {
    const candidates = this._candidates(position);
    const ranked = this._nearest(this._search, views, Math.max(topK, candidates));
    return questionOf(ranked, position, this._whole && this._nearest(this._whole, views, candidates));
  }

  /**
   * @param {Float32Array[][]} photos
   * @param {number} topK
   * @param {Position | null} position
   * @returns {Question}
   */
  _together(photos, topK, position) {
    const candidates = this._candidates(position);
    const wanted = Math.max(topK, candidates);
    /** @param {VectorSearch} search @param {number} count */
    const fusedBy = (search, count) => fused(photos.map((views) => this._nearest(search, views, Math.max(count, DEPTH))));
    const ranked = fusedBy(this._search, wanted).slice(0, wanted);
    return questionOf(ranked, position, this._whole && fusedBy(this._whole, candidates).slice(0, candidates));
  }

  /**
   * @param {Position | null} position
   * @returns {number} The number of references that a decision uses.
   */
  _candidates(position) {
    if (this._calibration === null) return 1;
    return position === null ? this._calibration.neighbours : Math.max(CANDIDATES, this._calibration.neighbours);
  }

  /**
   * @param {VectorSearch} search
   * @param {Float32Array[]} views
   * @param {number} wanted
   * @returns {Nearest[]} Distinct references, best first, each with its best image.
   */
  _nearest(search, views, wanted) {
    // One reference may have several of the nearest rows. This many rows contain the wanted references for certain.
    const found = search.nearest(views, wanted * this._manifest.index.mostImagesPerReference);
    /** @type {Map<string, Nearest>} */
    const distinct = new Map();
    for (const { id, score } of found) {
      if (distinct.size === wanted) break;
      const referenceId = this._taught?.reference(id)?.id ?? this._references.referenceIdOf(id);
      if (!distinct.has(referenceId)) distinct.set(referenceId, { referenceId, score, indexId: id });
    }
    return [...distinct.values()];
  }

  /**
   * @param {Question} question
   * @param {number} topK
   * @returns {Omit<Identification, "times">}
   */
  _answer(question, topK) {
    const { ranked, verdict, evidence } = this._decided(question, topK);
    const named = ranked.slice(0, verdict?.lookAlikeCount ?? 0).map((each) => this._reference(each));
    return {
      matches: this._matches(ranked.slice(0, topK), verdict, evidence),
      verdict,
      lookAlikes: compareLookAlikes(named),
      likelyKind: verdict === null ? null : this._likelyKind(ranked, verdict),
      position: question.position,
      filters: this._filters,
      packName: this._manifest.name,
      packVersion: this._manifest.version,
      variantName: this._variantName,
    };
  }

  /**
   * @param {Question} question
   * @param {number} topK
   * @returns {{ranked: Nearest[], verdict: Verdict | null, evidence: PlaceEvidence[]}}
   */
  _decided(question, topK) {
    const { ranked, crowd, position, everyone } = question;
    const calibration = this._calibration;
    if (calibration === null) return { ranked, verdict: null, evidence: [] };
    // A photo with a position has more candidates. The decision by similarity alone uses as many as without one.
    const lookedAt = ranked.slice(0, Math.max(topK, calibration.neighbours));
    const vision = decide(
      lookedAt.map(({ score }) => score),
      calibration,
      crowd,
    );
    const candidates = ranked.slice(0, this._candidates(position)); // their number does not depend on `topK`
    const placed =
      position && weighPlace(this._references, position, candidates, calibration, { vision, crowd, everyone });
    if (!placed) return { ranked, verdict: vision, evidence: [] };
    const beyond = ranked.slice(placed.order.length);
    return {
      ranked: [...placed.order.map((at) => ranked[at]), ...beyond],
      verdict: withOthers(placed.verdict, beyond.length),
      evidence: placed.evidence,
    };
  }

  /**
   * @param {Nearest[]} ranked
   * @param {Verdict} verdict
   */
  _likelyKind(ranked, verdict) {
    if (verdict.decision === "identified") return null;
    const known = ranked
      .map((nearest, at) => ({ nearest, confidence: verdict.confidences[at] ?? 0 }))
      .filter(({ confidence }) => confidence > 0);
    return likelyKind(
      known.map(({ nearest }) => this._reference(nearest)),
      known.map(({ confidence }) => confidence),
    );
  }

  /**
   * @param {Nearest[]} shown
   * @param {Verdict | null} verdict
   * @param {PlaceEvidence[]} evidence
   * @returns {Match[]}
   */
  _matches(shown, verdict, evidence) {
    return shown.map((nearest, at) => ({
      reference: this._reference(nearest),
      score: nearest.score,
      confidence: verdict === null ? null : verdict.confidences[at],
      indexId: nearest.indexId,
      place: evidence[at] ?? null,
      matchedPoints: null,
      band: null,
      picture: nearest.indexId < 0 ? null : this._references.imageFacts(nearest.indexId),
      reasons: [],
      isOwn: nearest.indexId < 0,
    }));
  }

  /** @param {Nearest} nearest */
  _reference({ indexId, referenceId }) {
    return this._taught?.reference(indexId) ?? this._references.reference(referenceId);
  }
}

/**
 * @param {Contents} contents
 * @returns {VectorSearch}
 */
function wholeSearch({ rows, codes }) {
  return codes === null ? new FullSearch(rows) : new BinaryCodeSearch(rows, codes);
}

/**
 * With a filter, the evidence still comes from the whole pack: among few references every photo stands out.
 *
 * @param {Nearest[]} ranked
 * @param {Position | null} position
 * @param {Nearest[] | null} everyone The ranking without filters.
 * @returns {Question}
 */
function questionOf(ranked, position, everyone) {
  const [first] = ranked;
  const others = (everyone ?? ranked).filter((other) => other.referenceId !== first.referenceId);
  return { ranked, crowd: [first, ...others].map(({ score }) => score), position, everyone };
}
