// @ts-check
/** The words of the app, in the chosen language. English has every text; other languages are checked against it. */

import { de } from "./texts/de.js";
import { en } from "./texts/en.js";

/** @typedef {keyof typeof en} TextKey */

/** @type {Record<string, Record<TextKey, string>>} */
export const LANGUAGES = { en, de };

let language = "en";

/** @param {string} chosen "" for the browser's language. */
export function setLanguage(chosen) {
  const wanted = [chosen, ...(globalThis.navigator?.languages ?? [])].map((tag) => tag.slice(0, 2));
  language = wanted.find((tag) => tag in LANGUAGES) ?? "en";
  if (globalThis.document) document.documentElement.lang = language;
}

/** @returns {string} */
export function currentLanguage() {
  return language;
}

/**
 * Return a text.
 *
 * @param {TextKey} key
 * @param {Record<string, string | number>} [values] What stands for `{name}` in the text.
 * @returns {string}
 */
export function text(key, values = {}) {
  const template = LANGUAGES[language][key] ?? en[key];
  return template.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** @param {string} code Of an error. @returns {string | null} The text for people, or null. */
export function errorText(code) {
  const key = /** @type {TextKey} */ (`error.${code}`);
  return key in en ? text(key) : null;
}

/** @param {number} bytes @returns {string} */
export function megabytes(bytes) {
  if (bytes >= 1e9) return `${number(bytes / 1e9, 1)} GB`;
  return `${number(bytes / 1e6, bytes < 1e7 ? 1 : 0)} MB`;
}

/** @param {number} value 0 to 1. @returns {string} */
export function percent(value) {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(value);
}

/** @param {number} value @param {number} digits @returns {string} */
export function number(value, digits = 2) {
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** @param {number} metres @returns {string} 40 m, 2.3 km, 510 km */
export function distance(metres) {
  if (metres < 999.5) return `${number(metres, 0)} m`;
  return metres < 9950 ? `${number(metres / 1000, 1)} km` : `${number(metres / 1000, 0)} km`;
}

/** @param {string | number | Date} when @returns {string} */
export function dateTime(when) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(when));
}
