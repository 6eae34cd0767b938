// @ts-check
/// <reference lib="webworker" />
/**
 * Whose signatures count for a server, and what they say: PROTOCOL.md's steps, with what this device has kept.
 *
 * A server is pinned once: by the fingerprint that its operator gave the person, or, if the person agrees to that, by
 * its first root. From then on a server that loses its signatures, or has others, is refused.
 */

import { trustedTarget } from "../../core/index.js";
import { AppError } from "../app_error.js";
import { keep, oneOf } from "../database.js";
import { sha256Of } from "./blob_store.js";
import { fetchIfThere } from "./download.js";

/**
 * @typedef {object} Trust
 * @property {string} server
 * @property {Uint8Array<ArrayBuffer> | null} root The first root; null if a fingerprint was given.
 * @property {string | null} fingerprint SHA-256 of the root that was pinned by the person.
 * @property {Record<string, Uint8Array>} stored Verified metadata, by the core's keys.
 */
/** @typedef {"fingerprint" | "first use"} Pinned */
/** @typedef {{version: string, sha256: string, pinned: Pinned}} SignedOffer */

const FIRST_ROOT = "tuf/1.root.json";
const MAX_ROOT_BYTES = 512_000;

/**
 * Return what the publisher signed for a pack; null if the server is unsigned and was never signed.
 *
 * @param {string} server
 * @param {string} name
 * @param {{fingerprint: string | null, firstUse: boolean}} given By the person: the publisher's fingerprint, and whether the
 *   server's first root may be believed without one.
 * @param {AbortSignal} signal
 * @returns {Promise<SignedOffer | null>}
 * @throws {AppError} `first-use`: the server is signed, nothing is pinned, and neither was given. `detail` is its fingerprint.
 */
export async function signedOffer(server, name, given, signal) {
  const trust = await pinnedTrust(server, given, signal);
  if (!trust) return null;
  const target = await trustedTarget({
    name,
    now: new Date(),
    pinned: trust.fingerprint ? { fingerprint: trust.fingerprint } : { bytes: /** @type {Uint8Array} */ (trust.root) },
    stored: trust.stored,
    fetchFile: (path, maxBytes) => fetchIfThere(new URL(path, server).href, maxBytes, signal),
    keep: async (key, bytes) => {
      if (bytes) trust.stored[key] = bytes;
      else delete trust.stored[key];
      await keep("trust", trust);
    },
  });
  if (!target) throw new AppError("pack-not-found", `${server}: its publisher offers no pack ${name}`);
  await keep("trust", trust);
  return { version: target.version, sha256: target.sha256, pinned: trust.fingerprint ? "fingerprint" : "first use" };
}

/**
 * @param {string} server
 * @param {{fingerprint: string | null, firstUse: boolean}} given
 * @param {AbortSignal} signal
 * @returns {Promise<Trust | null>}
 */
async function pinnedTrust(server, { fingerprint, firstUse }, signal) {
  const known = /** @type {Trust | undefined} */ (await oneOf("trust", server));
  if (known) return fingerprint ? confirmed(known, fingerprint) : known;
  if (fingerprint) return { server, root: null, fingerprint, stored: {} };
  const root = await fetchIfThere(new URL(FIRST_ROOT, server).href, MAX_ROOT_BYTES, signal);
  if (root && !firstUse) throw new AppError("first-use", `${server}: is signed, and no fingerprint was given`, await sha256Of(root));
  return root && { server, root, fingerprint: null, stored: {} };
}

/**
 * Return a server's trust with the fingerprint that the person gave. A link cannot change the pinned publisher.
 *
 * @param {Trust} known
 * @param {string} fingerprint
 * @returns {Promise<Trust>}
 */
async function confirmed(known, fingerprint) {
  if (known.fingerprint === fingerprint) return known;
  const roots = [known.root, known.stored.root].filter((root) => root !== null && root !== undefined);
  for (const root of roots) if ((await sha256Of(/** @type {Uint8Array<ArrayBuffer>} */ (root))) === fingerprint) return { ...known, fingerprint };
  throw new AppError("other-publisher", `${known.server}: another publisher is pinned than ${fingerprint}`);
}
