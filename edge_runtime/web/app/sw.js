// @ts-check
/// <reference lib="webworker" />
/**
 * Keeps the app on the device: every file of one version, fetched at once, served from the cache alone.
 *
 * The server writes the version and the list of files. Packs are not kept here: they lie in the origin's file system,
 * and requests for them (and for anything outside the app) go past this worker.
 */

const VERSION = "__VERSION__";
/** @type {string[]} */
const FILES = /** @type {any} */ ("__FILES__");
const CACHE = `edge-identify-app-${VERSION}`;
const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

worker.addEventListener("install", (event) => event.waitUntil(fetchAll()));
worker.addEventListener("activate", (event) => event.waitUntil(removeOthers()));
worker.addEventListener("message", (event) => {
  if (event.data === "take over") worker.skipWaiting();
});
worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "GET" && url.href.startsWith(worker.registration.scope)) event.respondWith(answer(event.request));
});

/** Fetch every file of this version; one that is missing ends the installation, and the old version stays. */
async function fetchAll() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((name) => new Request(new URL(name, worker.registration.scope), { cache: "no-cache" })));
}

async function removeOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("edge-identify-app-") && name !== CACHE).map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** @type {Promise<Cache> | null} */
let opened = null;

/** @param {Request} request */
async function answer(request) {
  const cache = await (opened ??= caches.open(CACHE));
  const key = request.mode === "navigate" ? worker.registration.scope : request;
  return (await cache.match(key, { ignoreSearch: true })) ?? fetch(request);
}
