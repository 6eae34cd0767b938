/** CLIP's byte-pair encoding, from the merges in a pack to token ids. FORMAT.md ("clip-bpe") has the steps. */

import { badFormat, damaged } from "../../errors.js";
import { cleaned } from "./text_cleaning.js";

/** @typedef {import("../../pack/manifest.js").TokenizerSpec} TokenizerSpec */

export const END = "<end_of_text>";
const START = "<start_of_text>";
const END_OF_WORD = "</w>";
const MAX_MERGES_BYTES = 16 * 2 ** 20;
const PIECES =
  /<start_of_text>|<end_of_text>|'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu;
const BYTE_CHARACTERS = byteCharacters();

/** Turns text into the token ids of a CLIP text tower. */
export class ClipTokenizer {
  /**
   * @param {Uint8Array} data The merges: UTF-8, in order of rank, one pair a line.
   * @param {TokenizerSpec} spec
   */
  constructor(data, spec) {
    this._spec = spec;
    const pairs = mergesIn(data, spec.file);
    this._ranks = new Map(pairs.map((pair, rank) => [pair.join(" "), rank]));
    const characters = [...BYTE_CHARACTERS.values()];
    const tokens = [
      ...characters,
      ...characters.map((character) => character + END_OF_WORD),
      ...pairs.map((pair) => pair.join("")),
      START,
      END,
    ];
    this._ids = new Map(tokens.map((token, id) => [token, id]));
  }

  /** Number of tokens in the tower's input. */
  get contextLength() {
    return this._spec.contextLength;
  }

  /**
   * @param {string} token
   * @returns {number}
   */
  id(token) {
    return this._ids.get(token) ?? 0;
  }

  /**
   * @param {number} byte
   * @returns {number} The id of the token for a byte within a word.
   */
  idOfByte(byte) {
    return this.id(BYTE_CHARACTERS.get(byte) ?? "");
  }

  /**
   * @param {string} text
   * @returns {number[]} As many as the context has; unused places are 0. One that is cut ends with the end mark.
   */
  encode(text) {
    const kept = [this.id(START), ...this._tokens(text), this.id(END)].slice(0, this.contextLength);
    kept[kept.length - 1] = this.id(END);
    return [...kept, ...Array(this.contextLength - kept.length).fill(0)];
  }

  /** @param {string} text */
  _tokens(text) {
    return (cleaned(text, this._spec.cleaning).match(PIECES) ?? []).flatMap((piece) => {
      if (piece === START || piece === END) return [this.id(piece)];
      const written = Array.from(new TextEncoder().encode(piece), (byte) => BYTE_CHARACTERS.get(byte) ?? "");
      return this._merged(written).map((part) => this.id(part));
    });
  }

  /** @param {string[]} written */
  _merged(written) {
    let parts = [...written.slice(0, -1), written[written.length - 1] + END_OF_WORD];
    for (;;) {
      let [best, rank] = ["", Infinity];
      for (let at = 0; at + 1 < parts.length; at++) {
        const pair = `${parts[at]} ${parts[at + 1]}`;
        const found = this._ranks.get(pair) ?? Infinity;
        if (found < rank) [best, rank] = [pair, found];
      }
      if (rank === Infinity) return parts;
      parts = joinedPairs(parts, best);
    }
  }
}

/**
 * @param {Uint8Array} data
 * @param {string} where
 */
function mergesIn(data, where) {
  if (data.length > MAX_MERGES_BYTES) {
    throw badFormat(`${where}: ${data.length} bytes, more than the limit of ${MAX_MERGES_BYTES}`);
  }
  const lines = textOf(data, where).split("\n").filter(Boolean);
  return lines.map((line) => {
    const pair = line.split(" ");
    if (pair.length !== 2) throw notMerges(where);
    return pair;
  });
}

/**
 * @param {Uint8Array} data
 * @param {string} where
 */
function textOf(data, where) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch (error) {
    throw notMerges(where);
  }
}

/** @param {string} where */
function notMerges(where) {
  return damaged(`${where}: is not a list of merges; build or fetch the pack again`);
}

/**
 * @param {string[]} parts
 * @param {string} pair
 */
function joinedPairs(parts, pair) {
  const joined = [];
  for (let at = 0; at < parts.length; at++) {
    if (at + 1 < parts.length && `${parts[at]} ${parts[at + 1]}` === pair) joined.push(parts[at] + parts[++at]);
    else joined.push(parts[at]);
  }
  return joined;
}

/** @returns {Map<number, string>} The printable character of each byte, in the order of their ids. */
function byteCharacters() {
  const printable = [...range(33, 126), ...range(161, 172), ...range(174, 255)];
  const others = range(0, 255).filter((byte) => !printable.includes(byte));
  return new Map([
    ...printable.map((byte) => /** @type {[number, string]} */ ([byte, String.fromCharCode(byte)])),
    ...others.map((byte, at) => /** @type {[number, string]} */ ([byte, String.fromCharCode(256 + at)])),
  ]);
}

/**
 * @param {number} first
 * @param {number} last
 */
function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}
