/**
 * An index of a pack's own words: ids, names, labels, namespaces and attributes. As `search/words/word_index.py`.
 *
 * The order has no weights. What counts first comes first: an exact id or name, how much the found words tell (the
 * logarithm of how rare they are), how they were found, where, and how much of the name they are.
 */

import { byCodePoint } from "../../io/text_order.js";
import { FILLERS, MOST_CHARACTERS, distinctWords, firstCharacters, folded, joined, wordsOf } from "./folding.js";
import { SimilarWords, isDoubling, isSlip } from "./typing_errors.js";

/** @typedef {import("../../pack/references.js").Reference} Reference */
/** @typedef {import("../../answers/text_reasons.js").FoundIn} FoundIn */
/** @typedef {import("../../answers/text_reasons.js").TextReason} TextReason */
/** @typedef {{referenceId: string, rank: number, isExact: boolean, reasons: TextReason[]}} WordHit */
/** @typedef {{untold: number, manner: number, place: number, field: number, typed: string, meant: string}} Evidence */
/** @typedef {[number, number, number, number, number]} Standing The sort key of a reference: smaller is better. */
/** @typedef {Map<number, Map<number, Evidence>>} Found By reference, and by the number of a word of the text. */

const MOST_WORDS = 64;
const MOST_JOINED = 64;
const LEAST_PREFIX = 2;
const LEAST_KNOWN_PREFIX = 4;
const MOST_PREFIXED = 1000;
const FIELDS = 65536; // kinds of labels and attributes; further ones share the last number

/** How a word of a reference agrees with a typed word, best first. */
const MANNER = { whole: 0, doubled: 1, prefix: 2, slip: 3, repeated: 4, oneError: 5, twoErrors: 6 };
/** The order in which fields count. @type {FoundIn[]} */
const STANDING = ["name", "id", "label", "namespace", "attribute"];
const [NAME, ID, NAMESPACE] = [0, 1, 2];

/** The words of many references. */
export class WordIndex {
  /** @param {Iterable<Reference>} references In the order of their ids. */
  constructor(references) {
    /** @type {Array<{foundIn: FoundIn, key: string}>} */
    this._fields = [
      { foundIn: "name", key: "" },
      { foundIn: "id", key: "" },
      { foundIn: "namespace", key: "" },
    ];
    /** @type {Map<string, number>} */
    this._numbers = new Map();
    /** @type {string[]} */
    this._ids = [];
    /** @type {number[]} */
    this._nameLengths = [];
    // Each reference with the field, as one number: by joined id and name, and by word.
    /** @type {Map<string, number[]>} */
    this._named = new Map();
    /** @type {Map<string, number[]>} */
    this._having = new Map();
    for (const reference of references) this._add(reference);
    this._vocabulary = [...new Set([...this._having.keys(), ...this._named.keys()])].sort();
    /** @type {SimilarWords | null} */
    this._similar = null;
  }

  /**
   * Return the references that have words of a text, best first.
   *
   * @param {string} text
   * @param {{most: number, among?: ReadonlySet<string> | null}} options
   * @returns {WordHit[]}
   */
  find(text, { most, among = null }) {
    const plain = folded(firstCharacters(text, MOST_CHARACTERS));
    /** @type {Map<number, number>} */
    const exact = new Map();
    for (const entry of (this._named.get(joined(plain)) ?? []).toReversed()) exact.set(...split(entry));
    const found = this._evidence(plain);
    const candidates = [...new Set([...exact.keys(), ...found.keys()])].filter(
      (at) => among === null || among.has(this._ids[at]),
    );
    const standings = new Map(candidates.map((at) => [at, standingOf(at, exact, evidenceFor(found, at))]));
    const ranks = lastRanks([...standings.values()]);
    /** @param {number} at */
    const standing = (at) => /** @type {Standing} */ (standings.get(at));
    candidates.sort(
      (one, other) =>
        compareLists(standing(one), standing(other)) ||
        this._nameLengths[one] - this._nameLengths[other] ||
        byCodePoint(this._ids[one], this._ids[other]),
    );
    return candidates.slice(0, most).map((at) => ({
      referenceId: this._ids[at],
      rank: ranks.get(standing(at).join()) ?? 0,
      isExact: exact.has(at),
      reasons: this._reasons(at, exact, evidenceFor(found, at)),
    }));
  }

  /** @param {Reference} reference */
  _add(reference) {
    const at = this._ids.push(reference.id) - 1;
    const [name, id] = [folded(reference.name), folded(reference.id)];
    this._nameLengths.push(Array.from(name).length);
    /** @type {Array<[string, number]>} */
    const named = id === name ? [[name, NAME]] : [[id, ID], [name, NAME]];
    for (const [plain, field] of named) {
      append(this._named, joined(plain), at * FIELDS + field);
      this._addWords(at, field, distinctWords(plain));
    }
    this._addWords(at, NAMESPACE, distinctWords(folded(reference.namespace)));
    this._addValues(at, "label", reference.labels);
    this._addValues(at, "attribute", reference.attributes);
  }

  /**
   * @param {number} at
   * @param {FoundIn} foundIn
   * @param {Record<string, string>} values
   */
  _addValues(at, foundIn, values) {
    for (const [key, value] of Object.entries(values)) {
      const words = distinctWords(folded(firstCharacters(value, MOST_CHARACTERS)));
      this._addWords(at, this._number(foundIn, key), words);
    }
  }

  /**
   * @param {FoundIn} foundIn
   * @param {string} key
   */
  _number(foundIn, key) {
    const name = JSON.stringify([foundIn, key]);
    let number = this._numbers.get(name);
    if (number === undefined) {
      number = Math.min(this._fields.length, FIELDS - 1);
      if (number === this._fields.length) this._fields.push({ foundIn, key });
      this._numbers.set(name, number);
    }
    return number;
  }

  /**
   * @param {number} at
   * @param {number} field
   * @param {string[]} words
   */
  _addWords(at, field, words) {
    for (const word of words) append(this._having, word, at * FIELDS + field);
  }

  /**
   * @param {string} plain
   * @returns {Found} For each reference its best evidence for each word of the text.
   */
  _evidence(plain) {
    /** @type {Found} */
    const found = new Map();
    for (const { numbers, typed } of typedWords(plain)) {
      const isWhole = numbers.length > 1;
      for (const [at, evidence] of this._agreeing(typed, isWhole)) {
        const known = found.get(at) ?? new Map();
        found.set(at, known);
        for (const number of numbers) {
          const before = known.get(number);
          if (before === undefined || compareEvidence(evidence, before) < 0) known.set(number, evidence);
        }
      }
    }
    return found;
  }

  /**
   * @param {string} typed
   * @param {boolean} isWhole Whether only an id or name that is the word counts.
   * @returns {Generator<[number, Evidence]>}
   */
  *_agreeing(typed, isWhole) {
    const having = new Set();
    for (const [manner, words] of this._meant(typed, isWhole)) {
      const entries = words.flatMap((word) =>
        this._entries(word, isWhole).map((entry) => ({ entry: split(entry), word })),
      );
      for (const { entry } of entries) having.add(entry[0]);
      const untold = -Math.log((this._ids.length + 1) / Math.max(1, having.size));
      for (const { entry, word } of entries) {
        const [at, field] = entry;
        const place = STANDING.indexOf(this._fields[field].foundIn);
        yield [at, { untold, manner, place, field, typed, meant: word }];
      }
    }
  }

  /**
   * @param {string} word
   * @param {boolean} isWhole
   */
  _entries(word, isWhole) {
    const named = this._named.get(word) ?? [];
    return isWhole ? named : [...named, ...(this._having.get(word) ?? [])];
  }

  /**
   * @param {string} typed
   * @param {boolean} isWhole
   * @returns {Array<[number, string[]]>} The words that it may stand for, by manner.
   */
  _meant(typed, isWhole) {
    const isKnown = this._named.has(typed) || (!isWhole && this._having.has(typed));
    /** @type {Map<number, string[]>} */
    const meant = isKnown && !isWhole ? new Map() : this._misspelt(typed);
    if (isKnown) meant.set(MANNER.whole, [typed]);
    if (Array.from(typed).length >= (isKnown ? LEAST_KNOWN_PREFIX : LEAST_PREFIX)) {
      meant.set(MANNER.prefix, this._beginning(typed));
    }
    return [...meant].sort(([one], [other]) => one - other);
  }

  /** @param {string} typed */
  _beginning(typed) {
    let [low, high] = [0, this._vocabulary.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._vocabulary[middle] < typed) low = middle + 1;
      else high = middle;
    }
    const words = [];
    for (const word of this._vocabulary.slice(low, low + MOST_PREFIXED)) {
      if (!word.startsWith(typed)) break;
      if (word !== typed) words.push(word);
    }
    return words;
  }

  /** @param {string} typed */
  _misspelt(typed) {
    this._similar ??= new SimilarWords(this._vocabulary.filter((word) => word.length <= MOST_JOINED));
    /** @type {Map<number, string[]>} */
    const meant = new Map();
    for (const { word, errors } of this._similar.near(typed)) {
      append(meant, errors === 1 ? mannerOfOne(typed, word) : MANNER.twoErrors, word);
    }
    return meant;
  }

  /**
   * @param {number} at
   * @param {Map<number, number>} exact
   * @param {Evidence[]} evidence
   * @returns {TextReason[]}
   */
  _reasons(at, exact, evidence) {
    /** @type {Map<number, Map<string, string>>} */
    const corrected = new Map();
    const exactField = exact.get(at);
    if (exactField !== undefined) corrected.set(exactField, new Map());
    for (const each of evidence) {
      const words = corrected.get(each.field) ?? new Map();
      corrected.set(each.field, words);
      if (each.manner !== MANNER.whole && each.manner !== MANNER.prefix) words.set(each.typed, each.meant);
    }
    return Array.from(corrected, ([field, words]) => ({
      ...this._fields[field],
      isExact: exactField === field,
      corrected: [...words],
    }));
  }
}

/**
 * @param {Found} found
 * @param {number} at
 */
function evidenceFor(found, at) {
  return [...(found.get(at)?.values() ?? [])];
}

/**
 * @param {number} at
 * @param {Map<number, number>} exact
 * @param {Evidence[]} evidence
 * @returns {Standing}
 */
function standingOf(at, exact, evidence) {
  const untold = evidence.reduce((sum, each) => sum + each.untold, 0);
  return [
    exact.has(at) ? 0 : 1,
    exact.get(at) === NAME ? 1 : 0, // an id is of one thing, a name may be of several
    Math.round(untold * 1e9) / 1e9, // whatever the order of the words
    evidence.reduce((sum, each) => sum + each.manner, 0),
    evidence.reduce((sum, each) => sum + each.place, 0),
  ];
}

/**
 * @param {Standing[]} standings
 * @returns {Map<string, number>} The rank of each: the number of references that stand as well or better.
 */
function lastRanks(standings) {
  /** @type {Map<string, number>} */
  const ranks = new Map();
  [...standings].sort(compareLists).forEach((standing, at) => ranks.set(standing.join(), at + 1));
  return ranks;
}

/**
 * @param {number[]} one
 * @param {number[]} other
 */
function compareLists(one, other) {
  const at = one.findIndex((value, place) => value !== other[place]);
  return at < 0 ? 0 : one[at] - other[at];
}

/**
 * @param {Evidence} one
 * @param {Evidence} other
 */
function compareEvidence(one, other) {
  return (
    one.untold - other.untold ||
    one.manner - other.manner ||
    one.place - other.place ||
    one.field - other.field ||
    byCodePoint(one.typed, other.typed) ||
    byCodePoint(one.meant, other.meant)
  );
}

/**
 * @param {string} typed
 * @param {string} word
 */
function mannerOfOne(typed, word) {
  if (isDoubling(typed, word)) return typed.length < word.length ? MANNER.doubled : MANNER.repeated;
  return isSlip(typed, word) ? MANNER.slip : MANNER.oneError;
}

/**
 * @param {string} plain
 * @returns {Array<{numbers: number[], typed: string}>} The words of a folded text, and its parts and itself as one word,
 *   each with the numbers of its words.
 */
function typedWords(plain) {
  const parts = plain.split(/\s+/u).filter(Boolean);
  const words = parts.flatMap(wordsOf);
  const distinct = [...new Set(words)];
  const telling = distinct.filter((word) => !FILLERS.has(word));
  const numbers = new Map((telling.length ? telling : distinct).slice(0, MOST_WORDS).map((word, at) => [word, at]));
  /** @type {Map<string, number[]>} */
  const typed = new Map(Array.from(numbers, ([word, number]) => [word, [number]]));
  for (const [whole, ofWhole] of [...parts.map((part) => pieces(part, wordsOf(part))), pieces(plain, words)]) {
    const known = [...new Set(ofWhole.map((word) => numbers.get(word)))].filter((number) => number !== undefined);
    if (ofWhole.length > 1 && known.length && whole.length <= MOST_JOINED && !typed.has(whole)) typed.set(whole, known);
  }
  return Array.from(typed, ([word, known]) => ({ numbers: known, typed: word }));
}

/**
 * @param {string} text
 * @param {string[]} words
 * @returns {[string, string[]]}
 */
function pieces(text, words) {
  return [joined(text), words];
}

/**
 * @param {number} entry
 * @returns {[number, number]} Reference and field.
 */
function split(entry) {
  return [Math.floor(entry / FIELDS), entry % FIELDS];
}

/**
 * @template K, V
 * @param {Map<K, V[]>} lists
 * @param {K} key
 * @param {V} value
 */
function append(lists, key, value) {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
