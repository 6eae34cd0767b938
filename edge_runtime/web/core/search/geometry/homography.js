/**
 * A homography from pairs of points of which many are wrong: RANSAC, repeatable in any language.
 *
 * FORMAT.md ("Agreeing points") has the rules; `edge_runtime/search/geometry/homography.py` names the sources.
 */

/** @typedef {Float64Array} View A homography, 3 x 3, row by row. */
/** @typedef {{view: View, agrees: Uint8Array}} Fitted */

const SAMPLE = 4;
const ROUNDS = [[0, 128], [128, 512], [512, 2048]];
const CONFIDENCE = 0.999;
const REFITTED = 3; // homographies of a round
const WIDENINGS = [4, 1]; // of the squared tolerance in successive refits
const LEAST_DETERMINANT = 1e-6;

/**
 * Return the homography that most pairs agree with.
 *
 * @param {Float32Array} source (x, y) of each pair.
 * @param {Float32Array} target The other positions.
 * @param {number} tolerance Largest distance of an inlier in the target.
 * @returns {Fitted | null} The homography, with a positive third coordinate at the inliers; null if there is none.
 */
export function fitHomography(source, target, tolerance) {
  const count = source.length / 2;
  if (count < SAMPLE) return null;
  const from = unit(source);
  const to = unit(target);
  const limit = (tolerance * to.scale) ** 2;
  /** @type {{score: number, view: View} | null} */
  let best = null;
  for (const [first, end] of ROUNDS) {
    const views = minimalViews(from.points, to.points, first, end)
      .map((view) => ({ view, score: scoreOf(view, from.points, to.points, limit) }))
      .sort((one, other) => other.score - one.score);
    for (const candidate of views.slice(0, REFITTED)) {
      const found = refitted(candidate, from.points, to.points, limit);
      if (found.score > (best?.score ?? 0)) best = found;
    }
    if (best !== null && isEnough(end, best.view, from.points, to.points, limit)) break;
  }
  if (best === null) return null;
  const agrees = squaredDistances(best.view, from.points, to.points).map((squared) => (squared < limit ? 1 : 0));
  return { view: product(inverseOf(to), product(best.view, matrixOf(from))), agrees: Uint8Array.from(agrees) };
}

/** @typedef {{points: Float64Array, scale: number, x: number, y: number}} Unit Points moved to mean 0, distance 1. */

/**
 * @param {Float32Array} points
 * @returns {Unit}
 */
function unit(points) {
  const count = points.length / 2;
  let [x, y] = [0, 0];
  for (let at = 0; at < points.length; at += 2) {
    x += points[at];
    y += points[at + 1];
  }
  x /= count;
  y /= count;
  let distances = 0;
  for (let at = 0; at < points.length; at += 2) distances += Math.hypot(points[at] - x, points[at + 1] - y);
  const scale = 1 / Math.max(distances / count, 1e-9);
  const moved = Float64Array.from(points, (value, at) => (value - (at % 2 ? y : x)) * scale);
  return { points: moved, scale, x, y };
}

/** @param {Unit} of */
function matrixOf({ scale, x, y }) {
  return Float64Array.of(scale, 0, -scale * x, 0, scale, -scale * y, 0, 0, 1);
}

/** @param {Unit} of */
function inverseOf({ scale, x, y }) {
  return Float64Array.of(1 / scale, 0, x, 0, 1 / scale, y, 0, 0, 1);
}

/**
 * @param {View} one
 * @param {View} other
 */
function product(one, other) {
  const found = new Float64Array(9);
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      for (let at = 0; at < 3; at++) found[3 * row + column] += one[3 * row + at] * other[3 * at + column];
    }
  }
  return found;
}

/**
 * @param {number} key
 * @returns {number} A random number below 2^32: C. Wellons' lowbias32.
 */
function hash(key) {
  let value = key ^ (key >>> 16);
  value = Math.imul(value, 0x7feb352d);
  value ^= value >>> 15;
  value = Math.imul(value, 0x846ca68b);
  return (value ^ (value >>> 16)) >>> 0;
}

/**
 * Return the homographies of the possible samples.
 *
 * A quadrangle is the image of the four unit points of the projective plane. So the homography is one such map after
 * the inverse of the other. If a weight has different signs in source and target, no camera sees the sample.
 *
 * @param {Float64Array} source
 * @param {Float64Array} target
 * @param {number} first
 * @param {number} end
 */
function minimalViews(source, target, first, end) {
  const count = source.length / 2;
  /** @type {View[]} */
  const views = [];
  for (let sample = first; sample < end; sample++) {
    const at = [1, 2, 3, 4].map((j) => Math.floor((hash(SAMPLE * sample + j) * count) / 2 ** 32));
    if (new Set(at).size < SAMPLE) continue;
    const [ofSource, ofTarget] = [weights(source, at), weights(target, at)];
    const isPossible = ofSource.every(
      (weight, j) =>
        weight * ofTarget[j] > 0 && Math.abs(weight) > LEAST_DETERMINANT && Math.abs(ofTarget[j]) > LEAST_DETERMINANT,
    );
    if (isPossible) views.push(minimalView(source, target, at, ofSource, ofTarget));
  }
  return views;
}

/**
 * @param {Float64Array} points
 * @param {number[]} at
 * @returns {number[]} Determinants of the triangles 423, 143, 124 and 123.
 */
function weights(points, [one, two, three, four]) {
  return [
    determinant(points, four, two, three),
    determinant(points, one, four, three),
    determinant(points, one, two, four),
    determinant(points, one, two, three),
  ];
}

/**
 * @param {Float64Array} points
 * @param {number} one
 * @param {number} two
 * @param {number} three
 */
function determinant(points, one, two, three) {
  const [x, y] = [points[2 * one], points[2 * one + 1]];
  return (
    (points[2 * two] - x) * (points[2 * three + 1] - y) - (points[2 * two + 1] - y) * (points[2 * three] - x)
  );
}

/**
 * @param {Float64Array} source
 * @param {Float64Array} target
 * @param {number[]} at
 * @param {number[]} ofSource
 * @param {number[]} ofTarget
 */
function minimalView(source, target, at, ofSource, ofTarget) {
  // Divided by the triangle 123, so that the third coordinate is positive at the points of the sample.
  const ratios = [0, 1, 2].map((j) => ofTarget[j] / ofSource[j] / ofSource[3]);
  const columns = new Float64Array(9);
  const adjugate = new Float64Array(9);
  for (let j = 0; j < 3; j++) {
    columns[j] = target[2 * at[j]] * ratios[j];
    columns[3 + j] = target[2 * at[j] + 1] * ratios[j];
    columns[6 + j] = ratios[j];
    const [following, last] = [2 * at[(j + 1) % 3], 2 * at[(j + 2) % 3]];
    const across = source[following + 1] - source[last + 1];
    const down = source[last] - source[following];
    adjugate.set([across, down, -(across * source[last] + down * source[last + 1])], 3 * j);
  }
  return product(columns, adjugate);
}

/**
 * @param {View} view
 * @param {Float64Array} source
 * @param {Float64Array} target
 * @returns {Float64Array} Squared distances in the target; infinite behind the camera.
 */
function squaredDistances(view, source, target) {
  const found = new Float64Array(source.length / 2);
  for (let at = 0; at < found.length; at++) {
    const [x, y] = [source[2 * at], source[2 * at + 1]];
    const depth = view[6] * x + view[7] * y + view[8];
    if (depth > 0) {
      const across = (view[0] * x + view[1] * y + view[2]) / depth - target[2 * at];
      const down = (view[3] * x + view[4] * y + view[5]) / depth - target[2 * at + 1];
      found[at] = across * across + down * down;
    } else found[at] = Infinity;
  }
  return found;
}

/**
 * @param {View} view
 * @param {Float64Array} source
 * @param {Float64Array} target
 * @param {number} limit
 */
function scoreOf(view, source, target, limit) {
  let score = 0;
  for (let at = 0; at < source.length; at += 2) {
    const [x, y] = [source[at], source[at + 1]];
    const depth = view[6] * x + view[7] * y + view[8];
    if (!(depth > 0)) continue;
    const across = (view[0] * x + view[1] * y + view[2]) / depth - target[at];
    const down = (view[3] * x + view[4] * y + view[5]) / depth - target[at + 1];
    const left = 1 - (across * across + down * down) / limit;
    if (left > 0) score += left;
  }
  return score;
}

/**
 * Return the best of a homography and its refits.
 *
 * @param {{score: number, view: View}} candidate
 * @param {Float64Array} source
 * @param {Float64Array} target
 * @param {number} limit
 */
function refitted(candidate, source, target, limit) {
  let best = candidate;
  let view = candidate.view;
  for (const widening of WIDENINGS) {
    const found = leastSquares(view, source, target, widening * limit);
    if (found === null) break;
    view = found;
    const score = scoreOf(view, source, target, limit);
    if (score > best.score) best = { score, view };
  }
  return best;
}

/**
 * Return the homography with the least weighted distances to the inliers; null if they do not determine one.
 *
 * @param {View} view
 * @param {Float64Array} source
 * @param {Float64Array} target
 * @param {number} limit
 */
function leastSquares(view, source, target, limit) {
  const squared = squaredDistances(view, source, target);
  const products = Array.from({ length: 9 }, () => new Float64Array(9));
  let chosen = 0;
  for (let at = 0; at < squared.length; at++) {
    const weight = 1 - squared[at] / limit;
    if (!(weight > 0)) continue;
    chosen++;
    const [x, y] = [source[2 * at], source[2 * at + 1]];
    const factor = Math.sqrt(weight) / (view[6] * x + view[7] * y + view[8]); // in the target, not times the depth
    addEquation(products, [x, y, 1, 0, 0, 0], target[2 * at], [x, y, 1], factor);
    addEquation(products, [0, 0, 0, x, y, 1], target[2 * at + 1], [x, y, 1], factor);
  }
  const solved = chosen < SAMPLE ? null : solve(products);
  return solved === null ? null : Float64Array.of(...solved, 1);
}

/**
 * @param {Float64Array[]} products
 * @param {number[]} start
 * @param {number} value
 * @param {number[]} before
 * @param {number} factor
 */
function addEquation(products, start, value, before, factor) {
  const row = [...start, ...before.map((number) => -number * value)].map((number) => number * factor);
  for (let one = 0; one < 9; one++) for (let other = 0; other < 9; other++) products[one][other] += row[one] * row[other];
}

/**
 * Solve products[:8, :8] h = -products[:8, 8] by Gauss' elimination with pivots.
 *
 * @param {Float64Array[]} products
 * @returns {number[] | null} null if the matrix is singular.
 */
function solve(products) {
  const rows = products.slice(0, 8).map((row) => row.slice());
  for (let column = 0; column < 8; column++) {
    let pivot = column;
    for (let at = column + 1; at < 8; at++) {
      if (Math.abs(rows[at][column]) > Math.abs(rows[pivot][column])) pivot = at;
    }
    if (rows[pivot][column] === 0) return null;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let at = column + 1; at < 8; at++) {
      const factor = rows[at][column] / rows[column][column];
      for (let other = column; other < 9; other++) rows[at][other] -= factor * rows[column][other];
    }
  }
  const found = Array(8).fill(0);
  for (let at = 7; at >= 0; at--) {
    let value = -rows[at][8];
    for (let other = at + 1; other < 8; other++) value -= rows[at][other] * found[other];
    found[at] = value / rows[at][at];
  }
  return found.every(Number.isFinite) ? found : null;
}

/**
 * @param {number} samples
 * @param {View} view
 * @param {Float64Array} source
 * @param {Float64Array} target
 * @param {number} limit
 */
function isEnough(samples, view, source, target, limit) {
  const squared = squaredDistances(view, source, target);
  const share = squared.filter((each) => each < limit).length / squared.length;
  return (1 - share ** SAMPLE) ** samples <= 1 - CONFIDENCE;
}
