/** Checks of the names in a pack: its name, its version, and the paths of its files. A hostile path could climb. */

import { badFormat } from "../errors.js";

export const MAX_PATH_CHARACTERS = 200;

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
const PATH_PART = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const DEVICE = /^(con|nul|aux|prn|com[0-9]|lpt[0-9])(\..*)?$/i; // Windows opens a device under these names
const VERSION = /^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})$/;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * @param {string} text
 * @returns {string} The text, if it is a version such as 1.2.0.
 */
export function checkedVersion(text) {
  if (!VERSION.test(text)) throw badFormat(`${shown(text)} is not a pack version; write three numbers such as 1.0.0`);
  return text;
}

/**
 * Compare two valid versions by their numbers.
 *
 * @param {string} one
 * @param {string} other
 * @returns {number} Below 0 if `one` is older, above 0 if it is newer.
 */
export function compareVersions(one, other) {
  const [ours, theirs] = [one, other].map((text) => text.split(".").map(Number));
  const at = ours.findIndex((number, part) => number !== theirs[part]);
  return at < 0 ? 0 : ours[at] - theirs[at];
}

/**
 * @param {string} text
 * @returns {string} The text, if it can name a pack.
 */
export function checkedPackName(text) {
  if (!NAME.test(text) || DEVICE.test(text)) {
    throw badFormat(
      `${shown(text)} cannot name a pack; use lower-case letters, digits and hyphens (at most 64), such as street-art`,
    );
  }
  return text;
}

/**
 * @param {string} text
 * @returns {string} The text, if it is a safe relative path inside a pack.
 */
export function checkedPath(text) {
  if (text.length > MAX_PATH_CHARACTERS || !text.split("/").every(isPathPart)) {
    throw badFormat(`${shown(text)} cannot be a path in a pack; the pack is damaged or hostile`);
  }
  return text;
}

/** @param {string} text */
function isPathPart(text) {
  return PATH_PART.test(text) && !text.endsWith(".") && !DEVICE.test(text);
}

/**
 * Check that paths name different files on every file system: no two that differ in case alone, no path that is a
 * folder of another.
 *
 * @param {Iterable<string>} paths Safe paths.
 */
export function checkApart(paths) {
  /** @type {Map<string, string>} */
  const byFolded = new Map();
  for (const path of paths) {
    const same = byFolded.get(path.toLowerCase());
    if (same !== undefined) throw badFormat(`${shown(same)} and ${shown(path)} are the same file on many devices`);
    byFolded.set(path.toLowerCase(), path);
  }
  for (const [folded, path] of byFolded) {
    for (let at = folded.indexOf("/"); at >= 0; at = folded.indexOf("/", at + 1)) {
      const folder = byFolded.get(folded.slice(0, at));
      if (folder !== undefined) throw badFormat(`${shown(folder)} is a file, and also a folder of ${shown(path)}`);
    }
  }
}

/**
 * @param {string} text
 * @returns {string} The text, if it is a SHA-256 in lower-case hexadecimal digits.
 */
export function checkedSha256(text) {
  if (!SHA256.test(text)) throw badFormat(`${shown(text)} is not a SHA-256 in hexadecimal digits`);
  return text;
}

/** @param {string} text */
function shown(text) {
  return JSON.stringify(text.length > 220 ? `${text.slice(0, 220)}...` : text);
}
