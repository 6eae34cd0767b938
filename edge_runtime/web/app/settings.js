// @ts-check
/** What the person chose, kept on this device. */

/**
 * @typedef {object} Settings
 * @property {string} language "" for the browser's.
 * @property {"" | "light" | "dark"} theme "" for the device's.
 * @property {boolean} usesPosition Whether answers take this device's position into account.
 * @property {boolean} keepsHistory Whether answers are kept.
 * @property {string} pack The pack that answers; "" for the first.
 */

const KEY = "edge-identify-settings";

/** @type {Settings} */
const DEFAULTS = { language: "", theme: "", usesPosition: false, keepsHistory: true, pack: "" };

/** @returns {Settings} */
export function readSettings() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...DEFAULTS }; // no storage (private browsing), or not JSON: the defaults
  }
}

/** @param {Partial<Settings>} changes @returns {Settings} */
export function changeSettings(changes) {
  const settings = { ...readSettings(), ...changes };
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Without storage the choice holds until the page is closed.
  }
  return settings;
}
