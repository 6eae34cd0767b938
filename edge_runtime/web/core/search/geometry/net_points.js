/** Keypoints from the maps of the local-feature net: the peaks of heat, and their descriptors. */

/** @typedef {{data: Float32Array, height: number, width: number}} HeatMap */
/** @typedef {{data: Float32Array, dim: number, height: number, width: number}} CellMap `dim` maps, one after another. */
/** @typedef {{x: number, y: number}} Peak In pixels of the heat map. */

const RADIUS_PX = 2;
const CUBIC = -0.75; // the coefficient with which the net was published

/**
 * @param {HeatMap} heat
 * @param {CellMap} reliability
 * @param {{leastHeat: number, most: number}} options
 * @returns {Peak[]} The highest scores (heat times reliability), best first.
 */
export function findPeaks(heat, reliability, { leastHeat, most }) {
  const around = largestAround(heat);
  /** @type {Array<Peak & {score: number}>} */
  const found = [];
  const least = Math.fround(leastHeat);
  for (let y = 0, at = 0; y < heat.height; y++) {
    for (let x = 0; x < heat.width; x++, at++) {
      if (heat.data[at] > least && heat.data[at] === around[at]) {
        const [sampled] = sample(reliability, heat, { x, y }, linearWeights);
        found.push({ x, y, score: Math.fround(heat.data[at] * sampled) });
      }
    }
  }
  return found.sort((one, other) => other.score - one.score).slice(0, most);
}

/**
 * @param {Peak[]} peaks
 * @param {CellMap} maps
 * @param {HeatMap} heat
 * @returns {Float32Array} Unit vectors, one after the other.
 */
export function descriptorsAt(peaks, maps, heat) {
  const cells = byCell(maps);
  const found = new Float32Array(maps.dim * peaks.length);
  peaks.forEach((peak, at) => {
    const vector = sampleCells(cells, maps, heat, peak, cubicWeights);
    let squares = 0;
    for (const value of vector) squares += value * value;
    const length = Math.max(Math.sqrt(squares), 1e-9);
    found.set(vector.map((value) => value / length), maps.dim * at);
  });
  return found;
}

/**
 * @param {HeatMap} heat
 * @returns {Float32Array} The largest value of the square around each pixel.
 */
function largestAround({ data, width, height }) {
  const across = largestAlong(data, width, height, 1, width);
  return largestAlong(across, height, width, width, 1);
}

/**
 * @param {Float32Array} data
 * @param {number} length Number of values in a line.
 * @param {number} lines
 * @param {number} step From a value to the next one of its line.
 * @param {number} stride From a line to the next one.
 */
function largestAlong(data, length, lines, step, stride) {
  const found = new Float32Array(data.length);
  for (let line = 0; line < lines; line++) {
    for (let at = 0; at < length; at++) {
      let most = -Infinity;
      const end = Math.min(length - 1, at + RADIUS_PX);
      for (let near = Math.max(0, at - RADIUS_PX); near <= end; near++) {
        const value = data[line * stride + near * step];
        if (value > most) most = value;
      }
      found[line * stride + at * step] = most;
    }
  }
  return found;
}

/**
 * @param {CellMap} maps
 * @returns {Float32Array} The numbers of each cell together: a sample then reads neighbours.
 */
function byCell({ data, dim, width, height }) {
  const found = new Float32Array(data.length);
  const count = width * height;
  for (let map = 0, from = 0; map < dim; map++) {
    for (let cell = 0; cell < count; cell++, from++) found[cell * dim + map] = data[from];
  }
  return found;
}

/**
 * @param {CellMap} maps Of one number a cell.
 * @param {HeatMap} heat
 * @param {Peak} peak
 * @param {(beyond: number) => number[]} weightsOf
 */
function sample(maps, heat, peak, weightsOf) {
  return sampleCells(maps.data, maps, heat, peak, weightsOf);
}

/**
 * Interpolate at a place; cells beyond the edge are those of the edge.
 *
 * @param {Float32Array} cells
 * @param {CellMap} maps
 * @param {HeatMap} heat
 * @param {Peak} peak
 * @param {(beyond: number) => number[]} weightsOf
 * @returns {Float32Array}
 */
function sampleCells(cells, { dim, width, height }, heat, peak, weightsOf) {
  const x = (peak.x + 0.5) * (width / heat.width) - 0.5;
  const y = (peak.y + 0.5) * (height / heat.height) - 0.5;
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [across, down] = [weightsOf(x - left), weightsOf(y - top)];
  const before = across.length / 2 - 1;
  const found = new Float32Array(dim);
  for (let row = 0; row < down.length; row++) {
    const cellRow = clamp(top + row - before, height);
    for (let column = 0; column < across.length; column++) {
      const weight = Math.fround(down[row] * across[column]);
      const from = dim * (cellRow * width + clamp(left + column - before, width));
      for (let at = 0; at < dim; at++) found[at] += weight * cells[from + at];
    }
  }
  return found;
}

/**
 * @param {number} cell
 * @param {number} count
 */
function clamp(cell, count) {
  return Math.min(Math.max(cell, 0), count - 1);
}

/** @param {number} beyond */
function linearWeights(beyond) {
  return [1 - beyond, beyond];
}

/** @param {number} beyond */
function cubicWeights(beyond) {
  return [outer(1 + beyond), inner(beyond), inner(1 - beyond), outer(2 - beyond)];
}

/** @param {number} near */
function inner(near) {
  return ((CUBIC + 2) * near - (CUBIC + 3)) * near * near + 1;
}

/** @param {number} far */
function outer(far) {
  return ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC;
}
