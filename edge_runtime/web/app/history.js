// @ts-check
/** The history: answers with their photos, notes and corrections, on this device alone. */

import { allOf, keep, oneOf, remove, removeAll } from "./database.js";

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {number} askedAt Milliseconds since 1970.
 * @property {{name: string, version: string}} pack
 * @property {any} answer The answer's JSON, without pictures.
 * @property {Blob[]} photos
 * @property {{x: number, y: number, width: number, height: number} | null} region
 * @property {{latitude: number, longitude: number, accuracyM: number | null} | null} position
 * @property {string} note
 * @property {{kind: "reference", id: string, name: string} | {kind: "new", name: string, taught?: {id: string, added: string[]}} | null} correction
 */

/**
 * Keep an answer.
 *
 * @param {Omit<Entry, "id" | "askedAt" | "note" | "correction">} asked
 * @returns {Promise<string>} Its id.
 */
export async function remember(asked) {
  const id = crypto.randomUUID();
  await keep("history", { ...asked, answer: plainAnswer(asked.answer), id, askedAt: Date.now(), note: "", correction: null });
  return id;
}

/** @param {any} answer Without the pictures, which the pack has. */
function plainAnswer(answer) {
  return { ...answer, matches: answer.matches.map((/** @type {any} */ { thumbnail: _, ...match }) => match) };
}

/** @returns {Promise<Entry[]>} Newest first. */
export async function history() {
  return /** @type {Entry[]} */ (await allOf("history")).sort((first, second) => second.askedAt - first.askedAt);
}

/** @param {string} id @returns {Promise<Entry | undefined>} */
export const historyEntry = (id) => oneOf("history", id);

/** @param {Entry} entry */
export const changeEntry = (entry) => keep("history", entry);

/** @param {string} id */
export const forget = (id) => remove("history", id);

export const forgetAll = () => removeAll("history");
