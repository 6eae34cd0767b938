/** The decision rule: identified, probably, ambiguous or unknown. FORMAT.md ("Decisions") has the formulas. */

/** @typedef {import("./calibration.js").Calibration} Calibration */
/** @typedef {import("./calibration.js").Correction} Correction */
/** @typedef {"identified" | "probably" | "ambiguous" | "unknown"} Decision */
/**
 * @typedef {object} Verdict
 * @property {Decision} decision
 * @property {number} evidence Log-odds that the photo shows something in the pack.
 * @property {number} knownProbability
 * @property {number[]} confidences That the photo shows each reference.
 * @property {number} lookAlikeCount Ambiguous: number of first references that the photo may show. Otherwise 0.
 * @property {number[] | null} uncorrected The confidences before their correction; null without one.
 */

/** Most certain first. */
export const DECISIONS = /** @type {const} */ (["identified", "probably", "ambiguous", "unknown"]);

const LOOK_ALIKES_SHARE = 0.9;
const MOST_CONFIDENCE = 1 - 1e-9;

/**
 * @param {readonly number[]} scores Cosine similarities of distinct references, best first, at least one.
 * @param {Calibration} calibration
 * @param {readonly number[]} [crowd] The scores behind the evidence, where `scores` cover a part of the pack alone.
 * @returns {Verdict}
 */
export function decide(scores, calibration, crowd = scores) {
  const shares = sharesOf(scores.slice(0, calibration.neighbours), calibration.temperature);
  const beyond = Array(scores.length - shares.length).fill(0);
  return conclude(evidenceOf(crowd, calibration), [...shares, ...beyond], calibration);
}

/**
 * @param {number} evidence
 * @param {readonly number[]} shares Share of each reference, best first; they sum to 1.
 * @param {Calibration} calibration
 * @returns {Verdict}
 */
export function conclude(evidence, shares, calibration) {
  const known = sigmoid(evidence);
  const decision = decisionOf(evidence, known, shares, calibration);
  /** @type {Verdict} */
  const verdict = {
    decision,
    evidence,
    knownProbability: known,
    confidences: shares.map((share) => known * share),
    lookAlikeCount: decision === "ambiguous" ? lookAlikes(shares) : 0,
    uncorrected: null,
  };
  return calibration.correction === null ? verdict : withCorrection(verdict, calibration.correction);
}

/**
 * Return a verdict with further references of confidence 0 after the others.
 *
 * @param {Verdict} verdict
 * @param {number} count
 * @returns {Verdict}
 */
export function withOthers(verdict, count) {
  const zeros = Array(count).fill(0);
  return {
    ...verdict,
    confidences: [...verdict.confidences, ...zeros],
    uncorrected: verdict.uncorrected === null ? null : [...verdict.uncorrected, ...zeros],
  };
}

/**
 * @param {readonly number[]} scores Best first, at least one.
 * @param {Calibration} calibration
 * @returns {number} Log-odds that the photo shows something in the pack.
 */
export function evidenceOf(scores, calibration) {
  const [best, ...others] = scores.slice(0, calibration.neighbours);
  const mean = others.length ? sum(others) / others.length : best;
  const contrast = best - mean / 2;
  const margin = others.length ? best - others[0] : 0;
  return (
    calibration.intercept +
    calibration.scoreWeight * best +
    calibration.contrastWeight * contrast +
    calibration.marginWeight * margin
  );
}

/**
 * @param {readonly number[]} scores Best first.
 * @param {number} temperature
 * @returns {number[]} The softmax.
 */
export function sharesOf(scores, temperature) {
  const weights = scores.map((score) => Math.exp((score - scores[0]) / temperature));
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

/**
 * @param {number} evidence
 * @returns {number} Log-odds as a probability.
 */
export function sigmoid(evidence) {
  if (evidence >= 0) return 1 / (1 + Math.exp(-evidence));
  const odds = Math.exp(evidence);
  return odds / (1 + odds);
}

/** @param {readonly number[]} numbers */
export function sum(numbers) {
  return numbers.reduce((before, number) => before + number, 0);
}

/**
 * @param {Verdict} verdict
 * @param {Correction} correction
 * @returns {Verdict} Those behind the first share what is left at most.
 */
function withCorrection(verdict, correction) {
  const [first, ...others] = verdict.confidences.map((confidence) => corrected(confidence, correction));
  const known = Math.max(first, corrected(verdict.knownProbability, correction));
  const together = sum(others);
  const part = together ? Math.min(1, (known - first) / together) : 1;
  return {
    ...verdict,
    knownProbability: known,
    confidences: [first, ...others.map((confidence) => confidence * part)],
    uncorrected: verdict.confidences,
  };
}

/**
 * @param {number} confidence
 * @param {Correction} correction
 */
function corrected(confidence, { slope, intercept }) {
  if (confidence <= 0) return 0;
  const inside = Math.min(confidence, MOST_CONFIDENCE);
  return sigmoid(intercept + slope * (Math.log(inside) - Math.log1p(-inside)));
}

/**
 * @param {number} evidence
 * @param {number} known
 * @param {readonly number[]} shares
 * @param {Calibration} calibration
 * @returns {Decision}
 */
function decisionOf(evidence, known, shares, { accept, certainty, leastShare }) {
  if (!(evidence >= accept)) return "unknown";
  if (certainty === null) return shares[0] >= leastShare ? "identified" : "ambiguous";
  if (known * shares[0] >= certainty.identified) return "identified";
  if (known * shares[0] >= certainty.probably) return "probably";
  return known >= certainty.probably ? "ambiguous" : "unknown";
}

/** @param {readonly number[]} shares */
function lookAlikes(shares) {
  let [together, count] = [0, 0];
  while (count < shares.length && (together += shares[count]) < LOOK_ALIKES_SHARE) count++;
  return Math.max(2, Math.min(count + 1, shares.length));
}
