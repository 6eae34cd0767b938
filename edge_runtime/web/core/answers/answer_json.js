/** An answer as the documented JSON object of `edge-identify --jsonl`; `answer.schema.json` is its schema. */

import { areFilters } from "../search/filtering.js";
import { reasonsInWords } from "./text_reasons.js";

/** @typedef {import("./identification.js").Identification} Identification */
/** @typedef {import("./identification.js").Match} Match */
/** @typedef {import("../pack/references.js").Reference} Reference */
/** @typedef {import("../pack/references.js").ImageFacts} ImageFacts */
/** @typedef {import("../search/text_searcher.js").TextAnswer} TextAnswer */
/** @typedef {{lat: number, lng: number}} Location */
/**
 * @typedef {object} MatchDocument
 * @property {number} rank
 * @property {string} id
 * @property {string} name
 * @property {number} score
 * @property {number | null} confidence
 * @property {"strong" | "fair" | "weak" | null} band
 * @property {string} namespace
 * @property {Record<string, string>} labels
 * @property {Location | null} location
 * @property {string | null} url
 * @property {string | null} licence
 * @property {Record<string, string>} attributes
 * @property {{distance_m: number | null, score: number, vision_confidence: number} | null} place
 * @property {number | null} matched_points
 * @property {Array<{found_in: string, key: string | null, exact: boolean, corrected: Record<string, string>}>} [why]
 * @property {string} [why_in_words]
 * @property {object} [picture]
 * @property {true} [own] The person taught it on this device, and it is not of the pack.
 * @property {number | null} index_id The index's id of the nearest picture. Not in Python's answers.
 * @property {string} pack The pack that answered. Not in Python's answers.
 */
/**
 * @typedef {object} Answer
 * @property {number} schema
 * @property {{name: string, version: string}} pack
 * @property {string} encoder
 * @property {string} [photo]
 * @property {string[]} [photos] Of several photos of one thing.
 * @property {string} [text]
 * @property {string[]} [suggested_namespaces]
 * @property {string[]} [unknown_words]
 * @property {string | null} [note]
 * @property {"identified" | "probably" | "ambiguous" | "unknown" | null} decision
 * @property {number | null} known_probability
 * @property {{ids: string[], namespace: string, labels: Record<string, string>} | null} look_alikes
 * @property {{label: string, value: string, probability: number}} [likely_kind]
 * @property {number} seconds
 * @property {{prepare: number, encode: number, search: number, decide: number}} stage_seconds
 * @property {{lat: number, lng: number, accuracy_m: number | null, source: string, used: boolean} | null} position
 * @property {{namespaces: readonly string[], labels: Readonly<Record<string, readonly string[]>>} | null} filters
 * @property {MatchDocument[]} matches
 */

const SCHEMA = 2;

/**
 * @param {Identification} answer
 * @param {readonly string[]} names Of the photo, or of all photos of one thing.
 * @returns {Answer}
 */
export function photoAnswer(answer, names) {
  const together = names.length > 1 ? { photos: [...names] } : {};
  return { ...header(answer), photo: names[0], ...together, ...body(answer) };
}

/**
 * @param {TextAnswer} found
 * @param {string} text
 * @param {string[]} suggestedNamespaces
 * @returns {Answer}
 */
export function textAnswer({ answer, unknownWords, note }, text, suggestedNamespaces) {
  const ofText = { suggested_namespaces: suggestedNamespaces, unknown_words: unknownWords, note: note || null };
  return { ...header(answer), text, ...ofText, ...body(answer) };
}

/**
 * @param {Reference} reference
 * @returns The fields that a match has of it.
 */
export function referenceAsJson({ id, name, namespace, labels, latitude, longitude, url, licence, attributes }) {
  const location = latitude === null || longitude === null ? null : { lat: latitude, lng: longitude };
  return { id, name, namespace, labels, location, url, licence, attributes };
}

/** @param {Identification} answer */
function header({ packName, packVersion, variantName }) {
  return { schema: SCHEMA, pack: { name: packName, version: packVersion }, encoder: variantName };
}

/** @param {Identification} answer */
function body(answer) {
  const { verdict, lookAlikes, likelyKind, times } = answer;
  const kind = likelyKind && { likely_kind: { ...likelyKind, probability: rounded(likelyKind.probability, 4) } };
  const { prepare, encode, search, decide } = times;
  return {
    decision: verdict?.decision ?? null,
    known_probability: verdict === null ? null : rounded(verdict.knownProbability, 4),
    look_alikes: lookAlikes && {
      ids: lookAlikes.references.map((reference) => reference.id),
      namespace: lookAlikes.namespace,
      labels: lookAlikes.labels,
    },
    ...kind,
    seconds: rounded(prepare + encode + search + decide, 4),
    stage_seconds: {
      prepare: rounded(prepare, 6),
      encode: rounded(encode, 6),
      search: rounded(search, 6),
      decide: rounded(decide, 6),
    },
    position: positionAsJson(answer),
    filters: areFilters(answer.filters) ? answer.filters : null,
    matches: answer.matches.map((match, at) => matchAsJson(match, at + 1, answer.packName)),
  };
}

/** @param {Identification} answer */
function positionAsJson({ position, matches }) {
  if (position === null) return null;
  return {
    lat: position.latitude,
    lng: position.longitude,
    accuracy_m: position.accuracyM ?? null,
    source: position.source ?? "given",
    used: matches.some((match) => match.place !== null),
  };
}

/**
 * @param {Match} match
 * @param {number} rank
 * @param {string} packName
 * @returns {MatchDocument}
 */
function matchAsJson(match, rank, packName) {
  const { id, name, ...known } = referenceAsJson(match.reference);
  return {
    rank,
    id,
    name,
    score: rounded(match.score, 6),
    confidence: match.confidence === null ? null : rounded(match.confidence, 4),
    band: match.band,
    ...known,
    place: match.place && {
      distance_m: match.place.distanceM === null ? null : rounded(match.place.distanceM, 1),
      score: Number(match.place.score.toPrecision(4)),
      vision_confidence: rounded(match.place.visionConfidence, 4),
    },
    matched_points: match.matchedPoints,
    ...(match.reasons.length ? whyAsJson(match) : {}),
    ...(match.picture ? { picture: pictureAsJson(match.picture) } : {}),
    ...(match.isOwn ? { own: true } : {}),
    index_id: match.indexId,
    pack: packName,
  };
}

/** @param {Match} match */
function whyAsJson({ reasons }) {
  const why = reasons.map(({ foundIn, key, isExact, corrected }) => ({
    found_in: foundIn,
    key: key || null,
    exact: isExact,
    corrected: Object.fromEntries(corrected),
  }));
  return { why, why_in_words: reasonsInWords(reasons) };
}

/** @param {ImageFacts} picture */
function pictureAsJson({ path, type, licence, provenance }) {
  const filename = path === null ? null : path.slice(path.lastIndexOf("/") + 1);
  const dot = filename?.lastIndexOf(".") ?? -1;
  const extension = filename === null ? null : dot > 0 && dot < filename.length - 1 ? filename.slice(dot) : "";
  return { type, filename, path, extension, licence, provenance };
}

/**
 * @param {number} value
 * @param {number} digits
 */
function rounded(value, digits) {
  return Number(value.toFixed(digits));
}
