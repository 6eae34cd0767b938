/** The descriptors file: the points of reference images, 4 bits a number. FORMAT.md has the layout. */

import { ByteCursor } from "../io/byte_cursor.js";

/** @typedef {import("../search/geometry/points.js").Points} Points */
/** @typedef {{first: number, points: number, width: number, height: number}} ImageEntry */

const STEPS_PER_PX = 32;
const OFFSET = 8;

/** Lookups in the descriptors file of a pack. */
export class DescriptorTable {
  /**
   * @param {Uint8Array} data The file's bytes, whose hash was checked.
   * @param {{dim: number, mostPoints: number, mostImages: number, where: string}} expected From the manifest.
   */
  constructor(data, { dim, mostPoints, mostImages, where }) {
    const cursor = new ByteCursor(data, where);
    this._cursor = cursor;
    this._dim = dim;
    this._pointBytes = 4 + Math.ceil(dim / 2);
    this._images = this._readImages(mostPoints, mostImages);
    const together = [...this._images.values()].reduce((sum, image) => sum + image.points, 0);
    this._rows = cursor.bytes(together * this._pointBytes);
    cursor.finish();
  }

  /**
   * @param {number} indexId
   * @returns {Points | null} null if the file has none of that image.
   */
  points(indexId) {
    const image = this._images.get(indexId);
    if (image === undefined) return null;
    const positions = new Float32Array(2 * image.points);
    const descriptors = new Float32Array(this._dim * image.points);
    for (let at = 0; at < image.points; at++) {
      const row = this._rows.subarray((image.first + at) * this._pointBytes);
      const [across, down] = [row[0] | (row[1] << 8), row[2] | (row[3] << 8)];
      if (across > image.width * STEPS_PER_PX || down > image.height * STEPS_PER_PX) {
        throw this._cursor.damaged(
          `image ${indexId} has a point outside its ${image.width} x ${image.height} pixels`,
        );
      }
      positions.set([across / STEPS_PER_PX - 0.5, down / STEPS_PER_PX - 0.5], 2 * at);
      descriptors.set(unitVector(row.subarray(4), this._dim), this._dim * at);
    }
    return { width: image.width, height: image.height, positions, descriptors, dim: this._dim };
  }

  /**
   * @param {number} mostPoints
   * @param {number} mostImages
   * @returns {Map<number, ImageEntry>}
   */
  _readImages(mostPoints, mostImages) {
    const cursor = this._cursor;
    const magic = cursor.ascii(8);
    if (magic !== "EIPOINT1") {
      throw cursor.damaged(`begins with ${JSON.stringify(magic)} where "EIPOINT1" was expected`);
    }
    const [dim, points, count] = [cursor.u32(), cursor.u32(), cursor.u64()];
    if (dim !== this._dim || points !== mostPoints || count > mostImages) {
      throw cursor.damaged(
        `holds ${count} images with up to ${points} points of ${dim} numbers; the manifest says up to ${mostImages} ` +
          `with up to ${mostPoints} of ${this._dim}`,
      );
    }
    /** @type {Map<number, ImageEntry>} */
    const images = new Map();
    let [first, last] = [0, -Infinity];
    for (let at = 0; at < count; at++) {
      const id = cursor.i64();
      const image = { first: cursor.u64(), points: cursor.u16(), width: cursor.u16(), height: cursor.u16() };
      cursor.u16();
      if (id <= last) throw cursor.damaged("its images are not in rising order");
      if (image.points > mostPoints || !image.width || !image.height) {
        throw cursor.damaged(`an image has more than ${mostPoints} points, or no size`);
      }
      if (image.first !== first) {
        throw cursor.damaged("its images do not begin where the points of those before them end");
      }
      images.set(id, image);
      first += image.points;
      last = id;
    }
    return images;
  }
}

/**
 * @param {Uint8Array} halves Two numbers a byte, the first in the low half, each plus 8.
 * @param {number} dim
 */
function unitVector(halves, dim) {
  const found = new Float32Array(dim);
  let squares = 0;
  for (let at = 0; at < dim; at++) {
    const byte = halves[at >> 1];
    found[at] = (at & 1 ? byte >> 4 : byte & 15) - OFFSET;
    squares += found[at] * found[at];
  }
  const length = Math.max(1, Math.sqrt(squares));
  return found.map((value) => value / length);
}
