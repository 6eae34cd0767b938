/** Several photos of the same thing, answered as one question: a reference's score is its mean over the photos. */

import { sum } from "./decision.js";

export const DEPTH = 200; // nearest references of each photo that are compared

/** @typedef {{referenceId: string, score: number, indexId: number}} Nearest */

/**
 * Return the references of several photos of one thing, best first, each with the image nearest to any photo.
 *
 * @param {Nearest[][]} photos
 * @returns {Nearest[]}
 */
export function fused(photos) {
  const best = fusedOf(photos.map((found) => found.slice(0, DEPTH)));
  if (photos.every((found) => found.length <= DEPTH)) return best;
  const told = new Set(best.map((nearest) => nearest.referenceId));
  return [...best, ...fusedOf(photos).filter((nearest) => !told.has(nearest.referenceId))];
}

/** @param {Nearest[][]} photos */
function fusedOf(photos) {
  /** @type {Map<string, Nearest>} */
  const pictures = new Map();
  for (const nearest of photos.flat().sort(byStanding)) {
    if (!pictures.has(nearest.referenceId)) pictures.set(nearest.referenceId, nearest);
  }
  const scores = photos.map((found) => new Map(found.map((nearest) => [nearest.referenceId, nearest.score])));
  const least = photos.map((found) => Math.min(...found.map((nearest) => nearest.score)));
  return [...pictures.values()]
    .map((nearest) => {
      // A missing reference scored at most as much as the lowest that was found.
      const found = scores.map((of, photo) => of.get(nearest.referenceId) ?? least[photo]);
      return { ...nearest, score: sum(found) / photos.length };
    })
    .sort(byStanding);
}

/**
 * @param {Nearest} one
 * @param {Nearest} other
 */
function byStanding(one, other) {
  return other.score - one.score || one.indexId - other.indexId;
}
