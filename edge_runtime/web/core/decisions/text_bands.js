/** How well a reference fits a text: strong, fair or weak, by thresholds measured when the pack was built. */

/** @typedef {"strong" | "fair" | "weak"} TextBand */

/** Best first. */
export const TEXT_BANDS = /** @type {const} */ (["strong", "fair", "weak"]);

/**
 * @param {number} score
 * @param {import("./calibration.js").TextCalibration} calibration
 * @returns {TextBand}
 */
export function bandOf(score, { strong, fair }) {
  if (score >= strong) return "strong";
  return score >= fair ? "fair" : "weak";
}
