/** The calibration of a pack: constants that turn scores into probabilities, measured when the pack was built. */

import { badFormat } from "../errors.js";
import { parseJsonObject } from "../io/json_fields.js";

/** @typedef {import("../io/json_fields.js").JsonObject} JsonObject */
/** @typedef {{identified: number, probably: number}} Certainty Least confidences for the two words. */
/** @typedef {{slope: number, intercept: number}} Correction */
/**
 * @typedef {object} PointCalibration
 * @property {number} shareExponent
 * @property {number} pointsExponent
 * @property {number} evidenceWeight
 * @property {number} countWeight
 * @property {number} leadWeight
 * @property {number} intercept
 * @property {number} accept
 * @property {Certainty} certainty
 * @property {Correction | null} correction
 */
/**
 * @typedef {object} Calibration
 * @property {number} neighbours
 * @property {number} scoreWeight
 * @property {number} contrastWeight
 * @property {number} marginWeight
 * @property {number} intercept
 * @property {number} temperature
 * @property {number} accept
 * @property {number} leastShare
 * @property {Certainty | null} certainty
 * @property {PointCalibration | null} points
 * @property {Correction | null} correction
 */
/** @typedef {{strong: number, fair: number}} TextCalibration */

const MAX_CALIBRATION_BYTES = 2 ** 20;
const MAX_NEIGHBOURS = 1000;
const MOST = 1e6; // of any coefficient; scores lie within -1 and 1
const LEAST_TEMPERATURE = 1e-4;
const LEAST_SLOPE = 0.01;
const MOST_SCORE = 1.001;

/**
 * Read `calibration.json`.
 *
 * @param {Uint8Array} data
 * @param {string} where
 * @returns {{photos: Map<string, Calibration>, texts: Map<string, TextCalibration>}} By variant.
 */
export function readCalibrations(data, where) {
  const fields = parseJsonObject(data, { where, maxBytes: MAX_CALIBRATION_BYTES });
  return {
    photos: new Map(fields.items("variants").map(([name, entry]) => [name, calibration(entry)])),
    texts: new Map(
      fields.has("texts") ? fields.items("texts").map(([name, entry]) => [name, textCalibration(entry)]) : [],
    ),
  };
}

/**
 * @param {JsonObject} fields
 * @returns {Calibration}
 */
function calibration(fields) {
  return {
    neighbours: fields.integer("neighbours", { least: 2, most: MAX_NEIGHBOURS }),
    scoreWeight: fields.numberWithin("score_weight", 0, MOST),
    contrastWeight: fields.numberWithin("contrast_weight", 0, MOST),
    marginWeight: fields.numberWithin("margin_weight", 0, MOST),
    intercept: fields.numberWithin("intercept", -MOST, MOST),
    temperature: fields.numberWithin("temperature", LEAST_TEMPERATURE, MOST),
    accept: fields.numberWithin("accept", -MOST, MOST),
    leastShare: fields.numberWithin("least_share", 0.5, 0.9),
    certainty: fields.has("certainty") ? certainty(fields.object("certainty")) : null,
    points: fields.has("points") ? pointCalibration(fields.object("points")) : null,
    correction: correction(fields),
  };
}

/**
 * @param {JsonObject} fields
 * @returns {PointCalibration}
 */
function pointCalibration(fields) {
  return {
    shareExponent: fields.numberWithin("share_exponent", 0, MOST),
    pointsExponent: fields.numberWithin("points_exponent", 0, MOST),
    evidenceWeight: fields.numberWithin("evidence_weight", 0, MOST),
    countWeight: fields.numberWithin("count_weight", 0, MOST),
    leadWeight: fields.numberWithin("lead_weight", 0, MOST),
    intercept: fields.numberWithin("intercept", -MOST, MOST),
    accept: fields.numberWithin("accept", -MOST, MOST),
    certainty: certainty(fields.object("certainty")),
    correction: correction(fields),
  };
}

/**
 * @param {JsonObject} fields
 * @returns {Correction | null}
 */
function correction(fields) {
  if (!fields.has("correction")) return null;
  const entry = fields.object("correction");
  return {
    slope: entry.numberWithin("slope", LEAST_SLOPE, MOST),
    intercept: entry.numberWithin("intercept", -MOST, MOST),
  };
}

/**
 * @param {JsonObject} entry
 * @returns {Certainty}
 */
function certainty(entry) {
  const identified = entry.numberWithin("identified", 0, 1);
  return { identified, probably: entry.numberWithin("probably", 0, identified) };
}

/**
 * @param {JsonObject} fields
 * @returns {TextCalibration}
 */
function textCalibration(fields) {
  const strong = fields.numberWithin("strong", -MOST_SCORE, MOST_SCORE);
  const fair = fields.numberWithin("fair", -MOST_SCORE, MOST_SCORE);
  if (fair > strong) throw badFormat(`${fields.where}: \`fair\` is ${fair}, above \`strong\`, ${strong}`);
  return { strong, fair };
}
