// @ts-check
/// <reference lib="webworker" />
/**
 * From a photo's file to upright pixels: colour profiles ignored, transparency over white, as FORMAT.md says.
 */

import { AppError } from "../app_error.js";

/** @typedef {{x: number, y: number, width: number, height: number}} Region Shares of the photo, 0 to 1. */
/** @typedef {{data: Uint8ClampedArray, width: number, height: number}} Pixels RGBA, opaque. */

const MAX_PIXELS = 100e6; // as in Python: a larger photo is a mistake, or meant to fill the memory
const HEIC_BRANDS = ["heic", "heix", "hevc", "heim", "heis", "mif1", "msf1"];

/**
 * @param {Blob} photo
 * @param {Region | null} [region] The part to look at; null for all.
 * @returns {Promise<Pixels>}
 */
export async function decodePhoto(photo, region = null) {
  const bitmap = await decoded(photo);
  try {
    return pixelsOf(bitmap, region);
  } finally {
    bitmap.close();
  }
}

/** @param {Blob} photo */
async function decoded(photo) {
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = await createImageBitmap(photo, { imageOrientation: "from-image", premultiplyAlpha: "none", colorSpaceConversion: "none" });
  } catch (error) {
    throw (await isHeic(photo))
      ? new AppError("heic", "a HEIC photo, which this browser cannot decode")
      : new AppError("undecodable", `this browser cannot decode the file (${error instanceof Error ? error.message : error})`);
  }
  if (bitmap.width * bitmap.height > MAX_PIXELS) {
    bitmap.close();
    throw new AppError("photo-too-large", `${bitmap.width} x ${bitmap.height} pixels`);
  }
  return bitmap;
}

/** @param {ImageBitmap} bitmap @param {Region | null} region @returns {Pixels} */
function pixelsOf(bitmap, region) {
  const box = boxOf(bitmap, region);
  const canvas = new OffscreenCanvas(box.width, box.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new AppError("no-memory", `no canvas of ${box.width} x ${box.height}`);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, box.width, box.height);
  context.drawImage(bitmap, -box.left, -box.top);
  return context.getImageData(0, 0, box.width, box.height);
}

/**
 * Return a region in whole pixels, at least one wide and high.
 *
 * @param {{width: number, height: number}} image
 * @param {Region | null} region
 */
export function boxOf(image, region) {
  if (!region) return { left: 0, top: 0, width: image.width, height: image.height };
  const left = Math.min(Math.max(Math.round(region.x * image.width), 0), image.width - 1);
  const top = Math.min(Math.max(Math.round(region.y * image.height), 0), image.height - 1);
  const right = Math.min(Math.max(Math.round((region.x + region.width) * image.width), left + 1), image.width);
  const bottom = Math.min(Math.max(Math.round((region.y + region.height) * image.height), top + 1), image.height);
  return { left, top, width: right - left, height: bottom - top };
}

/** @param {Blob} photo */
async function isHeic(photo) {
  const start = new Uint8Array(await photo.slice(0, 12).arrayBuffer().catch(() => new ArrayBuffer(0)));
  const letters = String.fromCharCode(...start);
  return letters.slice(4, 8) === "ftyp" && HEIC_BRANDS.includes(letters.slice(8, 12));
}
