/**
 * The FAISS index file of a pack: an id map (IxM2) around a flat (IxFI) or an 8-bit structure (IxSQ), inner product.
 *
 * FORMAT.md has the layout. Each count is compared with the manifest and the file's length before memory is taken.
 */

import { ByteCursor } from "../io/byte_cursor.js";

/** @typedef {import("./manifest.js").IndexSpec} IndexSpec */
/**
 * @typedef {object} IndexRows A stored code stands for `offset + scale * code`, for each dimension.
 * @property {Uint8Array | Float32Array} codes `count * dim` numbers.
 * @property {Float64Array} ids Whole numbers, the index ids.
 * @property {Float32Array} offset
 * @property {Float32Array} scale
 */

/**
 * @param {Uint8Array} data The file's bytes, whose hash was checked.
 * @param {IndexSpec} spec
 * @returns {IndexRows}
 */
export function readIndexFile(data, spec) {
  const cursor = new ByteCursor(data, spec.file);
  header(cursor, "IxM2", spec);
  const rows = spec.kind === "flat" ? flat(cursor, spec) : sq8(cursor, spec);
  const ids = cursor.longs(count(cursor, spec.count, "ids"));
  cursor.finish();
  return { ...rows, ids };
}

/**
 * @param {ByteCursor} cursor
 * @param {string} fourcc
 * @param {IndexSpec} spec
 */
function header(cursor, fourcc, spec) {
  const found = cursor.ascii(4);
  const dim = cursor.i32();
  const rows = cursor.u64();
  cursor.bytes(16); // two numbers that nobody uses
  const isTrained = cursor.u8();
  const metric = cursor.i32();
  if (found !== fourcc) throw cursor.damaged(`holds a ${JSON.stringify(found)} structure where ${fourcc} was expected`);
  if (dim !== spec.dim || rows !== spec.count || isTrained !== 1 || metric !== 0) {
    throw cursor.damaged(`holds ${rows} vectors of ${dim} dimensions, the manifest says ${spec.count} of ${spec.dim}`);
  }
}

/**
 * @param {ByteCursor} cursor
 * @param {number} expected
 * @param {string} what
 */
function count(cursor, expected, what) {
  const found = cursor.u64();
  if (found !== expected) throw cursor.damaged(`announces ${found} ${what} where ${expected} were expected`);
  return expected;
}

/**
 * @param {ByteCursor} cursor
 * @param {IndexSpec} spec
 */
function flat(cursor, spec) {
  header(cursor, "IxFI", spec);
  const codes = cursor.floats(count(cursor, spec.count * spec.dim, "values"));
  return { codes, offset: new Float32Array(spec.dim), scale: new Float32Array(spec.dim).fill(1) };
}

/**
 * @param {ByteCursor} cursor
 * @param {IndexSpec} spec
 */
function sq8(cursor, spec) {
  header(cursor, "IxSQ", spec);
  const kind = cursor.i32();
  cursor.bytes(8); // how the ranges were found
  const [dim, codeSize] = [cursor.u64(), cursor.u64()];
  if (kind !== 0 || dim !== spec.dim || codeSize !== spec.dim) {
    throw cursor.damaged(`quantiser ${kind} with ${dim} dimensions of ${codeSize} bytes is not SQ8`);
  }
  const trained = cursor.floats(count(cursor, 2 * spec.dim, "quantiser values"));
  const codes = cursor.bytes(count(cursor, spec.count * spec.dim, "code bytes"));
  const [least, width] = [trained.subarray(0, dim), trained.subarray(dim)];
  const half = Math.fround(0.5 / 255); // FAISS decodes to the middle of a step
  return { codes, offset: least.map((value, at) => value + width[at] * half), scale: width.map((value) => value / 255) };
}
