/** Typed access to JSON from outside: every error names the field. Unknown fields are ignored. */

import { badFormat } from "../errors.js";

/** A JSON object and its location, for messages. */
export class JsonObject {
  /**
   * @param {Record<string, unknown>} values
   * @param {string} where
   */
  constructor(values, where) {
    this.values = values;
    this.where = where;
  }

  /**
   * @param {string} key
   * @returns {boolean} Whether the field is there and not null.
   */
  has(key) {
    return this._value(key) != null;
  }

  /**
   * @param {string} key
   * @returns {string}
   */
  text(key) {
    const value = this._value(key);
    if (typeof value !== "string") throw this._wrong(key, "a text");
    return this._writable(key, value);
  }

  /**
   * @param {string} key
   * @param {{least?: number, most?: number}} [range]
   * @returns {number} A whole number.
   */
  integer(key, { least = 0, most = 2 ** 53 } = {}) {
    const value = this._value(key);
    if (typeof value !== "number" || !Number.isInteger(value)) throw this._wrong(key, "a whole number");
    if (value < least || value > most) throw this.outside(key, value, least, most);
    return value;
  }

  /**
   * @param {string} key
   * @returns {number}
   */
  number(key) {
    const value = this._value(key);
    if (typeof value !== "number") throw this._wrong(key, "a number");
    return value;
  }

  /**
   * @param {string} key
   * @param {number} least
   * @param {number} most
   * @returns {number}
   */
  numberWithin(key, least, most) {
    const value = this.number(key);
    if (!(least <= value && value <= most)) throw this.outside(key, value, least, most);
    return value;
  }

  /**
   * @param {string} key
   * @returns {number | null}
   */
  optionalNumber(key) {
    return this.has(key) ? this.number(key) : null;
  }

  /**
   * @param {string} key
   * @returns {boolean}
   */
  truth(key) {
    const value = this._value(key);
    if (typeof value !== "boolean") throw this._wrong(key, "true or false");
    return value;
  }

  /**
   * @param {string} key
   * @returns {JsonObject}
   */
  object(key) {
    const value = this._value(key);
    if (!isObject(value)) throw this._wrong(key, "an object");
    return new JsonObject(value, `${this.where}.${key}`);
  }

  /**
   * @param {string} key
   * @returns {JsonObject[]}
   */
  objects(key) {
    return this.list(key).map((value, at) => {
      const where = `${this.where}.${key}[${at}]`;
      if (!isObject(value)) throw badFormat(`${where}: expected an object, found ${kindOf(value)}`);
      return new JsonObject(value, where);
    });
  }

  /**
   * @param {string} key
   * @returns {Array<[string, JsonObject]>} The name and the object of each entry.
   */
  items(key) {
    const nested = this.object(key);
    return Object.keys(nested.values).map((name) => [name, nested.object(name)]);
  }

  /**
   * @param {string} key
   * @returns {unknown[]}
   */
  list(key) {
    const value = this._value(key);
    if (!Array.isArray(value)) throw this._wrong(key, "a list");
    return value;
  }

  /**
   * @param {string} key
   * @returns {string[]}
   */
  texts(key) {
    return this.list(key).map((value) => {
      if (typeof value !== "string") throw this._wrong(key, "a list of texts");
      return this._writable(key, value);
    });
  }

  /**
   * @param {string} key
   * @returns {number[]}
   */
  numbers(key) {
    return this.list(key).map((value) => {
      if (typeof value !== "number") throw this._wrong(key, "a list of numbers");
      return value;
    });
  }

  /**
   * @param {string} key
   * @returns {number[]} Whole numbers.
   */
  integers(key) {
    return this.list(key).map((value) => {
      if (typeof value !== "number" || !Number.isInteger(value)) throw this._wrong(key, "a list of whole numbers");
      return value;
    });
  }

  /**
   * @template {string} T
   * @param {string} key
   * @param {readonly T[]} known
   * @returns {T} One of the known words.
   */
  choice(key, known) {
    const text = this.text(key);
    const found = known.find((word) => word === text);
    if (found === undefined) {
      throw badFormat(`${this.where}: \`${key}\` is ${JSON.stringify(text)}; this version knows ${known.join(", ")}`);
    }
    return found;
  }

  /**
   * @param {string} key
   * @param {number} value
   * @param {number} least
   * @param {number} most
   */
  outside(key, value, least, most) {
    return badFormat(`${this.where}: \`${key}\` is ${value}, outside ${least} to ${most}`);
  }

  /**
   * @param {string} key
   * @returns {unknown}
   */
  _value(key) {
    return Object.hasOwn(this.values, key) ? this.values[key] : undefined;
  }

  /**
   * @param {string} key
   * @param {string} text
   */
  _writable(key, text) {
    if (!isWellFormed(text)) throw badFormat(`${this.where}: \`${key}\` holds a lone surrogate`);
    return text;
  }

  /**
   * @param {string} key
   * @param {string} expected
   */
  _wrong(key, expected) {
    return badFormat(`${this.where}: \`${key}\` should be ${expected}, found ${kindOf(this._value(key))}`);
  }
}

/**
 * Decode a JSON document whose top is an object.
 *
 * @param {Uint8Array} data
 * @param {{where: string, maxBytes: number}} options
 * @returns {JsonObject}
 */
export function parseJsonObject(data, { where, maxBytes }) {
  if (data.length > maxBytes) throw badFormat(`${where}: ${data.length} bytes, more than the limit of ${maxBytes}`);
  let values;
  try {
    values = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch (error) {
    throw badFormat(`${where}: is not valid JSON (${/** @type {Error} */ (error).message})`, { cause: error });
  }
  checkWritable(values, where);
  if (!isObject(values)) throw badFormat(`${where}: expected a JSON object, found ${kindOf(values)}`);
  return new JsonObject(values, where);
}

/**
 * Refuse numbers that became infinite (1e999) and lone surrogates: no writer could write them back.
 *
 * @param {unknown} top
 * @param {string} where
 */
function checkWritable(top, where) {
  const waiting = [top]; // not by recursion: a hostile document is nested deeply
  while (waiting.length) {
    const value = waiting.pop();
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw badFormat(`${where}: is not valid JSON (a number is too large)`);
    }
    if (typeof value === "string" && !isWellFormed(value)) {
      throw badFormat(`${where}: is not valid JSON (it holds a lone surrogate)`);
    }
    if (Array.isArray(value)) for (const each of value) waiting.push(each);
    else if (isObject(value)) for (const [key, each] of Object.entries(value)) waiting.push(key, each);
  }
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {string} text */
function isWellFormed(text) {
  return !/\p{Surrogate}/u.test(text);
}

/** @param {unknown} value */
function kindOf(value) {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
