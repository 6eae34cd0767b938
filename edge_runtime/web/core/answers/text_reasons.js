/** Why a reference answers a text: its own words, or its picture's similarity to the text. */

/** @typedef {"id" | "name" | "label" | "namespace" | "attribute" | "similarity"} FoundIn */
/**
 * @typedef {object} TextReason
 * @property {FoundIn} foundIn
 * @property {string} key The kind of label or the name of the attribute; empty for the others.
 * @property {boolean} isExact Whether the whole id or name equals the whole text, but for case, accents and separators.
 * @property {Array<[string, string]>} corrected (typed, meant) for each word taken for a typing error.
 */

/** @type {TextReason} */
export const LOOKS_LIKE_IT = { foundIn: "similarity", key: "", isExact: false, corrected: [] };

/**
 * @param {readonly TextReason[]} reasons
 * @returns {string} The reasons on one line.
 */
export function reasonsInWords(reasons) {
  return reasons.map(inWords).join(", ");
}

/** @param {TextReason} reason */
function inWords({ foundIn, key, isExact, corrected }) {
  if (foundIn === "similarity") return "looks like the text";
  const where = `${isExact ? "exact " : ""}${foundIn}${key ? ` ${key}` : ""}`;
  const words = corrected.map(([typed, meant]) => `${meant} for "${typed}"`).join(", ");
  return words ? `${where} (${words})` : where;
}
