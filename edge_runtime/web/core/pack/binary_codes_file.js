/** The binary codes file (`index.signs`): one bit for each number of each vector. FORMAT.md has the layout. */

import { ByteCursor } from "../io/byte_cursor.js";

/** @typedef {import("./manifest.js").IndexSpec} IndexSpec */
/**
 * @typedef {object} BinaryCodes
 * @property {Float32Array} mean The mean of the stored vectors.
 * @property {Uint32Array} words `count * rowWords` words.
 * @property {number} rowWords
 */

const HEADER_BYTES = 24;
const ROWS_ALIGNED_BYTES = 64;

/**
 * @param {Uint8Array} data The file's bytes, whose hash was checked.
 * @param {IndexSpec} spec
 * @param {string} where
 * @returns {BinaryCodes}
 */
export function readBinaryCodesFile(data, spec, where) {
  const cursor = new ByteCursor(data, where);
  const rowBytes = 8 * Math.ceil(spec.dim / 64);
  const magic = cursor.ascii(8);
  if (magic !== "EISIGNS1") throw cursor.damaged(`begins with ${JSON.stringify(magic)} where "EISIGNS1" was expected`);
  const [dim, bytes, count] = [cursor.u32(), cursor.u32(), cursor.u64()];
  if (dim !== spec.dim || bytes !== rowBytes || count !== spec.count) {
    throw cursor.damaged(
      `holds ${count} rows of ${bytes} bytes for ${dim} dimensions; the index ${spec.count} of ${spec.dim}`,
    );
  }
  const mean = cursor.floats(dim);
  if (!mean.every(Number.isFinite)) throw cursor.damaged("its mean holds NaN or infinite values");
  cursor.bytes(rowsAt(dim) - cursor.at);
  const rows = cursor.bytes(count * rowBytes).slice(); // aligned
  cursor.finish();
  return { mean, words: new Uint32Array(rows.buffer), rowWords: rowBytes / 4 };
}

/**
 * Return one bit for each number of a vector: whether it is greater than that of the mean; lowest bit first.
 *
 * @param {Float32Array} vector
 * @param {BinaryCodes} codes
 * @returns {Uint32Array}
 */
export function binarise(vector, codes) {
  const words = new Uint32Array(codes.rowWords);
  for (let at = 0; at < vector.length; at++) {
    if (vector[at] > codes.mean[at]) words[at >> 5] |= 1 << (at & 31);
  }
  return words;
}

/** @param {number} dim */
function rowsAt(dim) {
  return ROWS_ALIGNED_BYTES * Math.ceil((HEADER_BYTES + 4 * dim) / ROWS_ALIGNED_BYTES);
}
