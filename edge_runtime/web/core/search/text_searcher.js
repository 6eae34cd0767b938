/** Searching a pack by text: its own words and its text tower, joined by rank. An exact id or name is first. */

import { LOOKS_LIKE_IT } from "../answers/text_reasons.js";
import { bandOf } from "../decisions/text_bands.js";
import { loadEncoder } from "../encoders/encoder.js";
import { KnownWords, embedTokens } from "../encoders/known_words.js";
import { ClipTokenizer } from "../encoders/tokenizers/clip_bpe.js";
import { NO_FILTERS, areFilters, asStored, passingIndexIds } from "./filtering.js";
import { ReferenceFinder } from "./reference_finder.js";
import { noteOf } from "./text_notes.js";
import { tellingWords } from "./words/folding.js";
import { WordIndex } from "./words/word_index.js";

/** @typedef {import("../answers/identification.js").Identification} Identification */
/** @typedef {import("../answers/identification.js").Match} Match */
/** @typedef {import("../answers/identification.js").StageSeconds} StageSeconds */
/** @typedef {import("../decisions/calibration.js").TextCalibration} TextCalibration */
/** @typedef {import("../encoders/encoder.js").CreateSession} CreateSession */
/** @typedef {import("../encoders/encoder.js").Encoder} Encoder */
/** @typedef {import("../pack/pack_reader.js").Pack} Pack */
/** @typedef {import("../pack/references.js").Filters} Filters */
/** @typedef {import("./reference_finder.js").Contents} Contents */
/** @typedef {import("./text_notes.js").Knowledge} Knowledge */
/** @typedef {import("./words/word_index.js").WordHit} WordHit */
/** @typedef {{encoder: Encoder, tokenizer: ClipTokenizer, knownWords: KnownWords, finder: ReferenceFinder}} Tower */
/** @typedef {{nearest: Match[], further: Match[], times: StageSeconds}} Likeness */
/** @typedef {{answer: Identification, unknownWords: string[], note: string}} TextAnswer */

export const WORDS_ALONE = "words"; // stands for the encoder variant where there is no encoder
const MOST_REFERENCES = 200_000; // more are not indexed by their words
const LEAST_RANKED = 50; // of each ranking before they are joined
const K = 60; // of reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009
/** What a match by words alone has none of. */
const UNSEEN = { score: 0, confidence: null, place: null, matchedPoints: null, band: null, reasons: [] };
const NO_TIME = { prepare: 0, encode: 0, search: 0, decide: 0 };

/** Searches one pack by text. */
export class TextSearcher {
  /**
   * @param {Pack} pack
   * @param {Contents} contents
   * @param {{texts: Map<string, TextCalibration>, createSession: CreateSession}} options
   */
  constructor(pack, contents, { texts, createSession }) {
    this._pack = pack;
    this._contents = contents;
    this._texts = texts;
    this._createSession = createSession;
    /** @type {Promise<Tower | null> | null} */
    this._tower = null;
    /** @type {WordIndex | null} */
    this._words = null;
    /** @type {Map<string, Match>} */
    this._own = new Map();
    this._areTooMany = pack.manifest.referenceCount > MOST_REFERENCES;
  }

  /**
   * Let searches without filters find what a person taught, too, by its name and note.
   *
   * @param {import("./taught.js").Taught | null} taught
   */
  setTaught(taught) {
    const own = taught?.references().map((found) => ({ ...UNSEEN, ...found, picture: null, isOwn: true }));
    this._own = new Map(own?.map((match) => [match.reference.id, match]));
    this._words = null;
  }

  /**
   * @param {string} text
   * @param {{topK: number, filters?: Filters}} options
   * @returns {Promise<TextAnswer>} The references that a text names or describes, best first.
   */
  async search(text, { topK, filters = NO_FILTERS }) {
    const started = performance.now();
    const wanted = Math.max(topK, LEAST_RANKED);
    const among = this._passing(filters);
    const hits = new Map(this._wordIndex().find(text, { most: wanted, among }).map((hit) => [hit.referenceId, hit]));
    const tower = await this._openTower();
    const knowledge = await knowledgeOf(text, tower);
    const lookedUp = (performance.now() - started) / 1000;
    const likeness =
      tower !== null && knowledge.isEnough
        ? await this._likeness(tower, text, wanted, [...hits.keys()].filter((id) => !this._own.has(id)), filters)
        : { nearest: [], further: [], times: NO_TIME };
    const { name, version } = this._pack.manifest;
    /** @type {Identification} */
    const answer = {
      matches: this._joined(hits, likeness, topK),
      verdict: null,
      lookAlikes: null,
      likelyKind: null,
      position: null,
      filters,
      packName: name,
      packVersion: version,
      variantName: tower?.encoder.variantName ?? WORDS_ALONE,
      times: { ...likeness.times, search: likeness.times.search + lookedUp },
    };
    const note = noteOf(answer.matches, knowledge, this._areTooMany);
    return { answer, unknownWords: knowledge.unknown, note };
  }

  /** @param {Filters} filters */
  _passing(filters) {
    if (!areFilters(filters)) return null;
    passingIndexIds(filters, this._contents.references); // refuses filters that nothing passes
    return new Set(this._contents.references.ids(asStored(filters, this._contents.references)));
  }

  _wordIndex() {
    this._words ??= new WordIndex([
      ...(this._areTooMany ? [] : this._contents.references.references()),
      ...Array.from(this._own.values(), ({ reference }) => reference),
    ]);
    return this._words;
  }

  /** @returns {Promise<Tower | null>} */
  _openTower() {
    this._tower ??= this._loadTower();
    return this._tower;
  }

  /** @returns {Promise<Tower | null>} null if the pack has no text tower that runs here. */
  async _loadTower() {
    const { textVariant, manifest } = this._pack;
    const spec = manifest.tokenizer;
    if (textVariant === null || spec === null || spec.kind !== "clip-bpe") return null;
    const encoder = await loadEncoder(this._pack, textVariant, this._createSession);
    const tokenizer = new ClipTokenizer(await this._pack.file(spec.file), spec);
    const finder = new ReferenceFinder(manifest, this._contents, { variantName: textVariant.name, calibration: null });
    return { encoder, tokenizer, knownWords: new KnownWords(encoder, tokenizer), finder };
  }

  /**
   * @param {Tower} tower
   * @param {string} text
   * @param {number} most
   * @param {string[]} also Ids of further references whose similarities are wanted.
   * @param {Filters} filters
   * @returns {Promise<Likeness>}
   */
  async _likeness({ encoder, tokenizer, finder }, text, most, also, filters) {
    const started = performance.now();
    const tokens = tokenizer.encode(text);
    const tokenised = performance.now();
    const [embedding] = await embedTokens(encoder, [tokens]);
    const embedded = performance.now();
    const narrowed = areFilters(filters) ? finder.narrowed(filters) : finder;
    const answer = narrowed.answer([[embedding]], most, null);
    const near = new Set(answer.matches.map((match) => match.reference.id));
    const further = narrowed.matchesOf(
      embedding,
      also.filter((id) => !near.has(id)),
    );
    const prepare = (tokenised - started) / 1000;
    const encode = (embedded - tokenised) / 1000;
    return {
      nearest: this._withBands(answer.matches, encoder.variantName),
      further: this._withBands(further, encoder.variantName),
      times: { ...answer.times, prepare, encode },
    };
  }

  /**
   * @param {Match[]} matches
   * @param {string} variantName
   */
  _withBands(matches, variantName) {
    const calibration = this._texts.get(variantName);
    if (calibration === undefined) return matches;
    return matches.map((match) => ({ ...match, band: bandOf(match.score, calibration) }));
  }

  /**
   * @param {Map<string, WordHit>} hits
   * @param {Likeness} likeness
   * @param {number} topK
   * @returns {Match[]}
   */
  _joined(hits, { nearest, further }, topK) {
    const near = new Map([...nearest, ...further].map((match) => [match.reference.id, match]));
    const exact = [...hits.values()].filter((hit) => hit.isExact).map((hit) => hit.referenceId);
    const byWords = new Map(Array.from(hits, ([id, hit]) => [id, hit.rank]));
    const byLikeness = new Map(nearest.map((match, at) => [match, at + 1]));
    const telling = new Map(
      [...byLikeness].filter(([match]) => match.band !== "weak").map(([match, rank]) => [match.reference.id, rank]),
    );
    const order = new Set([
      ...exact,
      ...fusedRanks(byWords, telling),
      ...nearest.map((match) => match.reference.id),
    ]);
    return [...order].slice(0, topK).map((id) => {
      const match = near.get(id) ?? this._own.get(id) ?? this._matchByWords(id);
      return { ...match, reasons: reasonsOf(match, hits.get(id)) };
    });
  }

  /**
   * @param {string} id
   * @returns {Match}
   */
  _matchByWords(id) {
    const { references } = this._contents;
    const indexId = references.imagesOf(id)[0] ?? null;
    return {
      ...UNSEEN,
      reference: references.reference(id),
      indexId,
      picture: indexId === null ? null : references.imageFacts(indexId),
    };
  }
}

/**
 * @param {string} text
 * @param {Tower | null} tower
 * @returns {Promise<Knowledge>}
 */
async function knowledgeOf(text, tower) {
  if (tower === null) return { hasEncoder: false, isEnough: false, unknown: [] };
  if (await tower.knownWords.areAll()) return { hasEncoder: true, isEnough: true, unknown: [] };
  const { known, unknown } = await tower.knownWords.knownAndUnknown(tellingWords(text));
  // Of "a picture" nothing is unknown: every picture is one.
  return { hasEncoder: true, isEnough: known.length > 0 || !unknown.length, unknown };
}

/**
 * @param {Match} match
 * @param {WordHit | undefined} hit
 */
function reasonsOf(match, hit) {
  if (hit === undefined) return [LOOKS_LIKE_IT];
  const looksLikeIt = match.band === "strong" || match.band === "fair";
  return looksLikeIt ? [...hit.reasons, LOOKS_LIKE_IT] : hit.reasons;
}

/**
 * @param {...Map<string, number>} rankings The rank of each id, from 1.
 * @returns {string[]} The ids of all rankings, best first: reciprocal rank fusion.
 */
function fusedRanks(...rankings) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const ranking of rankings) {
    for (const [id, rank] of ranking) sums.set(id, (sums.get(id) ?? 0) + 1 / (K + rank));
  }
  return [...sums].sort(([, one], [, other]) => other - one).map(([id]) => id);
}
