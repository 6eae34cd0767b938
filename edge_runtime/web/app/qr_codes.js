// @ts-check
/** QR codes of pack servers: reading them, by the browser or by jsQR, and what their text means. */

import { AppError } from "./app_error.js";

/** @typedef {HTMLVideoElement | ImageBitmap} Picture */
/** @typedef {{server: string, fingerprint: string | null}} PackServer */

const JSQR = new URL("../vendor/jsQR.js", import.meta.url).href;
const MOST_SIDE_PX = 800; // a code that fills a third of the picture still has some pixels for each of its squares
const FINGERPRINT = /^[0-9a-f]{64}$/;

/**
 * Return what reads the text of a QR code; null where there is none in the picture.
 *
 * @returns {Promise<(picture: Picture) => Promise<string | null>>}
 */
export async function qrReader() {
  const Detector = Reflect.get(globalThis, "BarcodeDetector"); // Chrome on Android and macOS has one
  const formats = await Detector?.getSupportedFormats?.().catch(() => []);
  if (formats?.includes("qr_code")) {
    const detector = new Detector({ formats: ["qr_code"] });
    return async (picture) => (await detector.detect(picture).catch(() => []))[0]?.rawValue ?? null;
  }
  await import(JSQR).catch((error) => { throw new AppError("no-qr-reader", `jsQR cannot be loaded (${error instanceof Error ? error.message : error})`); });
  const read = Reflect.get(globalThis, "jsQR");
  return async (picture) => {
    const { data, width, height } = pixelsOf(picture);
    return width ? (read(data, width, height)?.data ?? null) : null;
  };
}

/** @param {Picture} picture @returns {{data: Uint8ClampedArray, width: number, height: number}} Reduced. */
function pixelsOf(picture) {
  const [wide, high] = picture instanceof HTMLVideoElement ? [picture.videoWidth, picture.videoHeight] : [picture.width, picture.height];
  if (!wide || !high) return { data: new Uint8ClampedArray(), width: 0, height: 0 }; // the camera has not started yet
  const scale = Math.min(1, MOST_SIDE_PX / Math.max(wide, high));
  const [width, height] = [Math.max(1, Math.round(scale * wide)), Math.max(1, Math.round(scale * high))];
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new AppError("no-memory", `no canvas of ${width} x ${height}`);
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/**
 * Return the server that a code names: by a link to an app, `.../app/#packs?server=ADDRESS&fingerprint=HEX`, or by its
 * address.
 *
 * @param {string} text
 * @returns {PackServer}
 */
export function packServerOf(text) {
  const link = URL.parse ? URL.parse(text) : parsed(text);
  if (!link || !/^https?:$/.test(link.protocol)) throw new AppError("no-pack-code", `the code says ${JSON.stringify(text.slice(0, 100))}`);
  const values = new URLSearchParams(link.hash.split("?")[1] ?? "");
  const isApp = /\/app\/?$/.test(link.pathname);
  const server = values.get("server") ?? (isApp ? new URL("../", `${link.origin}${link.pathname.replace(/\/?$/, "/")}`).href : `${link.origin}${link.pathname}`);
  const fingerprint = values.get("fingerprint");
  if (fingerprint !== null && !FINGERPRINT.test(plainFingerprint(fingerprint) ?? "")) {
    throw new AppError("no-pack-code", `the code's fingerprint is ${JSON.stringify(fingerprint.slice(0, 100))}`);
  }
  return { server: server.endsWith("/") ? server : `${server}/`, fingerprint: plainFingerprint(fingerprint ?? "") };
}

/** @param {string} text */
function parsed(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** @param {string} typed @returns {string | null} Without spaces and colons, in lower case; null for nothing. */
export function plainFingerprint(typed) {
  return typed.replace(/[\s:]/g, "").toLowerCase() || null;
}

/** @param {string} typed @returns {boolean} */
export const isFingerprint = (typed) => FINGERPRINT.test(plainFingerprint(typed) ?? "");
