/**
 * Which words of a text a pack's text tower knows: a word is unknown if one of its tokens means the same as a token
 * that no text contains. Otherwise its nearest picture would be chance.
 */

import { END } from "./tokenizers/clip_bpe.js";

/** @typedef {import("./encoder.js").Encoder} Encoder */
/** @typedef {import("./tokenizers/clip_bpe.js").ClipTokenizer} ClipTokenizer */

const MOST_WORDS = 32;
const EQUAL = 0.9999; // least cosine of equal embeddings, whatever the batch
const NEVER_IN_UTF8 = [0xfe, 0xff];

/** Tells the words that a text tower knows from the others. */
export class KnownWords {
  /**
   * @param {Encoder} encoder
   * @param {ClipTokenizer} tokenizer
   */
  constructor(encoder, tokenizer) {
    this._encoder = encoder;
    this._tokenizer = tokenizer;
    /** @type {Promise<boolean> | null} */
    this._areAll = null;
  }

  /** @returns {Promise<boolean>} Whether every word means something to the tower. */
  areAll() {
    this._areAll ??= this._equalToLast(NEVER_IN_UTF8.map((byte) => this._tokenizer.idOfByte(byte))).then(
      ([isEqual]) => !isEqual,
    );
    return this._areAll;
  }

  /**
   * @param {readonly string[]} words The first 32 are told apart.
   * @returns {Promise<{known: string[], unknown: string[]}>}
   */
  async knownAndUnknown(words) {
    const asked = words.slice(0, MOST_WORDS);
    if (await this.areAll()) return { known: asked, unknown: [] };
    const tokens = asked.map((word) => this._tokensOf(word));
    const distinct = [...new Set(tokens.flat())].sort((one, other) => one - other);
    if (!distinct.length) return { known: asked, unknown: [] };
    const areEqual = await this._equalToLast([...distinct, this._tokenizer.idOfByte(NEVER_IN_UTF8[0])]);
    const strange = new Set(distinct.filter((_, at) => areEqual[at]));
    const isUnknown = tokens.map((ofWord) => ofWord.some((token) => strange.has(token)));
    return { known: asked.filter((_, at) => !isUnknown[at]), unknown: asked.filter((_, at) => isUnknown[at]) };
  }

  /** @param {string} word */
  _tokensOf(word) {
    const row = this._tokenizer.encode(word);
    return row.slice(1, row.indexOf(this._tokenizer.id(END)));
  }

  /**
   * @param {number[]} tokens
   * @returns {Promise<boolean[]>} For all but the last, whether it means the same as the last.
   */
  async _equalToLast(tokens) {
    const rows = tokens.map((token) => this._tokenizer.encode("x").with(1, token));
    const embeddings = await embedTokens(this._encoder, rows);
    const last = embeddings[embeddings.length - 1];
    return embeddings
      .slice(0, -1)
      .map((each) => each.reduce((sum, value, at) => sum + value * last[at], 0) >= EQUAL);
  }
}

/**
 * @param {Encoder} encoder
 * @param {number[][]} rows Token ids of texts.
 * @returns {Promise<Float32Array[]>}
 */
export function embedTokens(encoder, rows) {
  const data = BigInt64Array.from(rows.flat(), (token) => BigInt(token));
  return encoder.embed("int64", data, [rows.length, rows[0].length]);
}
