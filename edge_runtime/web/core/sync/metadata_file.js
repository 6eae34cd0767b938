/** One file of TUF's metadata: reading it, and counting its signatures. PROTOCOL.md has the rules. */

import { EdgeIdentifyError } from "../errors.js";
import { byCodePoint } from "../io/text_order.js";

/** @typedef {Record<string, any>} Fields JSON from outside: every use checks what it finds. */
/** @typedef {{keyids: string[], threshold: number, keys: Fields}} Role Who may sign, and how many of them must. */
/**
 * @typedef {object} Metadata
 * @property {Fields} signed
 * @property {Map<string, string>} signatures By key id.
 * @property {number} version
 * @property {string} expires
 * @property {Uint8Array} data The file's bytes.
 * @property {string} where
 */

const TEXTS = /"(?:[^"\\]|\\.)*"/gs;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/**
 * @param {string} message
 * @returns {EdgeIdentifyError} What the server offers is not what its publisher signed.
 */
export function untrusted(message) {
  return new EdgeIdentifyError("untrusted", `${message}; nothing is installed, and installed packs go on working`);
}

/**
 * @param {Uint8Array} data
 * @param {string} type `root`, `timestamp`, `snapshot` or `targets`.
 * @param {string} where The file's name in messages.
 * @returns {Metadata}
 */
export function parseMetadata(data, type, where) {
  const fields = jsonOf(data, where);
  const { signed, signatures } = fields;
  if (!isObject(signed) || !Array.isArray(signatures)) throw untrusted(`${where}: is no signed metadata`);
  if (signed._type !== type) throw untrusted(`${where}: is of the type ${JSON.stringify(signed._type)}, not ${type}`);
  if (typeof signed.spec_version !== "string" || !signed.spec_version.startsWith("1.")) {
    throw untrusted(`${where}: follows another specification than TUF 1`);
  }
  if (typeof signed.expires !== "string" || !TIME.test(signed.expires)) throw untrusted(`${where}: names no expiry`);
  return {
    signed,
    signatures: signaturesById(signatures, where),
    version: checkedVersion(signed.version, where),
    expires: signed.expires,
    data,
    where,
  };
}

/**
 * @param {Metadata} metadata
 * @param {Role} role
 * @returns {Promise<boolean>} Whether enough different keys of the role have signed it.
 */
export async function isSigned(metadata, { keyids, threshold, keys }) {
  const content = new TextEncoder().encode(canonicalJson(metadata.signed));
  let count = 0;
  for (const id of new Set(keyids)) {
    const signature = metadata.signatures.get(id);
    if (signature !== undefined && (await isValid(keys[id], signature, content))) count++;
  }
  return count >= threshold;
}

/**
 * @param {unknown} role With `keyids` and `threshold`.
 * @param {unknown} keys By id.
 * @param {string} where
 * @returns {Role}
 */
export function roleOf(role, keys, where) {
  const isRole = isObject(role) && Array.isArray(role.keyids) && Number.isSafeInteger(role.threshold);
  if (!isRole || !isObject(keys) || role.threshold < 1) throw untrusted(`${where}: has no valid role`);
  return { keyids: role.keyids.map(String), threshold: role.threshold, keys };
}

/**
 * @param {unknown} value
 * @param {string} where
 * @returns {number}
 */
export function checkedVersion(value, where) {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw untrusted(`${where}: names the version ${JSON.stringify(value)}`);
  }
  return value;
}

/**
 * @param {unknown} value
 * @returns {value is Fields}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {Uint8Array} data
 * @param {string} where
 * @returns {Fields}
 */
function jsonOf(data, where) {
  let [text, fields] = ["", /** @type {unknown} */ (null)];
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(data);
    fields = JSON.parse(text);
  } catch (error) {
    throw untrusted(`${where}: is not JSON`);
  }
  // JavaScript reads 1.0 as 1, and would check another text than the one that was signed.
  if (/[\d][.eE]|-0/.test(text.replace(TEXTS, '""'))) throw untrusted(`${where}: has a number that is no integer`);
  if (!isObject(fields)) throw untrusted(`${where}: is no object`);
  return fields;
}

/**
 * @param {unknown[]} signatures
 * @param {string} where
 */
function signaturesById(signatures, where) {
  /** @type {Map<string, string>} */
  const byId = new Map();
  for (const each of signatures) {
    if (!isObject(each) || typeof each.keyid !== "string" || typeof each.sig !== "string") {
      throw untrusted(`${where}: has a malformed signature`);
    }
    if (byId.has(each.keyid)) throw untrusted(`${where}: has two signatures of one key`);
    byId.set(each.keyid, each.sig);
  }
  return byId;
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function canonicalJson(value) {
  if (typeof value === "string") return canonicalText(value);
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw untrusted("a number in the metadata is too large");
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (!isObject(value)) return String(value);
  const keys = Object.keys(value).sort(byCodePoint);
  return `{${keys.map((key) => `${canonicalText(key)}:${canonicalJson(value[key])}`).join(",")}}`;
}

/** @param {string} text */
function canonicalText(text) {
  if (/\p{Surrogate}/u.test(text)) throw untrusted("a text in the metadata holds a lone surrogate");
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/**
 * @param {unknown} key
 * @param {string} signature
 * @param {Uint8Array<ArrayBuffer>} content
 * @returns {Promise<boolean>} False also for keys of other kinds: they count for nothing.
 */
async function isValid(key, signature, content) {
  const isEd25519 = isObject(key) && key.keytype === "ed25519" && key.scheme === "ed25519" && isObject(key.keyval);
  if (!isEd25519 || typeof key.keyval.public !== "string") return false;
  const [point, sig] = [bytesOf(key.keyval.public, 32), bytesOf(signature, 64)];
  if (point === null || sig === null) return false;
  const { subtle } = globalThis.crypto;
  try {
    const imported = await subtle.importKey("raw", point, { name: "Ed25519" }, false, ["verify"]);
    return await subtle.verify({ name: "Ed25519" }, imported, sig, content);
  } catch (error) {
    if (/** @type {Error} */ (error).name === "NotSupportedError") {
      throw new EdgeIdentifyError("setup", "this browser cannot check Ed25519 signatures; use a newer one");
    }
    return false; // no point of the curve
  }
}

/**
 * @param {string} text
 * @param {number} length
 */
function bytesOf(text, length) {
  if (!/^[0-9a-f]*$/.test(text) || text.length !== 2 * length) return null;
  return Uint8Array.from({ length }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}
