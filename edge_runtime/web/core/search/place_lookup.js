/** Decisions with a photo's position: reads coordinates from the pack and applies `decisions/place_evidence`. */

import {
  decideWithPlace,
  distinguishes,
  gainOf,
  meanNearness,
  placeScore,
} from "../decisions/place_evidence.js";
import { distanceM } from "../photos/position.js";

/** @typedef {import("../photos/position.js").Position} Position */
/** @typedef {import("../pack/references.js").ReferenceTable} ReferenceTable */
/** @typedef {import("../decisions/calibration.js").Calibration} Calibration */
/** @typedef {import("../decisions/decision.js").Verdict} Verdict */
/** @typedef {import("../decisions/place_evidence.js").PlaceEvidence} PlaceEvidence */
/** @typedef {import("../decisions/several_photos.js").Nearest} Nearest */

/**
 * Decide from the candidates' scores and the photo's position.
 *
 * @param {ReferenceTable} references
 * @param {Position} position
 * @param {Nearest[]} candidates Best first.
 * @param {Calibration} calibration
 * @param {{vision: Verdict, crowd: number[], everyone: Nearest[] | null}} options The decision without the position, the
 *   scores for the evidence, and the candidates without a filter (null if there is none).
 * @returns {{verdict: Verdict, order: number[], evidence: PlaceEvidence[]} | null} null if the position changes nothing.
 */
export function weighPlace(references, position, candidates, calibration, { vision, crowd, everyone }) {
  const coordinates = references.coordinates();
  const density = meanNearness(position, coordinates.values());
  /** @param {Nearest[]} some */
  const placeScores = (some) =>
    some.map(({ referenceId }) => placeScore(position, coordinates.get(referenceId), density));
  const scores = placeScores(candidates);
  let mostGain = Infinity;
  if (everyone !== null) mostGain = gainOf(similarities(everyone), placeScores(everyone), calibration);
  // All candidates within a filter may have the same place score, and the gain without the filter be negative.
  if (!distinguishes(scores)) {
    mostGain = Math.min(mostGain, 0);
    if (mostGain === 0) return null;
  }
  const placed = decideWithPlace(similarities(candidates), scores, calibration, { crowd, mostGain });
  const evidence = placed.order.map((at) => {
    const spot = coordinates.get(candidates[at].referenceId);
    return {
      distanceM: spot === undefined ? null : distanceM([position.latitude, position.longitude], spot),
      score: scores[at],
      visionConfidence: vision.confidences[at] ?? 0,
    };
  });
  return { ...placed, evidence };
}

/** @param {Nearest[]} candidates */
function similarities(candidates) {
  return candidates.map(({ score }) => score);
}
