/** What a person must know of the answer to a text: why nothing answers, or what the similarities leave out. */

/** @typedef {import("../answers/identification.js").Match} Match */
/** @typedef {{hasEncoder: boolean, isEnough: boolean, unknown: string[]}} Knowledge What the text encoder knows. */

const MOST_NAMED = 8;
const ADVICE = "check the spelling, give a part of a name, or use other English words";

/**
 * @param {Match[]} matches
 * @param {Knowledge} knowledge
 * @param {boolean} areTooMany Whether the pack has too many references to search them by words.
 * @returns {string} Empty if there is nothing to say.
 */
export function noteOf(matches, knowledge, areTooMany) {
  const looked = areTooMany ? "this pack has too many references to search them by words" : "";
  if (!matches.length) {
    const searched = looked || "no reference has these words in its id, name, labels, namespace or attributes";
    return `${searched}, and ${noSimilarity(knowledge)}; ${ADVICE}`;
  }
  if (!knowledge.isEnough) return `found by words alone: ${noSimilarity(knowledge)}`;
  if (matches.every((match) => match.band === "weak" && match.reasons[0].foundIn === "similarity")) {
    return `${looked || "no reference has these words"}, and every similarity is weak; ${ADVICE}`;
  }
  if (knowledge.unknown.length) {
    const words = knowledge.unknown.slice(0, MOST_NAMED).map((word) => `"${word}"`);
    const more = knowledge.unknown.length > MOST_NAMED ? ", ..." : "";
    return `the text encoder does not know ${words.join(", ")}${more}; similarities are those of the other words`;
  }
  return looked;
}

/** @param {Knowledge} knowledge */
function noSimilarity({ hasEncoder }) {
  return hasEncoder
    ? "the text encoder knows none of these words, so similarities would be chance"
    : "this pack has no text encoder that runs here";
}
