/**
 * The photo's position as evidence. It changes probabilities and never excludes a reference.
 *
 * `edge_runtime/decisions/place_evidence.py` has the formulas and what was measured.
 */

import { distanceM, reachM, scaleM } from "../photos/position.js";
import { conclude, evidenceOf, sharesOf, sum } from "./decision.js";

/** @typedef {import("../photos/position.js").Position} Position */
/** @typedef {import("../pack/references.js").Coordinates} Coordinates */
/** @typedef {import("./calibration.js").Calibration} Calibration */
/** @typedef {import("./decision.js").Verdict} Verdict */
/** @typedef {{distanceM: number | null, score: number, visionConfidence: number}} PlaceEvidence */

export const CANDIDATES = 200; // references that place re-ranks
const WRONG = 0.1; // probability that a position is unrelated to the place of the photo
const ELSEWHERE = 1e-8;

/**
 * @param {Position} position
 * @param {Coordinates} coordinates
 * @returns {number} 0 to 1; it falls with the distance.
 */
export function nearness(position, coordinates) {
  const distance = distanceM([position.latitude, position.longitude], coordinates);
  return distance > reachM(position) ? 0 : (1 + (distance / scaleM(position)) ** 2) ** -1.5;
}

/**
 * @param {Position} position
 * @param {Iterable<Coordinates>} located Of all references that have coordinates.
 * @returns {number} The mean nearness.
 */
export function meanNearness(position, located) {
  let [together, count] = [0, 0];
  for (const coordinates of located) {
    together += nearness(position, coordinates);
    count++;
  }
  return together / Math.max(1, count);
}

/**
 * @param {Position} position
 * @param {Coordinates | undefined} coordinates
 * @param {number} crowd The value of `meanNearness`.
 * @returns {number} How much likelier this position is for that reference than for any; 1 says nothing.
 */
export function placeScore(position, coordinates, crowd) {
  if (coordinates === undefined) return 1;
  return ((1 - WRONG) * nearness(position, coordinates)) / (crowd + ELSEWHERE) + WRONG;
}

/**
 * @param {readonly number[]} placeScores
 * @returns {boolean} Whether they tell any reference from another.
 */
export function distinguishes(placeScores) {
  return Math.max(...placeScores) > Math.min(...placeScores) * (1 + 1e-9);
}

/**
 * @param {readonly number[]} scores
 * @param {readonly number[]} placeScores
 * @param {Calibration} calibration
 * @returns {number} The log-odds that a position adds to the evidence.
 */
export function gainOf(scores, placeScores, calibration) {
  return distinguishes(placeScores) ? Math.log(sum(weightsOf(scores, placeScores, calibration))) : 0;
}

/**
 * @param {readonly number[]} scores Of the candidates, best first.
 * @param {readonly number[]} placeScores
 * @param {Calibration} calibration
 * @param {{crowd: readonly number[], mostGain: number}} options
 * @returns {{verdict: Verdict, order: number[]}} The confidences are in the new order.
 */
export function decideWithPlace(scores, placeScores, calibration, { crowd, mostGain }) {
  const weights = weightsOf(scores, placeScores, calibration);
  const together = sum(weights);
  const order = weights.map((_, at) => at).sort((one, other) => weights[other] - weights[one] || one - other);
  const evidence = evidenceOf(crowd, calibration) + Math.min(Math.log(together), mostGain);
  return { verdict: conclude(evidence, order.map((at) => weights[at] / together), calibration), order };
}

/**
 * @param {readonly number[]} scores
 * @param {readonly number[]} placeScores
 * @param {Calibration} calibration
 */
function weightsOf(scores, placeScores, calibration) {
  return sharesOf(scores, calibration.temperature).map((share, at) => share * placeScores[at]);
}
