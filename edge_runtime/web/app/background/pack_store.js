// @ts-check
/// <reference lib="webworker" />
/**
 * The packs on this device: installing, updating, removing and reading them.
 *
 * A new version is fetched beside the active one, every hash checked, and its photos tried. Only then its record is
 * written, in one transaction. A failure at any point leaves the installed version as it was. The version before is
 * kept until the next update.
 */

import { blobPath, filesFor, manifestPath, parseListing, parseManifest, variantsToKeep } from "../../core/index.js";
import { AppError } from "../app_error.js";
import { allOf, keep, oneOf, remove } from "../database.js";
import { BlobStore, sha256Of } from "./blob_store.js";
import { fetchBlob, fetchDocument } from "./download.js";
import { signedOffer } from "./trust.js";

/** @typedef {{path: string, lengthBytes: number, sha256: string}} FileEntry */
/**
 * @typedef {object} InstalledVersion
 * @property {string} version
 * @property {string} title
 * @property {Uint8Array<ArrayBuffer>} manifest The bytes of `pack.json`.
 * @property {string} manifestSha256
 * @property {FileEntry[]} files Those that this device keeps.
 * @property {string} source Address of the server.
 * @property {import("./trust.js").Pinned | null} signed How the publisher's key was pinned; null if the server is unsigned.
 * @property {number} installedAt Milliseconds since 1970.
 */
/** @typedef {InstalledVersion & {name: string, previous: InstalledVersion | null}} InstalledPack */
/** @typedef {(progress: {step: "listing" | "files" | "self-test", bytes?: number, total?: number}) => void} OnProgress */
/** @typedef {(files: {read: (path: string) => Promise<Uint8Array<ArrayBuffer>>}) => Promise<void>} SelfTest */

const LOCK = "edge-identify-packs";
const MAX_LISTING_BYTES = 8 * 2 ** 20; // as in Python
const MAX_MANIFEST_BYTES = 4 * 2 ** 20;
const SPARE_BYTES = 5e6; // beside the files: history, and the browser's own

/** @returns {Promise<InstalledPack[]>} By name. */
async function installedPacks() {
  return /** @type {InstalledPack[]} */ (await allOf("packs"));
}

/**
 * Return the packs that a server offers.
 *
 * @param {string} server Address of the published tree, with a slash at its end.
 * @param {AbortSignal} signal
 */
export async function offeredPacks(server, signal) {
  return parseListing(await fetchDocument(new URL("packs.json", server).href, MAX_LISTING_BYTES, signal));
}

/**
 * Install the newest version of a pack. Nothing is fetched twice.
 *
 * @param {string} server
 * @param {string} name
 * @param {{signal: AbortSignal, onProgress: OnProgress, selfTest: SelfTest, fingerprint?: string | null, firstUse?: boolean}} options
 */
export async function installPack(server, name, { signal, onProgress, selfTest, fingerprint = null, firstUse = false }) {
  return onlyWriter(async () => {
    onProgress({ step: "listing" });
    const fresh = await fetchVersion(server, name, { fingerprint, firstUse }, signal);
    const before = /** @type {InstalledPack | undefined} */ (await oneOf("packs", name));
    refuseOlder(before, fresh);
    const store = await BlobStore.open();
    await checkFits(store, fresh.files);
    await fetchFiles(store, server, fresh.files, signal, onProgress);
    onProgress({ step: "self-test" });
    await selfTest(readerOf(store, fresh));
    const pack = { ...fresh, name, previous: before && before.version !== fresh.version ? versionOf(before) : (before?.previous ?? null) };
    await keep("packs", pack);
    await removeUnused(store);
  });
}

/** @param {string} name */
export async function removePack(name) {
  await onlyWriter(async () => {
    const pack = /** @type {InstalledPack | undefined} */ (await oneOf("packs", name));
    await remove("packs", name);
    const others = await installedPacks();
    if (pack && !others.some(({ source }) => source === pack.source)) await remove("trust", pack.source);
    await removeUnused(await BlobStore.open());
  });
}

/**
 * Make the version before the active one again. It was checked when it was installed.
 *
 * @param {string} name
 */
export async function goBack(name) {
  await onlyWriter(async () => {
    const pack = /** @type {InstalledPack | undefined} */ (await oneOf("packs", name));
    if (!pack?.previous) throw new AppError("pack-not-found", `${name}: has no version before`);
    await keep("packs", { ...pack.previous, name, previous: versionOf(pack) });
  });
}

/**
 * Return the files of an installed pack; each is checked when it is read.
 *
 * @param {string} name
 */
export async function openInstalled(name) {
  const pack = /** @type {InstalledPack | undefined} */ (await oneOf("packs", name));
  if (!pack) throw new AppError("pack-not-found", `${name}: is not installed`);
  if ((await sha256Of(pack.manifest)) !== pack.manifestSha256) throw new AppError("pack-damaged", `${name}: its manifest was changed`);
  return { pack, files: readerOf(await BlobStore.open(), pack) };
}

/** @param {BlobStore} store @param {InstalledVersion} version */
function readerOf(store, version) {
  const entries = new Map(version.files.map((entry) => [entry.path, entry]));
  return {
    /** @param {string} path @returns {Promise<Uint8Array<ArrayBuffer>>} */
    read: async (path) => {
      if (path === "pack.json") return version.manifest;
      const entry = entries.get(path);
      if (!entry) throw new AppError("pack-damaged", `${path}: is not a file of this pack`);
      return store.read(entry);
    },
  };
}

/**
 * @param {string} server
 * @param {string} name
 * @param {{fingerprint: string | null, firstUse: boolean}} given By the person; see `signedOffer`.
 * @param {AbortSignal} signal
 * @returns {Promise<InstalledVersion>}
 */
async function fetchVersion(server, name, given, signal) {
  const signed = await signedOffer(server, name, given, signal);
  const newest = signed ?? (await listedOffer(server, name, signal));
  const path = manifestPath(name, newest.version);
  const manifest = await fetchDocument(new URL(path, server).href, MAX_MANIFEST_BYTES, signal);
  const found = await sha256Of(manifest);
  if (found !== newest.sha256) throw new AppError("tampered", `${path}: expected SHA-256 ${newest.sha256}, found ${found}`);
  const parsed = parseManifest(manifest, path);
  if (parsed.name !== name || parsed.version !== newest.version) throw new AppError("tampered", `${path}: is the manifest of ${parsed.name} ${parsed.version}`);
  return {
    signed: signed?.pinned ?? null,
    version: parsed.version,
    title: parsed.title,
    manifest,
    manifestSha256: found,
    files: [...filesFor(parsed, variantsToKeep(parsed))],
    source: server,
    installedAt: Date.now(),
  };
}

/** What an unsigned server lists. @param {string} server @param {string} name @param {AbortSignal} signal */
async function listedOffer(server, name, signal) {
  const newest = (await offeredPacks(server, signal)).find((pack) => pack.name === name)?.newest;
  if (!newest) throw new AppError("pack-not-found", `${server}: offers no pack ${name}`);
  return { version: newest.version, sha256: newest.manifest.sha256 };
}

/** @param {InstalledPack | undefined} before @param {InstalledVersion} fresh */
function refuseOlder(before, fresh) {
  if (before?.version === fresh.version && before.manifestSha256 !== fresh.manifestSha256) {
    throw new AppError("tampered", `version ${fresh.version} has another manifest than the installed one; a version never changes`);
  }
  if (before && compareVersions(fresh.version, before.version) < 0) {
    throw new AppError("older-version", `the server offers ${fresh.version}; ${before.version} is installed`);
  }
}

/** @param {string} first @param {string} second @returns {number} Below 0 if the first is older. */
export function compareVersions(first, second) {
  const [left, right] = [first, second].map((version) => version.split(".").map(Number));
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/** @param {BlobStore} store @param {FileEntry[]} files */
async function checkFits(store, files) {
  let missing = 0;
  for (const entry of files) missing += entry.lengthBytes - Math.min(await store.sizeOf(entry.sha256), entry.lengthBytes);
  const { quota, usage } = await navigator.storage.estimate();
  const free = (quota ?? Infinity) - (usage ?? 0);
  if (missing > 0 && missing + SPARE_BYTES > free) throw new AppError("storage-full", `${missing} bytes are missing, and ${free} are free`);
}

/**
 * @param {BlobStore} store
 * @param {string} server
 * @param {FileEntry[]} files
 * @param {AbortSignal} signal
 * @param {OnProgress} onProgress
 */
async function fetchFiles(store, server, files, signal, onProgress) {
  const different = [...new Map(files.map((entry) => [entry.sha256, entry])).values()];
  const total = different.reduce((sum, entry) => sum + entry.lengthBytes, 0);
  let done = 0;
  for (const entry of different) {
    const url = new URL(blobPath(entry.sha256), server).href;
    await fetchBlob(store, url, entry, signal, (bytes) => onProgress({ step: "files", bytes: done + bytes, total }));
    done += entry.lengthBytes;
  }
}

/** @param {BlobStore} store */
async function removeUnused(store) {
  const packs = await installedPacks();
  const versions = packs.flatMap((pack) => (pack.previous ? [pack, pack.previous] : [pack]));
  await store.removeOthers(new Set(versions.flatMap((version) => version.files.map((entry) => entry.sha256))));
}

/** @param {InstalledPack} pack @returns {InstalledVersion} */
function versionOf({ version, title, manifest, manifestSha256, files, source, signed, installedAt }) {
  return { version, title, manifest, manifestSha256, files, source, signed, installedAt };
}

/**
 * Run work that changes packs, in one tab at a time.
 *
 * @template Result
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
async function onlyWriter(work) {
  return navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
    if (!lock) throw new AppError("busy", "another tab of this app installs or removes a pack");
    return work();
  });
}
