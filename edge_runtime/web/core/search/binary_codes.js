/** Search in large packs: a shortlist by Hamming distance of binary codes, scored by the index itself. */

import { binarise } from "../pack/binary_codes_file.js";
import { FullSearch, bestNeighbours } from "./vector_search.js";

/** @typedef {import("../pack/index_file.js").IndexRows} IndexRows */
/** @typedef {import("../pack/binary_codes_file.js").BinaryCodes} BinaryCodes */
/** @typedef {import("./vector_search.js").Neighbour} Neighbour */

const LEAST_ASKED = 400;
const ASKED_PER_ANSWER = 40;
const MOST_SHARE = 20; // beyond a twentieth of the rows, the whole index is scanned

/** Search by a shortlist. All rows of a Hamming distance are in it, or none: every client has the same. */
export class BinaryCodeSearch {
  /**
   * @param {IndexRows} rows
   * @param {BinaryCodes} codes
   */
  constructor(rows, codes) {
    this._rows = rows;
    this._codes = codes;
    this._whole = new FullSearch(rows);
  }

  /**
   * @param {Float32Array[]} views
   * @param {number} k
   * @returns {Neighbour[]}
   */
  nearest(views, k) {
    /** @type {Map<number, Neighbour>} */
    const best = new Map();
    for (const view of views) {
      for (const found of this._nearestOf(view, k)) {
        const known = best.get(found.id);
        if (known === undefined || known.score < found.score) best.set(found.id, found);
      }
    }
    return [...best.values()].sort((one, other) => other.score - one.score || one.id - other.id).slice(0, k);
  }

  /**
   * @param {Float32Array} view
   * @param {number} k
   */
  _nearestOf(view, k) {
    const shortlist = this._shortlist(view, k);
    return shortlist === null ? this._whole.nearest([view], k) : bestNeighbours(this._rows, [view], shortlist, k);
  }

  /**
   * @param {Float32Array} view
   * @param {number} k
   * @returns {Uint32Array | null} Rows; null if a scan of the whole index costs no more.
   */
  _shortlist(view, k) {
    const count = this._rows.ids.length;
    let asked = Math.max(LEAST_ASKED, ASKED_PER_ANSWER * k);
    if (asked * MOST_SHARE > count) return null;
    const distances = hammingDistances(binarise(view, this._codes), this._codes, count);
    for (; asked * MOST_SHARE <= count; asked *= 2) {
      const rows = nearer(distances, asked);
      if (rows.length >= Math.floor(asked / 2)) return rows;
    }
    return null;
  }
}

/**
 * @param {Uint32Array} query
 * @param {BinaryCodes} codes
 * @param {number} count
 */
function hammingDistances(query, { words, rowWords }, count) {
  const distances = new Uint16Array(count);
  for (let row = 0, from = 0; row < count; row++) {
    let sum = 0;
    for (let at = 0; at < rowWords; at++, from++) {
      let bits = words[from] ^ query[at]; // counted in pairs, fours and bytes
      bits -= (bits >>> 1) & 0x55555555;
      bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
      sum += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
    }
    distances[row] = sum;
  }
  return distances;
}

/**
 * @param {Uint16Array} distances
 * @param {number} count
 * @returns {Uint32Array} The rows that are strictly nearer than the `count`-th nearest, rising.
 */
function nearer(distances, count) {
  const histogram = new Uint32Array(65536);
  for (const distance of distances) histogram[distance]++;
  let [distance, together] = [0, histogram[0]];
  while (together < count) together += histogram[++distance];
  const rows = new Uint32Array(together - histogram[distance]);
  for (let row = 0, at = 0; at < rows.length; row++) if (distances[row] < distance) rows[at++] = row;
  return rows;
}
