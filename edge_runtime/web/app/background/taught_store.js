// @ts-check
/// <reference lib="webworker" />
/**
 * What a person taught on this device, beside each pack: kept pictures and their embeddings, in IndexedDB.
 *
 * Embeddings and points are always made from the kept picture, a JPEG without metadata. A pack with another embedding
 * space gets embeddings of its own. Neither an update nor a removal of the pack touches what was taught.
 */

import { AppError } from "../app_error.js";
import { allOf, keep, oneOf, remove } from "../database.js";
import { sha256Of } from "./blob_store.js";
import { decodePhoto } from "./photo_decoding.js";

/** @typedef {import("./photo_decoding.js").Region} Region */
/** @typedef {{sha256: string, jpeg: Blob, embeddings: Record<string, Float32Array>}} TaughtPicture By embedding space. */
/**
 * @typedef {object} TaughtRecord
 * @property {string} id Begins with `own:`.
 * @property {string} pack The pack beside which it was taught.
 * @property {string} packVersion Its version then.
 * @property {string} name
 * @property {string} note
 * @property {number} taughtAt Milliseconds since 1970.
 * @property {TaughtPicture[]} pictures
 */

const SIDE_PX = 1024; // as in Python
const QUALITY = 0.9;
const MAX_PICTURES = 1000; // each is compared with every photo
const MAX_SPACES = 4;

/** @param {string} pack @returns {Promise<TaughtRecord[]>} Oldest first. */
export async function taughtBeside(pack) {
  const all = /** @type {TaughtRecord[]} */ (await allOf("taught"));
  return all.filter((record) => record.pack === pack).sort((one, other) => one.taughtAt - other.taughtAt || (one.id < other.id ? -1 : 1));
}

/**
 * Keep photos of a thing. A name that is known beside the pack already gets them as further pictures.
 *
 * @param {{pack: string, packVersion: string, name: string, note: string, photos: {photo: Blob, region: Region | null}[]}} thing
 * @returns {Promise<{id: string, added: string[]}>} `added`: the hashes of the new pictures.
 */
export async function teach({ pack, packVersion, name, note, photos }) {
  const pictures = [];
  for (const { photo, region } of photos) pictures.push(await keptPicture(photo, region));
  const records = await taughtBeside(pack);
  const count = records.reduce((sum, record) => sum + record.pictures.length, pictures.length);
  if (count > MAX_PICTURES) throw new AppError("taught-full", `${count} pictures beside ${pack}`);
  const known = records.find((record) => record.name === name);
  const fresh = pictures.filter(({ sha256 }) => !known?.pictures.some((one) => one.sha256 === sha256));
  const record = known ?? { id: `own:${crypto.randomUUID()}`, pack, packVersion, name, note, taughtAt: Date.now(), pictures: [] };
  await keep("taught", { ...record, note: note || record.note, pictures: [...record.pictures, ...fresh] });
  return { id: record.id, added: fresh.map(({ sha256 }) => sha256) };
}

/**
 * Forget pictures of a thing, and the thing if no picture is left.
 *
 * @param {string} id
 * @param {string[] | null} hashes The pictures; null for all.
 */
export async function forgetTaught(id, hashes) {
  const record = /** @type {TaughtRecord | undefined} */ (await oneOf("taught", id));
  const left = hashes === null ? [] : (record?.pictures ?? []).filter(({ sha256 }) => !hashes.includes(sha256));
  if (record && left.length) await keep("taught", { ...record, pictures: left });
  else await remove("taught", id);
}

/**
 * Give an identifier what was taught beside its pack. Pictures without an embedding of the pack's space get one.
 *
 * @param {any} identifier
 * @param {TaughtRecord[]} records
 */
export async function giveTaught(identifier, records) {
  const space = identifier.manifests[0].model.spaceId;
  for (const record of records) await embedMissing(identifier, record, space);
  identifier.teach(
    records.map(({ id, name, note, pictures }) => ({
      id,
      name,
      note,
      pictures: pictures.map(({ jpeg, embeddings }) => ({ embedding: embeddings[space], decode: () => decodePhoto(jpeg) })),
    })),
  );
}

/** @param {any} identifier @param {TaughtRecord} record @param {string} space */
async function embedMissing(identifier, record, space) {
  const missing = record.pictures.filter(({ embeddings }) => !embeddings[space]);
  for (const picture of missing) {
    const kept = Object.entries(picture.embeddings).slice(1 - MAX_SPACES);
    picture.embeddings = Object.fromEntries([...kept, [space, await identifier.embedImage(await decodePhoto(picture.jpeg))]]);
  }
  if (missing.length) await keep("taught", record).catch(() => undefined); // it only saves time
}

/** @param {Blob} photo @param {Region | null} region @returns {Promise<TaughtPicture>} */
async function keptPicture(photo, region) {
  const pixels = await decodePhoto(photo, region);
  const whole = new OffscreenCanvas(pixels.width, pixels.height);
  whole.getContext("2d")?.putImageData(new ImageData(/** @type {Uint8ClampedArray<ArrayBuffer>} */ (pixels.data), pixels.width), 0, 0);
  const scale = Math.min(1, SIDE_PX / Math.max(pixels.width, pixels.height));
  const kept = new OffscreenCanvas(Math.max(1, Math.round(scale * pixels.width)), Math.max(1, Math.round(scale * pixels.height)));
  const context = kept.getContext("2d");
  if (!context) throw new AppError("no-memory", `no canvas of ${kept.width} x ${kept.height}`);
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, kept.width, kept.height);
  const jpeg = await kept.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  return { sha256: await sha256Of(new Uint8Array(await jpeg.arrayBuffer())), jpeg, embeddings: {} };
}
