/** From photos to an answer with one pack: encoder, index, references and decision. */

import { readCalibrations } from "../decisions/calibration.js";
import { middlePosition } from "../photos/position.js";
import { photoViews, preprocess } from "../photos/preprocessing.js";
import { areFilters } from "./filtering.js";
import { CANDIDATES, PointComparison } from "./geometry/point_comparison.js";
import { rerank } from "./geometry/reranking.js";
import { ReferenceFinder, readContents } from "./reference_finder.js";
import { TextSearcher } from "./text_searcher.js";

/** @typedef {import("../answers/identification.js").Identification} Identification */
/** @typedef {import("../decisions/calibration.js").Calibration} Calibration */
/** @typedef {import("../encoders/encoder.js").Encoder} Encoder */
/** @typedef {import("../pack/pack_reader.js").Pack} Pack */
/** @typedef {import("../pack/references.js").Filters} Filters */
/** @typedef {import("../pack_identifier.js").Runtime} Runtime */
/** @typedef {import("../photos/images.js").Image} Image */
/** @typedef {import("../photos/position.js").Position} Position */
/** @typedef {import("./geometry/point_comparison.js").PhotoPoints} PhotoPoints */
/** @typedef {"auto" | "always" | "never"} GeometryMode */
/** @typedef {{views: Float32Array[][], prepare: number, encode: number}} Embedded Of each photo; seconds of all. */

/** Identifies photos with one pack. */
export class Identifier {
  /**
   * @param {Pack} pack
   * @param {Encoder} encoder
   * @param {{finder: ReferenceFinder, searcher: TextSearcher, comparison: PointComparison, calibration: Calibration | null}} parts
   */
  constructor(pack, encoder, { finder, searcher, comparison, calibration }) {
    this.pack = pack;
    this.encoder = encoder;
    this.finder = finder;
    this.searcher = searcher;
    this.comparison = comparison;
    this._calibration = calibration;
  }

  /**
   * Whether answers are ever compared point by point.
   *
   * @param {GeometryMode} mode
   */
  mayCompare(mode) {
    if (this.pack.manifest.localFeatures === null) return false;
    return mode === "always" || (mode === "auto" && this._calibration?.points != null);
  }

  /**
   * @param {readonly Image[]} images
   * @returns {Promise<Embedded>} The embeddings of each photo's views.
   */
  async embedPhotos(images) {
    const { preprocessing } = this.pack.manifest;
    /** @type {Float32Array[][]} */
    const views = [];
    let [prepare, encode] = [0, 0];
    for (const image of images) {
      const started = performance.now();
      const pixels = photoViews(image, preprocessing);
      const prepared = performance.now();
      views.push(await this._embed(pixels, preprocessing.photoViews.length));
      prepare += (prepared - started) / 1000;
      encode += (performance.now() - prepared) / 1000;
    }
    return { views, prepare, encode };
  }

  /**
   * @param {Image} image
   * @returns {Promise<{pixels: Uint8Array, embedding: Float32Array}>} As for a reference image: one view.
   */
  async embedReferenceImage(image) {
    const pixels = preprocess(image, this.pack.manifest.preprocessing);
    const [embedding] = await this._embed(pixels, 1);
    return { pixels, embedding };
  }

  /**
   * @param {Embedded} embedded
   * @param {{topK: number, positions: ReadonlyArray<Position | null>, filters: Filters}} options
   * @returns {Identification} The one answer to a photo, or to several photos of one thing.
   */
  answer({ views, prepare, encode }, { topK, positions, filters }) {
    const finder = areFilters(filters) ? this.finder.narrowed(filters) : this.finder;
    const found = finder.answer(views, topK, middlePosition(positions));
    return { ...found, times: { ...found.times, prepare, encode } };
  }

  /**
   * Compare the photos of an answer point by point, and decide again.
   *
   * @param {readonly Image[]} images
   * @param {Identification} found With at least `CANDIDATES` matches where the pack has as many.
   * @param {number} topK
   * @returns {Promise<Identification>}
   */
  async verified(images, found, topK) {
    const started = performance.now();
    const compared = found.matches.slice(0, CANDIDATES).map((match) => match.indexId);
    const points = Array(found.matches.length).fill(0);
    for (const image of images) {
      // A reference counts with the photo that has the most points in common with it.
      const counts = await this.comparison.counts(image, compared);
      counts.forEach((count, at) => (points[at] = Math.max(points[at], count)));
    }
    const answer = rerank(found, points, this._calibration, topK);
    const decide = answer.times.decide + (performance.now() - started) / 1000;
    return { ...answer, times: { ...answer.times, decide } };
  }

  /**
   * @param {Uint8Array} pixels
   * @param {number} count
   */
  _embed(pixels, count) {
    const { sizePx } = this.pack.manifest.preprocessing;
    return this.encoder.embed("uint8", pixels, [count, sizePx, sizePx, 3]);
  }
}

/**
 * Load what a pack answers with. The hashes of its files are checked first; nets and texts are loaded when needed.
 *
 * @param {Pack} pack
 * @param {Encoder} encoder
 * @param {Runtime} runtime
 * @param {PhotoPoints} photoPoints
 */
export async function openIdentifier(pack, encoder, runtime, photoPoints) {
  const path = pack.manifest.calibrationFile;
  const calibrations =
    path === null ? { photos: new Map(), texts: new Map() } : readCalibrations(await pack.file(path), path);
  const calibration = calibrations.photos.get(encoder.variantName) ?? null;
  const contents = await readContents(pack);
  const { createSession } = runtime;
  return new Identifier(pack, encoder, {
    finder: new ReferenceFinder(pack.manifest, contents, { variantName: encoder.variantName, calibration }),
    searcher: new TextSearcher(pack, contents, { texts: calibrations.texts, createSession }),
    comparison: new PointComparison(pack, runtime, photoPoints),
    calibration,
  });
}
