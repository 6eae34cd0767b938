/** The local-feature net of a pack: from an image to its points. */

import { loadGraph, runGraph } from "../../encoders/encoder.js";
import { damaged } from "../../errors.js";
import { resized } from "../../photos/resampling.js";
import { descriptorsAt, findPeaks } from "./net_points.js";

/** @typedef {import("../../encoders/encoder.js").CreateSession} CreateSession */
/** @typedef {import("../../encoders/encoder.js").Session} Session */
/** @typedef {import("../../pack/manifest.js").LocalFeaturesSpec} LocalFeaturesSpec */
/** @typedef {import("../../pack/manifest.js").PointsRecipe} PointsRecipe */
/** @typedef {import("../../pack/pack_reader.js").Pack} Pack */
/** @typedef {import("../../photos/images.js").Pixels} Pixels */
/** @typedef {import("./points.js").Points} Points */

/** Finds the points of images. */
export class LocalFeatureNet {
  /**
   * @param {Session} session
   * @param {LocalFeaturesSpec} spec
   */
  constructor(session, spec) {
    this._session = session;
    this.spec = spec;
  }

  /**
   * @param {Pixels} image Upright, of any size.
   * @param {PointsRecipe} recipe
   * @returns {Promise<Points>} The best first; a blank image has none.
   */
  async findPoints(image, recipe) {
    const pixels = netPixels(image, recipe.sidePx, this.spec.sideStepPx);
    const { descriptors, heat, reliability } = await this._maps(pixels);
    const peaks = findPeaks(heat, reliability, { leastHeat: this.spec.leastHeat, most: recipe.mostPoints });
    // Scale about the pixel's edge, half a pixel from its centre.
    const [across, down] = [image.width / pixels.width, image.height / pixels.height];
    const positions = Float32Array.from(
      peaks.flatMap(({ x, y }) => [(x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5]),
    );
    return {
      width: image.width,
      height: image.height,
      positions,
      descriptors: descriptorsAt(peaks, descriptors, heat),
      dim: this.spec.dim,
    };
  }

  /** @param {Pixels} pixels RGB in the net's size. */
  async _maps({ data, width, height }) {
    const variant = this.spec.onnxVariant;
    const dims = [1, height, width, 3];
    const feeds = { [variant.input.name]: { type: "uint8", data: /** @type {Uint8Array} */ (data), dims } };
    const outputs = await runGraph(this._session, feeds, variant.model);
    const [descriptors, heat, reliability] = [variant.descriptors, variant.heat, variant.reliability].map(
      ({ name }) => outputs[name],
    );
    const [, rows, columns] = reliability?.dims ?? [];
    const fits =
      isOf(heat, [1, height, width]) &&
      isOf(reliability, [1, rows, columns]) &&
      isOf(descriptors, [1, this.spec.dim, rows, columns]);
    if (!fits) {
      const shapes = [descriptors, heat, reliability].map((output) => `[${output?.dims.join(", ")}]`).join(", ");
      throw damaged(`${variant.model}: returns ${shapes}, or NaN, for pixels [${dims.join(", ")}]`);
    }
    return {
      descriptors: { data: floats(descriptors), dim: this.spec.dim, height: rows, width: columns },
      heat: { data: floats(heat), height, width },
      reliability: { data: floats(reliability), dim: 1, height: rows, width: columns },
    };
  }
}

/**
 * Load the net of a pack; its file's hash is checked first.
 *
 * @param {Pack} pack
 * @param {LocalFeaturesSpec} spec
 * @param {CreateSession} createSession
 */
export async function loadFeatureNet(pack, spec, createSession) {
  return new LocalFeatureNet(await loadGraph(pack, spec.onnxVariant.model, createSession), spec);
}

/**
 * @param {Pixels} image
 * @param {number} sidePx
 * @param {number} stepPx
 * @returns {Pixels} RGB in the net's size.
 */
export function netPixels(image, sidePx, stepPx) {
  const scale = sidePx / Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map(
    (side) => stepPx * Math.max(1, halfToEven((side * scale) / stepPx)),
  );
  return resized(image, width, height, "pillow-bicubic");
}

/**
 * @param {number} value
 * @returns {number} Rounded as Python does it: a half to the even neighbour.
 */
function halfToEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * @param {import("../../encoders/encoder.js").Tensor | undefined} output
 * @param {number[]} dims
 */
function isOf(output, dims) {
  if (!(output?.data instanceof Float32Array) || output.dims.length !== dims.length) return false;
  return dims.every((length, at) => output.dims[at] === length) && output.data.every(Number.isFinite);
}

/** @param {import("../../encoders/encoder.js").Tensor} output */
function floats(output) {
  return /** @type {Float32Array} */ (output.data);
}
