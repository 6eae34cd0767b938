/** Agreeing points as evidence. FORMAT.md ("Decisions with agreeing points") has the formulas. */

import { conclude, sum } from "./decision.js";

/** @typedef {import("./calibration.js").Calibration} Calibration */
/** @typedef {import("./decision.js").Verdict} Verdict */

// For packs that were built before points were calibrated; see edge_runtime/decisions/point_evidence.py.
const EXPONENT = 4;
const OF_LOOK_ALIKES = 24;
const WEIGHT = 2;

/**
 * @param {Verdict} verdict The decision from similarity.
 * @param {readonly number[]} points Agreeing points of each first reference; 0 if it was not compared.
 * @param {Calibration} calibration
 * @returns {{verdict: Verdict, order: number[]} | null} The decision, with confidences in the new order; null if
 *   nothing can be ranked.
 */
export function decideWithPoints(verdict, points, calibration) {
  const rule = calibration.points;
  const before = verdict.uncorrected ?? verdict.confidences;
  const counts = [...points, ...Array(verdict.confidences.length - points.length).fill(0)];
  const features = featuresOf(before, counts, rule?.shareExponent ?? 1, rule?.pointsExponent ?? EXPONENT);
  if (features === null) return null;
  const { order, shares, count, lead } = features;
  if (rule === null) {
    const evidence = verdict.evidence + WEIGHT * Math.log(Math.max(1, counts[order[0]] / OF_LOOK_ALIKES));
    return { verdict: conclude(evidence, shares, calibration), order };
  }
  const evidence =
    rule.intercept + rule.evidenceWeight * verdict.evidence + rule.countWeight * count + rule.leadWeight * lead;
  const { accept, certainty, correction } = rule;
  return { verdict: conclude(evidence, shares, { ...calibration, accept, certainty, correction }), order };
}

/**
 * @param {readonly number[]} shares
 * @param {readonly number[]} counts
 * @param {number} shareExponent
 * @param {number} pointsExponent
 */
function featuresOf(shares, counts, shareExponent, pointsExponent) {
  const logs = shares.map((share, at) =>
    share > 0 ? shareExponent * Math.log(share) + pointsExponent * Math.log1p(counts[at]) : -Infinity,
  );
  const most = Math.max(...logs);
  if (most === -Infinity) return null;
  const weights = logs.map((value) => Math.exp(value - most));
  const together = sum(weights);
  const order = weights.map((_, at) => at).sort((one, other) => weights[other] - weights[one] || one - other);
  const count = Math.log1p(counts[order[0]]);
  const others = Math.max(0, ...order.slice(1).map((at) => Math.log1p(counts[at])));
  return { order, shares: order.map((at) => weights[at] / together), count, lead: Math.max(0, count - others) };
}
