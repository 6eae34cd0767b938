/** What look-alikes share, and the kind of thing that a photo probably shows where the thing itself is unsure. */

import { sum } from "./decision.js";

/** @typedef {import("../pack/references.js").Reference} Reference */
/** @typedef {{references: Reference[], namespace: string, labels: Record<string, string>}} LookAlikes */
/** @typedef {{label: string, value: string, probability: number}} LikelyKind */

const LEAST_PROBABILITY = 0.5;

/**
 * @param {Reference[]} references Nearest first; none for an answer that is not ambiguous.
 * @returns {LookAlikes | null} They, with the namespace and labels of all of them.
 */
export function compareLookAlikes(references) {
  if (!references.length) return null;
  const [first, ...others] = references;
  const shared = Object.entries(first.labels).filter(([kind, value]) => others.every((other) => has(other, kind, value)));
  return {
    references,
    namespace: others.every((other) => other.namespace === first.namespace) ? first.namespace : "",
    labels: Object.fromEntries(shared),
  };
}

/**
 * @param {readonly Reference[]} references Best first.
 * @param {readonly number[]} confidences
 * @returns {LikelyKind | null} The most probable label; null if none is likelier than not.
 */
export function likelyKind(references, confidences) {
  const known = references.map((reference, at) => ({ reference, confidence: confidences[at] ?? 0 }));
  const counted = known.filter(({ confidence }) => confidence > 0);
  /** @type {Map<string, {label: string, value: string, of: number[]}>} */
  const together = new Map();
  for (const { reference, confidence } of counted) {
    for (const [label, value] of Object.entries(reference.labels)) {
      const key = JSON.stringify([label, value]);
      const found = together.get(key) ?? { label, value, of: [] };
      found.of.push(confidence);
      together.set(key, found);
    }
  }
  /** @type {LikelyKind | null} */
  let best = null;
  for (const { label, value, of } of together.values()) {
    const probability = sum(of);
    if (of.length < counted.length && probability > (best?.probability ?? 0)) best = { label, value, probability };
  }
  if (best === null || best.probability < LEAST_PROBABILITY) return null;
  return { ...best, probability: Math.min(1, best.probability) };
}

/**
 * @param {Reference} reference
 * @param {string} kind
 * @param {string} value
 */
function has(reference, kind, value) {
  return Object.hasOwn(reference.labels, kind) && reference.labels[kind] === value;
}
