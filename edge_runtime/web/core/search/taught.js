/**
 * What a person taught beside a pack: its pictures stand among the pack's, and one rule decides.
 *
 * With filters, it takes no part: a taught thing has no namespace and no labels.
 */

import { SetupError } from "../errors.js";

/** @typedef {import("../pack/references.js").Reference} Reference */
/** @typedef {import("../photos/images.js").Image} Image */
/** @typedef {import("./vector_search.js").Neighbour} Neighbour */
/** @typedef {import("./vector_search.js").VectorSearch} VectorSearch */
/**
 * @typedef {object} TaughtPicture
 * @property {Float32Array} embedding Of the kept picture, by `PackIdentifier.embedImage`.
 * @property {() => Promise<Image>} decode Returns the kept picture, for the comparison of points.
 */
/**
 * @typedef {object} TaughtThing
 * @property {string} id Begins with `own:`.
 * @property {string} name
 * @property {string} note May be empty.
 * @property {readonly TaughtPicture[]} pictures
 */

const LENGTH_TOLERANCE = 1e-3;

/** The taught pictures of one pack, by negative index ids. */
export class Taught {
  /**
   * @param {readonly TaughtThing[]} things
   * @param {number} dim
   */
  constructor(things, dim) {
    this._rows = things.flatMap((thing) => thing.pictures.map((picture) => ({ thing, picture })));
    for (const { thing, picture } of this._rows) checkUnit(picture.embedding, dim, thing.id);
  }

  /**
   * @param {readonly Float32Array[]} views
   * @returns {Neighbour[]} All taught pictures.
   */
  nearest(views) {
    return this._rows.map(({ picture }, at) => ({
      id: -1 - at,
      score: Math.fround(Math.max(...views.map((view) => dot(view, picture.embedding)))),
    }));
  }

  /**
   * @param {number} indexId
   * @returns {Reference | null} null for an id of the pack.
   */
  reference(indexId) {
    const thing = this._rows[-1 - indexId]?.thing;
    if (thing === undefined) return null;
    const { id, name, note } = thing;
    const attributes = /** @type {Record<string, string>} */ (note ? { note } : {});
    return { id, name, namespace: "", labels: {}, latitude: null, longitude: null, url: null, licence: null, attributes };
  }

  /** @returns {{reference: Reference, indexId: number}[]} Each thing with the id of its first picture. */
  references() {
    const first = this._rows.flatMap(({ thing, picture }, at) => (picture === thing.pictures[0] ? [-1 - at] : []));
    return first.map((indexId) => ({ reference: /** @type {Reference} */ (this.reference(indexId)), indexId }));
  }

  /**
   * @param {number} indexId
   * @returns {Promise<Image | null>} null for an id of the pack.
   */
  async image(indexId) {
    return (await this._rows[-1 - indexId]?.picture.decode()) ?? null;
  }
}

/**
 * @param {VectorSearch} search
 * @param {Taught | null} taught
 * @returns {VectorSearch} Finds the `k` nearest vectors of the pack, and all taught ones.
 */
export function searchWith(search, taught) {
  if (taught === null) return search;
  return {
    nearest: (views, k) =>
      [...search.nearest(views, k), ...taught.nearest(views)].sort(
        (one, other) => other.score - one.score || one.id - other.id,
      ),
  };
}

/**
 * @param {Float32Array} one
 * @param {Float32Array} other
 */
function dot(one, other) {
  return one.reduce((sum, value, at) => sum + value * other[at], 0);
}

/**
 * @param {Float32Array} embedding
 * @param {number} dim
 * @param {string} id
 */
function checkUnit(embedding, dim, id) {
  if (embedding.length !== dim || Math.abs(Math.sqrt(dot(embedding, embedding)) - 1) > LENGTH_TOLERANCE) {
    throw new SetupError(`${id}: its embedding is no unit vector of ${dim} numbers; embed its picture again`);
  }
}
