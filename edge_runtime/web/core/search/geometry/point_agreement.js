/** Points of a reference and a photo that agree under one homography, as if the photo showed a flat image. */

import { fitHomography } from "./homography.js";
import { mutualPairs } from "./matching.js";

/** @typedef {import("./points.js").Points} Points */
/** @typedef {[number, number]} Place x and y in pixels. */
/**
 * @typedef {object} Agreement
 * @property {Place[]} inPhoto At least `LEAST_POINTS`.
 * @property {Place[]} inReference The same points in the reference's pixels.
 * @property {Place[]} outline The reference's corners in the photo: top left, top right, bottom right, bottom left.
 */

export const LEAST_POINTS = 8; // a homography fits any four pairs exactly; a few more agree by chance
const TOLERANCE = 0.01; // as a share of the photo's longer side; real things are not quite flat
const LEAST_TOLERANCE_PX = 3;
const LEAST_AREA = 1e-3; // of the reference's outline, as a share of the photo

/**
 * @param {Points} photo
 * @param {Points} reference
 * @param {number} leastSimilarity Cosine similarity that a pair of descriptors exceeds.
 * @returns {Agreement | null} null if there are too few, or no camera can see the reference so.
 */
export function findAgreement(photo, reference, leastSimilarity) {
  const pairs = mutualPairs(reference, photo, leastSimilarity);
  if (pairs.length < LEAST_POINTS) return null;
  const inReference = pairs.map((pair) => placeOf(reference, pair.reference));
  const inPhoto = pairs.map((pair) => placeOf(photo, pair.photo));
  const tolerance = Math.max(LEAST_TOLERANCE_PX, TOLERANCE * Math.max(photo.width, photo.height));
  const fitted = fitHomography(Float32Array.from(inReference.flat()), Float32Array.from(inPhoto.flat()), tolerance);
  if (fitted === null || !fitted.view.every(Number.isFinite)) return null;
  const { view, agrees } = fitted;
  const outline = outlineOf(view, reference);
  const agreeing = agrees.reduce((sum, one) => sum + one, 0);
  if (agreeing < LEAST_POINTS || outline === null || !isPossible(outline, photo)) return null;
  return {
    inPhoto: inPhoto.filter((_, at) => agrees[at]),
    inReference: inReference.filter((_, at) => agrees[at]),
    outline,
  };
}

/**
 * @param {Points} points
 * @param {number} at
 * @returns {Place}
 */
function placeOf(points, at) {
  return [points.positions[2 * at], points.positions[2 * at + 1]];
}

/**
 * @param {Float64Array} view
 * @param {{width: number, height: number}} size
 * @returns {Place[] | null} null if some corners lie behind the camera.
 */
function outlineOf(view, { width, height }) {
  // Pixel centres are whole numbers, so the image begins at -.5.
  const corners = [[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]];
  const seen = corners.map(([x, y]) => [0, 3, 6].map((row) => view[row] * x + view[row + 1] * y + view[row + 2]));
  if (seen.some(([, , depth]) => depth * seen[0][2] <= 0)) return null;
  return seen.map(([x, y, depth]) => [x / depth, y / depth]);
}

/**
 * @param {Place[]} outline
 * @param {{width: number, height: number}} photo
 * @returns {boolean} Whether a camera can produce it: convex, not mirrored, and not too small.
 */
function isPossible(outline, photo) {
  let area = 0;
  for (let at = 0; at < 4; at++) {
    const [one, two, three] = [outline[at], outline[(at + 1) % 4], outline[(at + 2) % 4]];
    const turn = (two[0] - one[0]) * (three[1] - two[1]) - (two[1] - one[1]) * (three[0] - two[0]);
    if (!(turn > 0)) return false;
    area += one[0] * two[1] - two[0] * one[1];
  }
  return area / 2 >= LEAST_AREA * photo.width * photo.height;
}
