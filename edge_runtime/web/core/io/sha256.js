/** SHA-256 by the platform's Web Cryptography. */

import { SetupError } from "../errors.js";

/**
 * @param {Uint8Array} data
 * @returns {Promise<string>} 64 lower-case hexadecimal digits.
 */
export async function sha256(data) {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new SetupError("crypto.subtle is missing; open the page by https:// or on localhost");
  }
  const digest = await subtle.digest("SHA-256", /** @type {Uint8Array<ArrayBuffer>} */ (data));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
