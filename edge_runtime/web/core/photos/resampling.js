/**
 * Resizing as Pillow does it for 8-bit images: antialiased, in two passes, with 22-bit fixed-point weights.
 *
 * The result is the same in every bit (the conformance vectors compare it), which no browser's own resizing is.
 * Source of the rules: Pillow's `Resample.c` and `Reduce.c`, by their arithmetic.
 */

/** @typedef {import("./images.js").Pixels} Pixels */
/** @typedef {"pillow-bicubic" | "pillow-bilinear"} Interpolation */
/** @typedef {{first: Int32Array, weights: Int32Array[]}} Filter For each output pixel: its first input, and weights. */

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

/** Radius of each filter in output pixels. */
const SUPPORT = { "pillow-bicubic": 2, "pillow-bilinear": 1 };
const SHAPE = { "pillow-bicubic": bicubic, "pillow-bilinear": bilinear };

/**
 * Resize an image, across and then down. Where Pillow chooses the other order, single numbers differ by one step.
 *
 * @param {Pixels} image
 * @param {number} width
 * @param {number} height
 * @param {Interpolation} interpolation
 * @returns {Pixels} RGB.
 */
export function resized(image, width, height, interpolation) {
  const across = resizedAcross(image, width, [0, image.width], [0, image.height], interpolation);
  return resizedDown(across, height, [0, image.height], interpolation);
}

/**
 * Resize rows of an image to another width.
 *
 * @param {Pixels} image
 * @param {number} width
 * @param {readonly [number, number]} span Left and right edge of the part that becomes the width, in pixels.
 * @param {readonly [number, number]} rows The rows to take: the first, and the one after the last.
 * @param {Interpolation} interpolation
 * @returns {Pixels} RGB.
 */
export function resizedAcross(image, width, span, rows, interpolation) {
  const { data, channels } = image;
  const height = rows[1] - rows[0];
  const out = new Uint8Array(3 * width * height);
  const isSame = width === image.width && span[0] === 0 && span[1] === image.width;
  const { first, weights } = isSame ? copying(width) : filter(image.width, span, width, interpolation);
  for (let y = 0, to = 0; y < height; y++) {
    const row = channels * image.width * (rows[0] + y);
    for (let x = 0; x < width; x++, to += 3) {
      const of = weights[x];
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let at = 0, from = row + channels * first[x]; at < of.length; at++, from += channels) {
        const weight = of[at];
        red += data[from] * weight;
        green += data[from + 1] * weight;
        blue += data[from + 2] * weight;
      }
      out[to] = clipped(red);
      out[to + 1] = clipped(green);
      out[to + 2] = clipped(blue);
    }
  }
  return { data: out, width, height, channels: 3 };
}

/**
 * Resize the columns of an RGB image to another height.
 *
 * @param {Pixels} image RGB.
 * @param {number} height
 * @param {readonly [number, number]} span Upper and lower edge of the part that becomes the height, in pixels.
 * @param {Interpolation} interpolation
 * @returns {Pixels} RGB.
 */
export function resizedDown(image, height, span, interpolation) {
  if (height === image.height && span[0] === 0 && span[1] === image.height) return image;
  const { data, width } = image;
  const { first, weights } = filter(image.height, span, height, interpolation);
  const stride = 3 * width;
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const of = weights[y];
    const top = stride * first[y];
    for (let x = 0; x < stride; x++) {
      let sum = HALF;
      for (let at = 0, from = top + x; at < of.length; at++, from += stride) sum += data[from] * of[at];
      out[stride * y + x] = clipped(sum);
    }
  }
  return { data: out, width, height, channels: 3 };
}

/**
 * Make an image smaller until its longer side has a length, as Pillow's `thumbnail` does: first by whole factors.
 *
 * @param {Pixels} image
 * @param {number} sidePx
 * @returns {Pixels} The image itself if it is small enough.
 */
export function thumbnail(image, sidePx) {
  if (Math.max(image.width, image.height) <= sidePx) return image;
  const [width, height] = thumbnailSize(image, sidePx);
  const [fewerAcross, fewerDown] = [
    Math.max(1, Math.floor(image.width / width / 2)),
    Math.max(1, Math.floor(image.height / height / 2)),
  ];
  const small = fewerAcross > 1 || fewerDown > 1 ? reduced(image, fewerAcross, fewerDown) : image;
  // The last block may be incomplete: the part that is resized ends within it.
  const [right, bottom] = [image.width / fewerAcross, image.height / fewerDown];
  const across = resizedAcross(small, width, [0, right], [0, small.height], "pillow-bicubic");
  return resizedDown(across, height, [0, bottom], "pillow-bicubic");
}

/**
 * @param {Pixels} image
 * @param {number} sidePx
 * @returns {[number, number]}
 */
function thumbnailSize({ width, height }, sidePx) {
  const aspect = width / height;
  if (aspect <= 1) {
    return [nearestWhole(sidePx * aspect, (side) => Math.abs(aspect - side / sidePx)), sidePx];
  }
  return [sidePx, nearestWhole(sidePx / aspect, (side) => (side === 0 ? 0 : Math.abs(aspect - sidePx / side)))];
}

/**
 * @param {number} number
 * @param {(side: number) => number} error
 */
function nearestWhole(number, error) {
  const [below, above] = [Math.floor(number), Math.ceil(number)];
  return Math.max(1, error(above) < error(below) ? above : below);
}

/**
 * Return an image of which each pixel is the mean of a block; the last blocks may be smaller.
 *
 * @param {Pixels} image
 * @param {number} acrossPx
 * @param {number} downPx
 * @returns {Pixels} RGB.
 */
function reduced(image, acrossPx, downPx) {
  const { data, channels } = image;
  const [width, height] = [Math.ceil(image.width / acrossPx), Math.ceil(image.height / downPx)];
  const out = new Uint8Array(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    const bottom = Math.min((y + 1) * downPx, image.height);
    for (let x = 0; x < width; x++, to += 3) {
      const right = Math.min((x + 1) * acrossPx, image.width);
      const count = (bottom - y * downPx) * (right - x * acrossPx);
      const factor = Math.floor(2 ** 24 / count);
      let red = count >> 1;
      let [green, blue] = [red, red];
      for (let row = y * downPx; row < bottom; row++) {
        const end = channels * (row * image.width + right);
        for (let from = channels * (row * image.width + x * acrossPx); from < end; from += channels) {
          red += data[from];
          green += data[from + 1];
          blue += data[from + 2];
        }
      }
      out[to] = Math.floor((red * factor) / 2 ** 24);
      out[to + 1] = Math.floor((green * factor) / 2 ** 24);
      out[to + 2] = Math.floor((blue * factor) / 2 ** 24);
    }
  }
  return { data: out, width, height, channels: 3 };
}

/**
 * @param {number} length Of the input.
 * @param {readonly [number, number]} span
 * @param {number} outLength
 * @param {Interpolation} interpolation
 * @returns {Filter}
 */
function filter(length, span, outLength, interpolation) {
  const start = Math.fround(span[0]); // Pillow passes the edges as 32-bit floats
  const scale = Math.fround(Math.fround(span[1]) - start) / outLength;
  const stretch = Math.max(scale, 1);
  const reach = SUPPORT[interpolation] * stretch;
  const shape = SHAPE[interpolation];
  const first = new Int32Array(outLength);
  const weights = [];
  for (let at = 0; at < outLength; at++) {
    const centre = start + (at + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(length, Math.trunc(centre + reach + 0.5));
    first[at] = from;
    weights.push(fixedPoint(Array.from({ length: end - from }, (_, x) => shape((x + from - centre + 0.5) * (1 / stretch)))));
  }
  return { first, weights };
}

/** @param {number} width */
function copying(width) {
  const one = Int32Array.of(1 << PRECISION_BITS);
  return { first: Int32Array.from({ length: width }, (_, at) => at), weights: Array(width).fill(one) };
}

/** @param {number[]} values */
function fixedPoint(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return Int32Array.from(values, (value) => {
    const share = (sum === 0 ? value : value / sum) * (1 << PRECISION_BITS);
    return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
  });
}

/** @param {number} sum */
function clipped(sum) {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** @param {number} offset In output pixels. */
function bicubic(offset) {
  const [a, x] = [-0.5, Math.abs(offset)];
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** @param {number} offset In output pixels. */
function bilinear(offset) {
  const x = Math.abs(offset);
  return x < 1 ? 1 - x : 0;
}
