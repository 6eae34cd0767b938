/** Words that differ from a typed one by a typing error: a letter too many, too few, another one, or two swapped. */

const PAIRS_PER_ERROR = 3; // swapping two neighbours changes three pairs of letters
const LETTERS_OF_ONE = 4;
const LETTERS_OF_TWO = 8;

/** @param {string} word */
function errorsAllowed(word) {
  return Number(word.length >= LETTERS_OF_ONE) + Number(word.length >= LETTERS_OF_TWO);
}

/**
 * @param {string} typed
 * @param {string} word
 * @param {number} most
 * @returns {number} The least number of typing errors (optimal string alignment); `most + 1` if there are more.
 */
export function typingDistance(typed, word, most) {
  if (Math.abs(typed.length - word.length) > most) return most + 1;
  /** @type {number[]} */
  let before = [];
  let row = Array.from({ length: word.length + 1 }, (_, at) => at);
  for (let at = 1; at <= typed.length; at++) {
    const earlier = before;
    before = row;
    row = [at];
    for (let column = 1; column <= word.length; column++) {
      const isOther = typed[at - 1] === word[column - 1] ? 0 : 1;
      let least = Math.min(before[column] + 1, row[column - 1] + 1, before[column - 1] + isOther);
      const isSwap = at > 1 && column > 1 && typed[at - 1] === word[column - 2] && typed[at - 2] === word[column - 1];
      if (isSwap) least = Math.min(least, earlier[column - 2] + 1);
      row.push(least);
    }
    if (Math.min(...row) > most) return most + 1;
  }
  return Math.min(row[word.length], most + 1);
}

/**
 * @param {string} typed
 * @param {string} word A word with one typing error.
 * @returns {boolean} Whether a letter is left out or two are swapped, not a wrong or further one.
 */
export function isSlip(typed, word) {
  return typed.length < word.length || (typed.length === word.length && letters(typed) === letters(word));
}

/**
 * @param {string} one
 * @param {string} other
 * @returns {boolean} Whether one only has a letter twice where the other has it once.
 */
export function isDoubling(one, other) {
  const [shorter, longer] = one.length < other.length ? [one, other] : [other, one];
  if (longer.length !== shorter.length + 1) return false;
  let at = 0;
  while (at < shorter.length && shorter[at] === longer[at]) at++;
  return at > 0 && longer[at] === longer[at - 1] && longer.slice(at + 1) === shorter.slice(at);
}

/** Finds the words of a vocabulary that a typed word may stand for. */
export class SimilarWords {
  /** @param {Iterable<string>} vocabulary */
  constructor(vocabulary) {
    this._words = [...vocabulary].filter((word) => word.length >= LETTERS_OF_ONE);
    /** @type {Map<string, number[]>} */
    this._having = new Map();
    this._words.forEach((word, at) => {
      for (const pair of pairs(word)) {
        const having = this._having.get(pair);
        if (having === undefined) this._having.set(pair, [at]);
        else having.push(at);
      }
    });
  }

  /**
   * @param {string} typed
   * @returns {Array<{word: string, errors: number}>}
   */
  near(typed) {
    const wanted = pairs(typed);
    /** @type {Map<number, number>} */
    const shared = new Map();
    for (const pair of wanted) for (const at of this._having.get(pair) ?? []) shared.set(at, (shared.get(at) ?? 0) + 1);
    const found = [];
    for (const [at, count] of shared) {
      const word = this._words[at];
      const most = errorsAllowed(word);
      if (count < wanted.size - PAIRS_PER_ERROR * most) continue;
      const errors = typingDistance(typed, word, most);
      if (errors > 0 && errors <= most) found.push({ word, errors });
    }
    return found;
  }
}

/** @param {string} word */
function pairs(word) {
  const framed = ` ${word} `;
  return new Set(Array.from({ length: framed.length - 1 }, (_, at) => framed.slice(at, at + 2)));
}

/** @param {string} word */
function letters(word) {
  return [...word].sort().join("");
}
