/** The answer to one photo or text, as values, before it becomes JSON. */

/** @typedef {import("../decisions/decision.js").Verdict} Verdict */
/** @typedef {import("../decisions/place_evidence.js").PlaceEvidence} PlaceEvidence */
/** @typedef {import("../decisions/shared_labels.js").LookAlikes} LookAlikes */
/** @typedef {import("../decisions/shared_labels.js").LikelyKind} LikelyKind */
/** @typedef {import("../decisions/text_bands.js").TextBand} TextBand */
/** @typedef {import("../pack/references.js").Filters} Filters */
/** @typedef {import("../pack/references.js").ImageFacts} ImageFacts */
/** @typedef {import("../pack/references.js").Reference} Reference */
/** @typedef {import("../photos/position.js").Position} Position */
/** @typedef {import("./text_reasons.js").TextReason} TextReason */
/** @typedef {{prepare: number, encode: number, search: number, decide: number}} StageSeconds */
/**
 * @typedef {object} Match One reference that resembles the photo or the text.
 * @property {Reference} reference
 * @property {number} score Cosine similarity of its nearest picture; 0 where a text was answered by words alone.
 * @property {number | null} confidence
 * @property {number | null} indexId The index's id of that picture.
 * @property {PlaceEvidence | null} place
 * @property {number | null} matchedPoints
 * @property {TextBand | null} band
 * @property {ImageFacts | null} picture
 * @property {TextReason[]} reasons
 * @property {boolean} [isOwn] Whether the person taught it on this device, and it is not of the pack.
 */
/**
 * @typedef {object} Identification
 * @property {Match[]} matches Best first.
 * @property {Verdict | null} verdict
 * @property {LookAlikes | null} lookAlikes
 * @property {LikelyKind | null} likelyKind
 * @property {Position | null} position
 * @property {Filters} filters
 * @property {string} packName
 * @property {string} packVersion
 * @property {string} variantName
 * @property {StageSeconds} times
 */

export {};
