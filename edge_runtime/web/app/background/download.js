// @ts-check
/// <reference lib="webworker" />
/** Fetching one file into the store: with resume, a limit on its length, patience, and a check of its hash. */

import { AppError } from "../app_error.js";

/** @typedef {import("./blob_store.js").BlobStore} BlobStore */
/** @typedef {{path: string, lengthBytes: number, sha256: string}} FileEntry */

const PAUSES_MS = [500, 1000, 2000]; // between attempts that brought nothing; a server restarts in that time

/**
 * Fetch a small document.
 *
 * @param {string} url
 * @param {number} maxBytes
 * @param {AbortSignal} signal
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function fetchDocument(url, maxBytes, signal) {
  const data = await fetchIfThere(url, maxBytes, signal);
  if (!data) throw new AppError("no-pack-server", `${url}: is not there`);
  return data;
}

/**
 * Fetch a small document; null if the server has none.
 *
 * @param {string} url
 * @param {number} maxBytes
 * @param {AbortSignal} signal
 * @returns {Promise<Uint8Array<ArrayBuffer> | null>}
 */
export async function fetchIfThere(url, maxBytes, signal) {
  const response = await reached(url, {}, signal);
  if (response.status === 404 || response.status === 403) return null;
  if (!response.ok) throw new AppError("server-refused", `${url}: status ${response.status}`);
  if ((response.headers.get("Content-Type") ?? "").startsWith("text/html")) throw new AppError("no-pack-server", `${url}: a web page, not a list of packs`);
  const parts = [];
  let length = 0;
  for await (const part of chunks(response)) {
    length += part.length;
    if (length > maxBytes) throw new AppError("no-pack-server", `${url}: longer than ${maxBytes} bytes`);
    parts.push(part);
  }
  return joined(parts, length);
}

/**
 * Fetch a file of a pack into the store. What arrived before is kept and continued.
 *
 * @param {BlobStore} store
 * @param {string} url
 * @param {FileEntry} entry
 * @param {AbortSignal} signal
 * @param {(bytes: number) => void} onBytes Called with the bytes of this file that are here.
 */
export async function fetchBlob(store, url, entry, signal, onBytes) {
  await arrive(store, url, entry, signal, onBytes);
  try {
    await store.read(entry);
  } catch (error) {
    await store.remove(entry.sha256); // damaged on the way or here: the next try begins anew
    throw error instanceof AppError ? new AppError("tampered", error.message) : error;
  }
}

/** @type {typeof fetchBlob} */
async function arrive(store, url, entry, signal, onBytes) {
  let failures = 0;
  for (;;) {
    const before = await startOf(store, entry);
    onBytes(before);
    if (before === entry.lengthBytes) return;
    try {
      await append(store, url, entry, before, signal, onBytes);
    } catch (error) {
      if (!isPassing(error, signal)) throw error;
      failures = (await store.sizeOf(entry.sha256)) > before ? 0 : failures + 1;
      if (failures > PAUSES_MS.length) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[Math.max(0, failures - 1)]));
    }
  }
}

/** @param {BlobStore} store @param {FileEntry} entry @returns {Promise<number>} */
async function startOf(store, entry) {
  const size = await store.sizeOf(entry.sha256);
  if (size <= entry.lengthBytes) return size;
  await store.remove(entry.sha256);
  return 0;
}

/**
 * @param {BlobStore} store
 * @param {string} url
 * @param {FileEntry} entry
 * @param {number} start
 * @param {AbortSignal} signal
 * @param {(bytes: number) => void} onBytes
 */
async function append(store, url, entry, start, signal, onBytes) {
  const response = await reached(url, start ? { Range: `bytes=${start}-` } : {}, signal);
  if (!response.ok) throw new AppError("server-refused", `${url}: status ${response.status}`);
  let at = response.status === 206 ? start : 0;
  const writer = await store.writer(entry.sha256, at);
  try {
    for await (const part of chunks(response)) {
      at += part.length;
      if (at > entry.lengthBytes) throw new AppError("tampered", `${entry.path}: longer than ${entry.lengthBytes} bytes`);
      writer.append(part);
      onBytes(at);
    }
  } finally {
    writer.close();
  }
}

/** @param {string} url @param {Record<string, string>} headers @param {AbortSignal} signal */
async function reached(url, headers, signal) {
  try {
    return await fetch(url, { headers, signal, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" });
  } catch (error) {
    if (signal.aborted) throw new AppError("cancelled", "stopped by the person");
    throw new AppError("no-network", `${url}: ${error instanceof Error ? error.message : error}`);
  }
}

/** @param {Response} response */
async function* chunks(response) {
  if (!response.body) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw new AppError("cancelled", "stopped by the person");
    throw new AppError("no-network", `the connection broke off (${error instanceof Error ? error.message : error})`);
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** @param {unknown} error @param {AbortSignal} signal */
function isPassing(error, signal) {
  return !signal.aborted && error instanceof AppError && error.code === "no-network";
}

/** @param {Uint8Array[]} parts @param {number} length */
function joined(parts, length) {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
