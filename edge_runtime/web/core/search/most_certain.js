/** Which of several packs' answers to one question counts. Among equal answers, the first one. */

import { LOOKS_LIKE_IT } from "../answers/text_reasons.js";
import { DECISIONS } from "../decisions/decision.js";
import { TEXT_BANDS } from "../decisions/text_bands.js";

/** @typedef {import("../answers/identification.js").Identification} Identification */

/**
 * @param {readonly Identification[]} answers To one photo, one of each pack.
 * @returns {number} Which one counts: the most certain decision; then the highest probability, then the similarity.
 */
export function mostCertain(answers) {
  return firstLargest(answers.map(certaintyOf));
}

/**
 * @param {readonly Identification[]} answers To one text, one of each pack.
 * @returns {number} Which one counts: an exact id or name, then other words, then the best band, then the similarity.
 */
export function bestFitting(answers) {
  return firstLargest(answers.map(fitOf));
}

/** @param {Identification} answer */
function certaintyOf({ verdict, lookAlikes, matches }) {
  const certainty = verdict === null ? 0 : DECISIONS.length - DECISIONS.indexOf(verdict.decision);
  const known = verdict?.knownProbability ?? 0;
  return [certainty, lookAlikes === null ? (matches[0].confidence ?? 0) : known, matches[0].score];
}

/** @param {Identification} answer */
function fitOf({ matches }) {
  if (!matches.length) return [-1, 0, 0];
  const [match] = matches;
  const byWords = match.reasons.some((reason) => reason !== LOOKS_LIKE_IT) ? 1 : 0;
  const agreement = match.reasons.some((reason) => reason.isExact) ? 2 : byWords;
  const band = match.band === null ? 0 : TEXT_BANDS.length - TEXT_BANDS.indexOf(match.band);
  return [agreement, band, match.score];
}

/** @param {number[][]} keys */
function firstLargest(keys) {
  let best = 0;
  keys.forEach((key, at) => {
    const place = key.findIndex((value, part) => value !== keys[best][part]);
    if (place >= 0 && key[place] > keys[best][place]) best = at;
  });
  return best;
}
