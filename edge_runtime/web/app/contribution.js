// @ts-check
/** The contribution file: taught things for the maker of a pack. `edge_runtime/taught/contribution_file.py` reads it. */

/** @typedef {import("./background/taught_store.js").TaughtRecord} TaughtRecord */

const CHUNK = 0x8000; // arguments of one call

/**
 * Return the file. It holds names, notes and pictures, and no positions.
 *
 * @param {TaughtRecord[]} records Of one pack, at least one.
 * @param {{by: string, licence: string}} credit
 * @returns {Promise<Blob>}
 */
export async function contributionFile(records, { by, licence }) {
  const [{ pack, packVersion }] = records;
  const things = [];
  for (const { id, name, note, taughtAt, pictures } of records) {
    const written = [];
    for (const { sha256, jpeg } of pictures) written.push({ sha256, jpeg: base64(new Uint8Array(await jpeg.arrayBuffer())) });
    things.push({ id, name, note, taught_utc: new Date(taughtAt).toISOString(), pictures: written });
  }
  const document = { kind: "edge-identify contribution", schema: 1, created_utc: new Date().toISOString(), pack: { name: pack, version: packVersion }, by, licence, things };
  return new Blob([JSON.stringify(document)], { type: "application/json" });
}

/** @param {Uint8Array} bytes */
export function base64(bytes) {
  let letters = "";
  for (let at = 0; at < bytes.length; at += CHUNK) letters += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(letters);
}

/** @param {string} typed @returns {string} Without control characters, which no reader accepts. */
export function plainWords(typed) {
  return typed.replace(/(?!\n)\p{C}/gu, "").trim();
}
