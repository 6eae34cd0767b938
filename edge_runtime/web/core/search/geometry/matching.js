/** Pairs of points whose descriptors are each other's nearest. */

/** @typedef {import("./points.js").Points} Points */
/** @typedef {{reference: number, photo: number}} Pair Indices of the points. */

/**
 * @param {Points} reference
 * @param {Points} photo
 * @param {number} leastSimilarity Cosine similarity that a pair exceeds.
 * @returns {Pair[]} The most similar first.
 */
export function mutualPairs(reference, photo, leastSimilarity) {
  const [rows, columns] = [reference.positions.length / 2, photo.positions.length / 2];
  const nearest = { photo: new Int32Array(rows), score: new Float32Array(rows).fill(-Infinity) };
  const back = { reference: new Int32Array(columns), score: new Float32Array(columns).fill(-Infinity) };
  const dots = new Float32Array(columns);
  for (let row = 0; row < rows; row++) {
    similarities(reference, row, photo, dots);
    for (let column = 0; column < columns; column++) {
      const score = dots[column];
      if (score > nearest.score[row]) {
        nearest.score[row] = score;
        nearest.photo[row] = column;
      }
      if (score > back.score[column]) {
        back.score[column] = score;
        back.reference[column] = row;
      }
    }
  }
  /** @type {Pair[]} */
  const pairs = [];
  for (let row = 0; columns && row < rows; row++) {
    const isMutual = back.reference[nearest.photo[row]] === row;
    if (isMutual && nearest.score[row] > leastSimilarity) pairs.push({ reference: row, photo: nearest.photo[row] });
  }
  return pairs.sort((one, other) => nearest.score[other.reference] - nearest.score[one.reference]);
}

/**
 * @param {Points} reference
 * @param {number} row
 * @param {Points} photo
 * @param {Float32Array} dots
 */
function similarities(reference, row, photo, dots) {
  const dim = photo.dim;
  const one = reference.descriptors.subarray(dim * row, dim * (row + 1));
  const whole = dim - (dim % 4);
  const others = photo.descriptors;
  for (let column = 0, from = 0; column < dots.length; column++) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let at = 0; at < whole; at += 4, from += 4) {
      a += one[at] * others[from];
      b += one[at + 1] * others[from + 1];
      c += one[at + 2] * others[from + 2];
      d += one[at + 3] * others[from + 3];
    }
    for (let at = whole; at < dim; at++, from++) a += one[at] * others[from];
    dots[column] = a + b + c + d;
  }
}
