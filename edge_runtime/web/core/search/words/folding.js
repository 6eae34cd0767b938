/** Text as it is compared: without case, accents and separators, split into words. As `search/words/folding.py`. */

/** Words that say nothing about what a text describes. */
export const FILLERS = new Set(
  "a an and from image in is my of on one photo picture small some the this with yesterday".split(" "),
);
export const MOST_CHARACTERS = 10_000; // of a text

const IS_ASCII = /^[\0-\x7f]*$/;
/** Letters with a stroke or a ligature, which Unicode does not decompose. */
const LETTERS = new Map(Object.entries({ ø: "o", ł: "l", đ: "d", ħ: "h", ı: "i", æ: "ae", œ: "oe", þ: "th", ð: "d" }));
// Thai, Lao, Myanmar, Khmer, kana, Chinese characters: scripts that write no spaces.
const UNSPACED =
  "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff" +
  "\\u{20000}-\\u{3ffff}";
const RUN = new RegExp(`[${UNSPACED}]+|\\p{Nd}+|(?:(?![${UNSPACED}])[\\p{L}\\p{Nl}\\p{No}])+`, "gu");
const UNSPACED_SIGN = new RegExp(`[${UNSPACED}]`, "gu");
const BEGINS_UNSPACED = new RegExp(`^[${UNSPACED}]`, "u");
const MARKS = /\p{M}/gu;
const LAST_MARK_OF_LETTERS = "\u094d"; // of combining class 9, a virama

/** @type {Map<string, boolean>} */
const accents = new Map();

/**
 * @param {string} text
 * @returns {string} The text without case and accents; composed and decomposed text give the same.
 */
export function folded(text) {
  if (IS_ASCII.test(text)) return text.toLowerCase();
  const decomposed = Array.from(text.normalize("NFKD"), (sign) => sign.toUpperCase().toLowerCase()).join("");
  const plain = Array.from(decomposed.normalize("NFKD"), (sign) => LETTERS.get(sign) ?? sign);
  return plain
    .filter((sign) => !isAccent(sign))
    .join("")
    .normalize("NFC");
}

/**
 * @param {string} plain A folded text.
 * @returns {string[]} Its words, in order, with repeats. A run of a script without spaces gives its pairs.
 */
export function wordsOf(plain) {
  return runs(plain).flatMap(wordsOfRun);
}

/**
 * @param {string} plain A folded text.
 * @returns {string[]} The distinct words that it is found by, single characters of scripts without spaces included.
 */
export function distinctWords(plain) {
  return [...new Set([...wordsOf(plain), ...(plain.match(UNSPACED_SIGN) ?? [])])];
}

/**
 * @param {string} text
 * @returns {string[]} The distinct words of a text that is not folded, without those that say nothing.
 */
export function tellingWords(text) {
  const some = firstCharacters(text, MOST_CHARACTERS);
  const words = some.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? some.split(/\s+/u).filter(Boolean).slice(0, 1);
  return [...new Set(words)].filter((word) => !FILLERS.has(word));
}

/**
 * @param {string} plain A folded text.
 * @returns {string} Its letters and digits without anything between; without any, the text without white space.
 */
export function joined(plain) {
  return runs(plain).join("") || plain.replace(/\s+/gu, "");
}

/**
 * @param {string} text
 * @param {number} most
 * @returns {string} At most so many characters, by code points.
 */
export function firstCharacters(text, most) {
  return text.length <= most ? text : Array.from(text).slice(0, most).join("");
}

/** @param {string} plain */
function runs(plain) {
  return plain.replace(MARKS, "").match(RUN) ?? [];
}

/** @param {string} run */
function wordsOfRun(run) {
  if (!BEGINS_UNSPACED.test(run)) return [run];
  const signs = Array.from(run);
  return signs.length === 1 ? [run] : signs.slice(1).map((sign, at) => signs[at] + sign);
}

/**
 * Return whether a sign is an accent or a point. Marks up to the combining class 9 change the letter.
 *
 * JavaScript does not tell the class. But normalisation puts a mark of a higher class behind one of class 9.
 *
 * @param {string} sign
 */
function isAccent(sign) {
  let found = accents.get(sign);
  if (found === undefined) {
    const together = sign + LAST_MARK_OF_LETTERS;
    found = sign.search(MARKS) === 0 && together.normalize("NFD") !== together;
    accents.set(sign, found);
  }
  return found;
}
