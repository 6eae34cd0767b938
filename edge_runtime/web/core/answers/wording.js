/** The decision of an answer in a few words, the same as on Python's screen. */

/** @typedef {import("./answer_json.js").Answer} Answer */

/**
 * @param {Answer} answer To a photo.
 * @returns {string} The decision, with the probability of the named reference.
 */
export function decisionInWords({ decision, look_alikes: alike, matches }) {
  if (decision === null) return "not calibrated, the nearest";
  if (decision === "unknown") return "unknown";
  if (alike !== null) {
    const shared = [alike.namespace, ...Object.values(alike.labels)].filter(Boolean).join(" · ");
    return `ambiguous, one of ${alike.ids.length} look-alikes${shared ? `, all ${shared}` : ""}`;
  }
  const check = decision === "probably" ? ": check it" : "";
  return `${decision}, ${Math.round(100 * (matches[0].confidence ?? 0))}%${check}`;
}
