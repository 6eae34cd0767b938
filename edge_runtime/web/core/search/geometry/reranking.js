/** The answer with its agreeing points: ranked and decided again. */

import { decideWithPoints } from "../../decisions/point_evidence.js";
import { compareLookAlikes, likelyKind } from "../../decisions/shared_labels.js";

/** @typedef {import("../../answers/identification.js").Identification} Identification */
/** @typedef {import("../../decisions/calibration.js").Calibration} Calibration */

/**
 * @param {Identification} found The answer without points, with all candidates as its matches.
 * @param {readonly number[]} points Of each match; 0 if it was not compared.
 * @param {Calibration | null} calibration null: the order changes by points, then by score, and nothing else.
 * @param {number} topK Number of matches to keep.
 * @returns {Identification}
 */
export function rerank(found, points, calibration, topK) {
  const counted = found.matches.map((match, at) => ({ ...match, matchedPoints: points[at] }));
  if (found.verdict === null || calibration === null) {
    const order = points.map((_, at) => at).sort((one, other) => points[other] - points[one] || one - other);
    return { ...found, matches: order.slice(0, topK).map((at) => ({ ...counted[at], confidence: null })) };
  }
  const decided = decideWithPoints(found.verdict, points, calibration);
  if (decided === null) return { ...found, matches: counted.slice(0, topK) };
  const { verdict } = decided;
  const ranked = decided.order.filter((at) => at < counted.length).map((at) => counted[at]);
  const references = ranked.map((match) => match.reference);
  return {
    ...found,
    matches: ranked.slice(0, topK).map((match, at) => ({ ...match, confidence: verdict.confidences[at] })),
    verdict,
    lookAlikes: compareLookAlikes(references.slice(0, verdict.lookAlikeCount)),
    likelyKind: verdict.decision === "identified" ? null : likelyKind(references, verdict.confidences),
  };
}
