/** From an upright image to the encoder's pixels. Mean, deviation and channel order are inside the encoder's graph. */

import { pixelsOf } from "./images.js";
import { resizedAcross, resizedDown } from "./resampling.js";

/** @typedef {import("./images.js").Image} Image */
/** @typedef {import("./images.js").Pixels} Pixels */
/** @typedef {import("../pack/manifest.js").Preprocessing} Preprocessing */
/** @typedef {[number, number, number, number]} Box Left, top, right, bottom. */

/**
 * Turn an image into the encoder's pixels, as for a reference image: one view, the whole kept part.
 *
 * @param {Image} image
 * @param {Preprocessing} recipe
 * @returns {Uint8Array} RGB, size x size pixels, row by row.
 */
export function preprocess(image, recipe) {
  const pixels = pixelsOf(image);
  return square(pixels, keptBox(pixels.width, pixels.height, recipe), recipe);
}

/**
 * Turn a photo into the encoder's pixels for each view of the recipe, one after the other.
 *
 * @param {Image} image
 * @param {Preprocessing} recipe
 * @returns {Uint8Array} RGB, views x size x size pixels.
 */
export function photoViews(image, recipe) {
  const pixels = pixelsOf(image);
  const box = keptBox(pixels.width, pixels.height, recipe);
  const length = 3 * recipe.sizePx ** 2;
  const views = new Uint8Array(length * recipe.photoViews.length);
  recipe.photoViews.forEach((share, at) => {
    const [left, top, right, bottom] = middle(box, share);
    const inside = /** @type {Box} */ ([left, top, Math.min(right, pixels.width), Math.min(bottom, pixels.height)]);
    views.set(square(pixels, inside, recipe), length * at);
  });
  return views;
}

/**
 * Return the part of an image that reaches the encoder.
 *
 * @param {number} width
 * @param {number} height
 * @param {Preprocessing} recipe
 * @returns {Box}
 */
export function keptBox(width, height, recipe) {
  if (recipe.resizeMode === "squash") return [0, 0, width, height];
  const [left, right] = keptSpan(width, height, recipe.sizePx);
  const [top, bottom] = keptSpan(height, width, recipe.sizePx);
  return [left, top, right, bottom];
}

/**
 * @param {number} length
 * @param {number} other
 * @param {number} sizePx
 */
function keptSpan(length, other, sizePx) {
  if (length <= other) return [0, length];
  const scaled = Math.floor((sizePx * length) / other);
  const offset = Math.floor((scaled - sizePx) / 2);
  return [(offset * length) / scaled, ((offset + sizePx) * length) / scaled];
}

/**
 * @param {Box} box
 * @param {number} share
 * @returns {Box}
 */
function middle(box, share) {
  if (share === 1) return box;
  const [left, top, right, bottom] = box;
  const [across, down] = [((right - left) * (1 - share)) / 2, ((bottom - top) * (1 - share)) / 2];
  return [left + across, top + down, right - across, bottom - down];
}

/**
 * @param {Pixels} image
 * @param {Box} box
 * @param {Preprocessing} recipe
 */
function square(image, [left, top, right, bottom], { sizePx, interpolation }) {
  // Only the rows that the filter reaches; the edges of the span are then those within these rows.
  const margin = 2 * Math.max(1, (bottom - top) / sizePx) + 1;
  const first = Math.max(0, Math.floor(top - margin));
  const last = Math.min(image.height, Math.ceil(bottom + margin));
  const across = resizedAcross(image, sizePx, [left, right], [first, last], interpolation);
  return /** @type {Uint8Array} */ (resizedDown(across, sizePx, [top - first, bottom - first], interpolation).data);
}
