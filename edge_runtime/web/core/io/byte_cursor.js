/** A read position in the bytes of a file. Reading past the end is damage of the pack; nothing is allocated before. */

import { damaged } from "../errors.js";

/** Little-endian numbers and arrays, copied: the arrays of the files are not aligned. */
export class ByteCursor {
  /**
   * @param {Uint8Array} data
   * @param {string} where The file's name in messages.
   */
  constructor(data, where) {
    this._data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength); // not Node's Buffer, whose `slice` copies nothing
    this._view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this._where = where;
    this._at = 0;
  }

  /** Position of the next byte. */
  get at() {
    return this._at;
  }

  /** @param {number} length */
  ascii(length) {
    return String.fromCharCode(...this.bytes(length));
  }

  u8() {
    return this._view.getUint8(this._take(1));
  }

  u16() {
    return this._view.getUint16(this._take(2), true);
  }

  i32() {
    return this._view.getInt32(this._take(4), true);
  }

  u32() {
    return this._view.getUint32(this._take(4), true);
  }

  f32() {
    return this._view.getFloat32(this._take(4), true);
  }

  /** A 64-bit count; one beyond 2^53 comes back as infinity, which no caller expects. */
  u64() {
    const value = this._view.getBigUint64(this._take(8), true);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(value);
  }

  /** @returns {number} */
  i64() {
    const value = this._view.getBigInt64(this._take(8), true);
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw this.damaged(`holds the number ${value}, beyond 2^53`);
    return number;
  }

  /**
   * @param {number} count
   * @returns {Float32Array}
   */
  floats(count) {
    return new Float32Array(this.bytes(4 * count).slice().buffer);
  }

  /**
   * @param {number} count
   * @returns {Float64Array} Index ids.
   */
  longs(count) {
    this._check(8 * count);
    const found = new Float64Array(count);
    for (let at = 0; at < count; at++) found[at] = this.i64();
    return found;
  }

  /**
   * @param {number} length
   * @returns {Uint8Array} A view, not a copy.
   */
  bytes(length) {
    const at = this._take(length);
    return this._data.subarray(at, at + length);
  }

  /** Check that nothing follows. */
  finish() {
    const left = this._data.length - this._at;
    if (left) throw this.damaged(`has ${left} bytes after its end`);
  }

  /** @param {string} found */
  damaged(found) {
    return damaged(`${this._where}: ${found}; build or fetch the pack again`);
  }

  /** @param {number} length */
  _take(length) {
    this._check(length);
    const at = this._at;
    this._at += length;
    return at;
  }

  /** @param {number} length */
  _check(length) {
    const end = this._at + length;
    if (end > this._data.length) {
      throw this.damaged(`ends after ${this._data.length} bytes; a part of it should reach byte ${end}`);
    }
  }
}
