// @ts-check
/** Whether this browser can run the app. */

/** @returns {string[]} What it lacks; empty if it can. */
export function missingFeatures() {
  const features = {
    WebAssembly: typeof WebAssembly === "object",
    "Web Crypto": globalThis.crypto?.subtle !== undefined,
    "Service Worker": "serviceWorker" in navigator,
    IndexedDB: "indexedDB" in globalThis,
    "Origin Private File System": navigator.storage?.getDirectory !== undefined,
    "Web Locks": "locks" in navigator,
    OffscreenCanvas: "OffscreenCanvas" in globalThis,
  };
  return Object.entries(features)
    .filter(([, isThere]) => !isThere)
    .map(([name]) => name);
}

/** Whether this is Safari, or any browser of an iPhone or iPad: they remove an unused site's files after seven days. */
export function forgetsAfterAWeek() {
  const agent = navigator.userAgent;
  return /iPhone|iPad|Macintosh/.test(agent) && /Safari\//.test(agent) && !/Chrome|Chromium/.test(agent) && !isInstalled();
}

/** @returns {boolean} Whether the app was opened from the home screen or the dock. */
export function isInstalled() {
  return matchMedia("(display-mode: standalone)").matches || Reflect.get(navigator, "standalone") === true;
}
