/** Positions: coordinates with their accuracy, and distances. */

import { SetupError } from "../errors.js";

/** @typedef {import("../pack/references.js").Coordinates} Coordinates */
/**
 * @typedef {object} Position Where a photo was taken.
 * @property {number} latitude WGS 84 degrees.
 * @property {number} longitude
 * @property {number | null} [accuracyM] Radius of uncertainty in metres; null or absent if unknown.
 * @property {"photo" | "given"} [source] Its EXIF, or the user (the default).
 */

const MAX_ACCURACY_M = 1_000_000;
const USUAL_ACCURACY_M = 50;
const APART_M = 30; // from the camera to the thing, together with the error of the reference's coordinates
const REACH_SCALES = 1000;
const EARTH_RADIUS_M = 6_371_008.8; // IUGG mean radius

/**
 * @param {Position} position
 * @returns {Position} The position, if its numbers are in range.
 */
export function checkedPosition(position) {
  const { latitude, longitude, accuracyM } = position;
  if (!(Math.abs(latitude) <= 90)) throw new SetupError(`latitude ${latitude} is outside -90 to 90`);
  if (!(Math.abs(longitude) <= 180)) throw new SetupError(`longitude ${longitude} is outside -180 to 180`);
  if (accuracyM != null && !(accuracyM > 0 && accuracyM <= MAX_ACCURACY_M)) {
    throw new SetupError(`accuracy ${accuracyM} m is not above 0 and at most ${MAX_ACCURACY_M}`);
  }
  return position;
}

/**
 * @param {Position} position
 * @returns {number} Distance in metres at which nearness is .35.
 */
export function scaleM(position) {
  return Math.hypot(position.accuracyM || USUAL_ACCURACY_M, APART_M);
}

/**
 * @param {Position} position
 * @returns {number} Distance in metres beyond which nearness is 0.
 */
export function reachM(position) {
  return REACH_SCALES * scaleM(position);
}

/**
 * @param {Coordinates} one
 * @param {Coordinates} other
 * @returns {number} The great-circle distance in metres, by the haversine formula.
 */
export function distanceM(one, other) {
  const [south, north] = [radians(one[0]), radians(other[0])];
  const halfTurn = radians(other[1] - one[1]) / 2;
  const square =
    Math.sin((north - south) / 2) ** 2 + Math.cos(south) * Math.cos(north) * Math.sin(halfTurn) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(Math.min(1, square)));
}

/**
 * Return the position of several photos with the least sum of distances to the others; null if there is none.
 *
 * @param {ReadonlyArray<Position | null | undefined>} positions
 * @returns {Position | null}
 */
export function middlePosition(positions) {
  const known = positions.filter((position) => position != null);
  const keys = new Map(known.map((position) => [position, [apart(position, known), scaleM(position)]]));
  const sorted = [...known].sort((one, other) => {
    const [ours, theirs] = [keys.get(one), keys.get(other)].map((key) => key ?? [0, 0]);
    return (
      ours[0] - theirs[0] || ours[1] - theirs[1] || one.latitude - other.latitude || one.longitude - other.longitude
    );
  });
  return sorted[0] ?? null;
}

/**
 * @param {Position} position
 * @param {Position[]} others
 */
function apart(position, others) {
  const here = /** @type {Coordinates} */ ([position.latitude, position.longitude]);
  return others.reduce((sum, other) => sum + distanceM(here, [other.latitude, other.longitude]), 0);
}

/** @param {number} degrees */
function radians(degrees) {
  return (degrees * Math.PI) / 180;
}
