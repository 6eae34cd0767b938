/** Images as the core takes them: upright, 8 bits, RGB or RGBA. Transparency is laid over white, as Pillow does it. */

import { PhotoError } from "../errors.js";

/**
 * @typedef {object} Image An upright image. An `ImageData` is one.
 * @property {Uint8Array | Uint8ClampedArray} data Row by row from the top; 3 numbers a pixel (RGB), or 4 (RGBA).
 * @property {number} width
 * @property {number} height
 */
/**
 * @typedef {object} Pixels An image without transparency.
 * @property {Uint8Array | Uint8ClampedArray} data
 * @property {number} width
 * @property {number} height
 * @property {number} channels 3 or 4; a fourth one is ignored.
 */

export const MAX_PIXELS = 100_000_000;

/**
 * Return the pixels of an image; of one that is opaque, they are its own data.
 *
 * An alpha channel that is 0 everywhere, over more than one colour, is taken for an empty one and ignored.
 *
 * @param {Image} image
 * @returns {Pixels}
 */
export function pixelsOf(image) {
  const { data, width, height } = image;
  const count = width * height;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1 || count > MAX_PIXELS) {
    throw new PhotoError(`the photo has ${width} x ${height} pixels; 1 to ${MAX_PIXELS / 1e6} million are read`);
  }
  if (data.length === 3 * count) return { data, width, height, channels: 3 };
  if (data.length !== 4 * count) {
    throw new PhotoError(
      `the photo has ${data.length} numbers for ${width} x ${height} pixels; give 3 (RGB) or 4 (RGBA) for each`,
    );
  }
  const flat = isOpaque(data) || isEmptyAlpha(data) ? data : overWhite(data);
  return { data: flat, width, height, channels: 4 };
}

/**
 * Cut a region out of an image, as a photo of its own.
 *
 * @param {Image} image
 * @param {{left: number, top: number, width: number, height: number}} box Whole pixels inside the image.
 * @returns {Image}
 */
export function cropped(image, { left, top, width, height }) {
  const isInside = left >= 0 && top >= 0 && left + width <= image.width && top + height <= image.height;
  if (![left, top, width, height].every(Number.isInteger) || width < 1 || height < 1 || !isInside) {
    throw new PhotoError(
      `the region ${left},${top},${width},${height} is not inside the photo of ${image.width} x ${image.height} pixels`,
    );
  }
  const channels = image.data.length / (image.width * image.height);
  const data = new Uint8Array(channels * width * height);
  for (let row = 0; row < height; row++) {
    const start = channels * ((top + row) * image.width + left);
    data.set(image.data.subarray(start, start + channels * width), channels * width * row);
  }
  return { data, width, height };
}

/** @param {Uint8Array | Uint8ClampedArray} rgba */
function isOpaque(rgba) {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at] !== 255) return false;
  return true;
}

/** @param {Uint8Array | Uint8ClampedArray} rgba */
function isEmptyAlpha(rgba) {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at] !== 0) return false;
  for (let at = 4; at < rgba.length; at += 4) {
    if (rgba[at] !== rgba[0] || rgba[at + 1] !== rgba[1] || rgba[at + 2] !== rgba[2]) return true;
  }
  return false;
}

/** @param {Uint8Array | Uint8ClampedArray} rgba */
function overWhite(rgba) {
  const flat = new Uint8Array(rgba.length).fill(255);
  for (let at = 0; at < rgba.length; at += 4) {
    const alpha = rgba[at + 3];
    if (alpha === 0) continue; // white
    for (let channel = 0; channel < 3; channel++) {
      // Pillow blends with 7 further bits, and divides by 255 with two shifts.
      const mixed = rgba[at + channel] * (alpha * 128) + 255 * (255 - alpha) * 128 + (0x80 << 7);
      flat[at + channel] = (((mixed >> 8) + mixed) >> 8) >> 7;
    }
  }
  return flat;
}
