/** The references of a pack: lookups in `references.sqlite`. */

import { damaged } from "../errors.js";
import { byCodePoint } from "../io/text_order.js";
import { SqliteFile } from "./sqlite_file.js";

/** @typedef {import("./sqlite_file.js").Value} Value */
/** @typedef {[number, number]} Coordinates Latitude and longitude, WGS 84 degrees. */
/** @typedef {{namespaces: readonly string[], labels: Readonly<Record<string, readonly string[]>>}} Filters */
/**
 * @typedef {object} Reference A known thing.
 * @property {string} id
 * @property {string} name
 * @property {string} namespace
 * @property {Record<string, string>} labels
 * @property {number | null} latitude
 * @property {number | null} longitude
 * @property {string | null} url
 * @property {string | null} licence
 * @property {Record<string, string>} attributes
 */
/**
 * @typedef {object} ImageFacts What is known of a reference image, to credit it.
 * @property {string | null} path
 * @property {string | null} type
 * @property {string | null} licence
 * @property {string | null} provenance
 */

export const MAX_REFERENCE_BYTES = 2 ** 20;

const COLUMNS = ["id", "name", "namespace", "labels", "latitude", "longitude", "url", "licence", "attributes"];

/** Lookups in the references of a pack. */
export class ReferenceTable {
  /**
   * @param {Uint8Array} data The file's bytes, whose hash was checked.
   * @param {string} where The file's name in messages.
   */
  constructor(data, where) {
    this._where = where;
    this._file = new SqliteFile(data, { where, maxRowBytes: MAX_REFERENCE_BYTES });
    /** @type {Map<string, number[]> | null} */
    this._images = null;
    /** @type {Map<string, Coordinates> | null} */
    this._coordinates = null;
    /** @type {Reference[] | null} */
    this._references = null;
  }

  /**
   * @param {string} id
   * @returns {Reference}
   */
  reference(id) {
    const row = this._file.row("reference", id, COLUMNS);
    if (row === null) throw this._missing(id);
    return this._reference(row);
  }

  /** @param {string} id */
  has(id) {
    return this._file.row("reference", id, ["id"]) !== null;
  }

  /**
   * @param {number} indexId
   * @returns {string} The id of the reference that an image of the index shows.
   */
  referenceIdOf(indexId) {
    const row = this._file.row("reference_image", indexId, ["reference_id"]);
    if (row === null) throw this._missing(indexId);
    return this._text(indexId, row[0]);
  }

  /**
   * @param {number} indexId
   * @returns {ImageFacts | null} null if nothing is known, as in most packs.
   */
  imageFacts(indexId) {
    if (!this._file.has("picture")) return null;
    const row = this._file.row("picture", indexId, ["path", "type", "licence", "provenance"]);
    if (row === null || row.every((value) => value === null)) return null;
    const [path, type, licence, provenance] = row.map((value) => (value === null ? null : String(value)));
    return { path, type, licence, provenance };
  }

  /**
   * @param {string} id
   * @returns {number[]} The index ids of a reference's images, rising.
   */
  imagesOf(id) {
    return this._imagesById().get(id) ?? [];
  }

  /** @returns {Reference[]} All references, by id. */
  references() {
    this._references ??= [...this._file.rows("reference", COLUMNS)].map((row) => this._reference(row));
    return this._references;
  }

  /** @returns {number} */
  count() {
    let count = 0;
    for (const _ of this._file.rows("reference", ["id"])) count++;
    return count;
  }

  /**
   * @param {Filters} filters
   * @returns {string[]} The ids of all references that pass.
   */
  ids(filters) {
    return this.references()
      .filter((reference) => passes(reference, filters))
      .map((reference) => reference.id);
  }

  /**
   * @param {Filters} filters
   * @returns {number[]} The index ids of all images whose references pass.
   */
  indexIds(filters) {
    return this.ids(filters).flatMap((id) => this.imagesOf(id));
  }

  /** @returns {string[]} All namespaces but the empty one, sorted. */
  namespaces() {
    return distinct(this.references().map((reference) => reference.namespace)).filter(Boolean);
  }

  /** @returns {string[]} All kinds of labels, sorted. */
  labelKinds() {
    return distinct(this.references().flatMap((reference) => Object.keys(reference.labels)));
  }

  /**
   * @param {string} kind
   * @returns {string[]} All values of a kind of label, sorted.
   */
  labelValues(kind) {
    const having = this.references().filter((reference) => Object.hasOwn(reference.labels, kind));
    return distinct(having.map((reference) => reference.labels[kind]));
  }

  /** @returns {Map<string, Coordinates>} The coordinates of all references that have some. */
  coordinates() {
    if (this._coordinates === null) {
      this._coordinates = new Map();
      for (const [id, latitude, longitude] of this._file.rows("reference", ["id", "latitude", "longitude"])) {
        if (typeof latitude !== "number" || typeof longitude !== "number") continue;
        if (Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180) {
          this._coordinates.set(String(id), [latitude, longitude]);
        }
      }
    }
    return this._coordinates;
  }

  /**
   * Read every reference and every image once, as answers do.
   *
   * @param {Iterable<number>} indexIds All ids of the index.
   * @returns {number} Number of references.
   */
  checkAll(indexIds) {
    const ids = new Set();
    for (const row of this._file.rows("reference", COLUMNS)) {
      const { id } = this._reference(row);
      if (!id) throw this._malformed("", "its id is no text");
      ids.add(id);
    }
    const images = new Set();
    for (const [image, id] of this._file.rows("reference_image", ["index_id", "reference_id"])) {
      if (!ids.has(id)) {
        throw damaged(`${this._where}: the image ${image} belongs to no reference; fetch the pack again`);
      }
      images.add(image);
    }
    for (const id of indexIds) {
      if (!images.has(id)) {
        throw damaged(`${this._where}: does not list the image ${id}, which the index holds; fetch the pack again`);
      }
    }
    return ids.size;
  }

  /** @returns {Map<string, number[]>} */
  _imagesById() {
    if (this._images === null) {
      this._images = new Map();
      for (const [image, id] of this._file.rows("reference_image", ["index_id", "reference_id"])) {
        const known = this._images.get(String(id));
        if (known === undefined) this._images.set(String(id), [Number(image)]);
        else known.push(Number(image));
      }
    }
    return this._images;
  }

  /**
   * @param {Value[]} row
   * @returns {Reference}
   */
  _reference(row) {
    const [id, name, namespace, labels, latitude, longitude, url, licence, attributes] = row;
    return {
      id: this._text(id, id),
      name: this._text(id, name),
      namespace: this._text(id, namespace),
      labels: this._texts(id, labels),
      latitude: this._degrees(id, latitude, 90),
      longitude: this._degrees(id, longitude, 180),
      url: url === null ? null : this._text(id, url),
      licence: licence === null ? null : this._text(id, licence),
      attributes: this._texts(id, attributes),
    };
  }

  /**
   * @param {Value} id
   * @param {Value} value
   */
  _text(id, value) {
    if (typeof value !== "string") throw this._malformed(id, `expected a text, found ${typeof value}`);
    return value;
  }

  /**
   * @param {Value} id
   * @param {Value} value
   * @param {number} most
   */
  _degrees(id, value, most) {
    if (value === null) return null;
    if (typeof value !== "number" || !(Math.abs(value) <= most)) {
      throw this._malformed(id, `its coordinate is ${value}, not -${most} to ${most} degrees`);
    }
    return value;
  }

  /**
   * @param {Value} id
   * @param {Value} column
   * @returns {Record<string, string>}
   */
  _texts(id, column) {
    const text = this._text(id, column);
    let values;
    try {
      values = JSON.parse(text);
    } catch (error) {
      throw this._malformed(id, /** @type {Error} */ (error).message);
    }
    const isObject = typeof values === "object" && values !== null && !Array.isArray(values);
    if (!isObject || !Object.values(values).every((value) => typeof value === "string")) {
      throw this._malformed(id, "expected a JSON object of strings");
    }
    return values;
  }

  /** @param {string | number} key */
  _missing(key) {
    return damaged(
      `${this._where}: has no entry ${JSON.stringify(key)}, which the index refers to; fetch the pack again`,
    );
  }

  /**
   * @param {Value} id
   * @param {string} problem
   */
  _malformed(id, problem) {
    const entry = JSON.stringify(String(id).slice(0, 200));
    return damaged(`${this._where}: the entry ${entry} is malformed (${problem.slice(0, 200)}); fetch the pack again`);
  }
}

/**
 * @param {Reference} reference
 * @param {Filters} filters
 */
function passes(reference, filters) {
  if (filters.namespaces.length && !filters.namespaces.includes(reference.namespace)) return false;
  return Object.entries(filters.labels).every(
    ([kind, values]) => Object.hasOwn(reference.labels, kind) && values.includes(reference.labels[kind]),
  );
}

/** @param {string[]} texts */
function distinct(texts) {
  return [...new Set(texts)].sort(byCodePoint);
}
