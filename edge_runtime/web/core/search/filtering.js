/** Filters checked against a pack, and namespaces found in the words of a text. A wrong name is an error, not nothing. */

import { SetupError } from "../errors.js";
import { typingDistance } from "./words/typing_errors.js";

/** @typedef {import("../pack/references.js").Filters} Filters */
/** @typedef {import("../pack/references.js").ReferenceTable} ReferenceTable */

/** @type {Filters} */
export const NO_FILTERS = { namespaces: [], labels: {} };
const MOST_NAMED = 5; // names in an error: one line
const MOST_ERRORS = 4;

/**
 * @param {{namespaces?: string | readonly string[], labels?: Readonly<Record<string, string | readonly string[]>>}} given
 * @returns {Filters} One text counts as one value.
 */
export function filtersOf({ namespaces = [], labels = {} }) {
  const entries = Object.entries(labels).map(([kind, values]) => [kind, listOf(values)]);
  return { namespaces: listOf(namespaces), labels: Object.fromEntries(entries) };
}

/** @param {Filters} filters */
export function areFilters(filters) {
  return filters.namespaces.length > 0 || Object.keys(filters.labels).length > 0;
}

/**
 * @param {Filters} filters
 * @param {ReferenceTable} references
 * @returns {Filters} With every name as the pack spells it.
 */
export function asStored(filters, references) {
  const labels = Object.entries(filters.labels).flatMap(([given, values]) =>
    knownAs(given, references.labelKinds(), "kind of label").map((kind) => {
      const known = references.labelValues(kind);
      return [kind, values.flatMap((value) => knownAs(value, known, `label of kind ${JSON.stringify(kind)}`))];
    }),
  );
  const known = references.namespaces();
  return {
    namespaces: filters.namespaces.flatMap((name) => knownAs(name, known, "namespace")),
    labels: Object.fromEntries(labels),
  };
}

/**
 * @param {Filters} filters
 * @param {ReferenceTable} references
 * @returns {Set<number>} The index ids of all images whose references pass, at least one.
 */
export function passingIndexIds(filters, references) {
  const passing = new Set(references.indexIds(asStored(filters, references)));
  if (!passing.size) {
    throw new SetupError(`no reference passes all filters (${described(filters)}); leave one out`);
  }
  return passing;
}

/**
 * Return the namespaces that occur in a text as whole words, in the text's order. Of overlapping ones, the longest.
 *
 * @param {string} text
 * @param {readonly string[]} namespaces
 * @returns {string[]}
 */
export function namespacesNamedIn(text, namespaces) {
  const plain = plainOf(text);
  /** @type {Array<{start: number, end: number, namespace: string}>} */
  const found = [];
  const byLength = [...namespaces].sort((one, other) => other.length - one.length);
  for (const namespace of byLength) {
    const name = plainOf(namespace);
    const start = name ? wholeWordsAt(plain, name) : -1;
    const end = start + name.length;
    if (start >= 0 && !found.some((other) => start < other.end && other.start < end)) {
      found.push({ start, end, namespace });
    }
  }
  return found.sort((one, other) => one.start - other.start).map(({ namespace }) => namespace);
}

/** @param {Filters} filters */
export function described(filters) {
  const namespaces = filters.namespaces.length ? [`namespace ${filters.namespaces.join(" or ")}`] : [];
  const labels = Object.entries(filters.labels).map(([kind, values]) => `${kind}=${values.join(" or ")}`);
  return [...namespaces, ...labels].join(", ");
}

/**
 * @param {string} name
 * @param {string[]} known
 * @param {string} what
 * @returns {string[]} The known names that differ from it at most in their Unicode form.
 */
function knownAs(name, known, what) {
  const found = known.filter((each) => each.normalize("NFC") === name.normalize("NFC"));
  if (found.length) return found;
  if (!known.length) {
    throw new SetupError(`the pack has no ${what} at all, so not ${JSON.stringify(name)}; leave that filter out`);
  }
  const near = known.filter((each) => typingDistance(plainOf(name), plainOf(each), MOST_ERRORS) <= MOST_ERRORS);
  const nearest = near.length ? near : known;
  const shown = nearest.slice(0, MOST_NAMED).join(", ") + (nearest.length > MOST_NAMED ? ", ..." : "");
  throw new SetupError(
    `the pack has no ${what} ${JSON.stringify(name)}; ${near.length ? "the nearest are" : "it has"} ${shown}`,
  );
}

/**
 * @param {string} plain
 * @param {string} name
 */
function wholeWordsAt(plain, name) {
  const isWord = /[\p{L}\p{N}_]/u;
  for (let at = plain.indexOf(name); at >= 0; at = plain.indexOf(name, at + 1)) {
    if (!isWord.test(plain[at - 1] ?? "") && !isWord.test(plain[at + name.length] ?? "")) return at;
  }
  return -1;
}

/** @param {string} text */
function plainOf(text) {
  const letters = text.normalize("NFKD").replace(/\p{Mn}/gu, "").toUpperCase().toLowerCase();
  return letters.replace(/[-_\s]+/gu, " ").trim();
}

/** @param {string | readonly string[]} values */
function listOf(values) {
  return typeof values === "string" ? [values] : [...new Set(values)];
}
