// @ts-check
/// <reference lib="webworker" />
/** The worker: answers the page's calls one after the other, so that the page never waits for arithmetic. */

import { AppError, codeOf } from "../app_error.js";
import { forgetIdentifier, identifierFor, selfTest } from "./identifiers.js";
import { goBack, installPack, offeredPacks, removePack } from "./pack_store.js";
import { decodePhoto } from "./photo_decoding.js";
import { forgetTaught, taughtBeside, teach } from "./taught_store.js";

/** @typedef {{signal: AbortSignal, onProgress: (progress: any) => void}} Call */

/** @type {Map<number, AbortController>} */
const running = new Map();
const port = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** @type {Record<string, (values: any, call: Call) => Promise<any>>} */
const METHODS = {
  offered: async ({ server }, { signal }) => (await offeredPacks(server, signal)).map(offer),
  install: ({ server, name, fingerprint, firstUse }, call) => installPack(server, name, { ...call, selfTest, fingerprint, firstUse }),
  goBack: async ({ name }) => {
    forgetIdentifier();
    await goBack(name);
  },
  remove: async ({ name }) => {
    forgetIdentifier();
    await removePack(name);
  },
  warm: async ({ pack }) => void (pack && (await identifierFor(pack))),
  identify,
  teach,
  forgetTaught: ({ id, hashes }) => forgetTaught(id, hashes),
  withPictures: async ({ pack, answer }) => (await withThumbnails(await identifierFor(pack), answer)).answer,
  search: async ({ pack, query, topK }) => {
    const identifier = await identifierFor(pack);
    return withThumbnails(identifier, await identifier.search(query, { topK }));
  },
  compare: async ({ pack, photo, region, match }) => {
    const identifier = await identifierFor(pack);
    return identifier.compare(await decodePhoto(photo, region), match, {});
  },
};

/**
 * Identify photos: each by itself, or all as one thing.
 *
 * @param {{pack: string, photos: {photo: Blob, region: any, name: string}[], together: boolean, position: any, topK: number}} values
 * @param {Call} call
 */
async function identify({ pack, photos, together, position, topK }, { onProgress }) {
  onProgress({ step: "open" });
  const identifier = await identifierFor(pack);
  const options = { topK, position };
  if (together) {
    const images = [];
    for (const { photo, region } of photos) images.push(await decodePhoto(photo, region));
    onProgress({ step: "identify", done: 0 });
    return [await withThumbnails(identifier, await identifier.identifyTogether(images, options))];
  }
  const answers = [];
  for (const { photo, region } of photos) {
    onProgress({ step: "identify", done: answers.length });
    answers.push(await oneAnswer(identifier, photo, region, options, photos.length > 1));
  }
  return answers;
}

/**
 * @param {any} identifier
 * @param {Blob} photo
 * @param {any} region
 * @param {object} options
 * @param {boolean} isBatch In a batch, a photo that cannot be used does not end the others.
 */
async function oneAnswer(identifier, photo, region, options, isBatch) {
  try {
    return await withThumbnails(identifier, await identifier.identify(await decodePhoto(photo, region), options));
  } catch (error) {
    if (!isBatch) throw error;
    return { error: described(error) };
  }
}

/** Add the picture of each match, if there is one. @param {any} identifier @param {any} answer */
async function withThumbnails(identifier, answer) {
  for (const match of answer.matches) {
    if (match.own) {
      match.thumbnail = await taughtPicture(match);
      continue;
    }
    const webp = await identifier.thumbnail(match);
    match.thumbnail = webp ? new Blob([webp], { type: "image/webp" }) : null;
  }
  return { answer };
}

/** @param {any} match @returns {Promise<Blob | null>} */
async function taughtPicture(match) {
  const records = await taughtBeside(match.pack);
  const pictures = records.flatMap(({ id, pictures: kept }) => kept.map(({ jpeg }) => ({ id, jpeg })));
  const nearest = pictures[-1 - match.index_id]; // as `giveTaught` numbers them; others may have been taught since
  return (nearest?.id === match.id ? nearest : pictures.find(({ id }) => id === match.id))?.jpeg ?? null;
}

/** @param {any} pack */
function offer({ name, title, newest }) {
  return { name, title, version: newest.version, bytes: newest.sizeBytes, publishedUtc: newest.publishedUtc, manifestSha256: newest.manifest.sha256 };
}

/** @param {unknown} error */
function described(error) {
  const detail = error instanceof AppError ? error.detail : "";
  return { code: codeOf(error), message: error instanceof Error ? error.message : String(error), detail };
}

port.onmessage = async (/** @type {MessageEvent} */ event) => {
  const { id, method, values, cancel } = event.data;
  if (cancel) return running.get(id)?.abort();
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const onProgress = (/** @type {any} */ progress) => port.postMessage({ id, progress });
    port.postMessage({ id, result: await METHODS[method](values, { signal: controller.signal, onProgress }) });
  } catch (error) {
    port.postMessage({ id, error: described(error) });
  } finally {
    running.delete(id);
  }
};
