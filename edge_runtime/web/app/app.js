// @ts-check
/** What all screens share: the worker, the installed packs, the settings, and showing errors. */

import { codeOf } from "./app_error.js";
import { allOf } from "./database.js";
import { announce, element } from "./dom.js";
import { changeSettings, readSettings } from "./settings.js";
import { errorText, text } from "./texts.js";

/** @typedef {{name: string, title: string, version: string, bytes: number, source: string, signed: "fingerprint" | "first use" | null, installedAt: number, previousVersion: string | null}} InstalledPack */

export class App {
  /** @param {import("./worker_client.js").WorkerClient} worker */
  constructor(worker) {
    this.worker = worker;
    this.settings = readSettings();
    /** @type {InstalledPack[]} */
    this.packs = [];
    /** The address of the packs that this app's own server offers: one level above the app. */
    this.server = new URL("../", new URL("./", document.baseURI)).href;
  }

  /** Read the installed packs again. */
  async refresh() {
    this.packs = (await allOf("packs")).map(summary);
  }

  /** @returns {Promise<import("./background/taught_store.js").TaughtRecord[]>} What was taught on this device, oldest first. */
  async taught() {
    return (await allOf("taught")).sort((one, other) => one.taughtAt - other.taughtAt);
  }

  /** @returns {InstalledPack | null} The pack that answers. */
  get pack() {
    return this.packs.find((pack) => pack.name === this.settings.pack) ?? this.packs[0] ?? null;
  }

  /** @param {Partial<import("./settings.js").Settings>} changes */
  change(changes) {
    this.settings = changeSettings(changes);
  }
}

/** @param {any} record A pack as the worker recorded it. @returns {InstalledPack} */
function summary({ name, title, version, files, source, signed, installedAt, previous }) {
  const bytes = files.reduce((/** @type {number} */ sum, /** @type {any} */ entry) => sum + entry.lengthBytes, 0);
  return { name, title, version, bytes, source, signed, installedAt, previousVersion: previous?.version ?? null };
}

/**
 * Return an error for people: what happened, what to do, and the details for a report.
 *
 * @param {unknown} error
 */
export function errorBox(error) {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const words = errorText(code) ?? text("error.unexpected");
  announce(words);
  return element(
    "div",
    { class: "notice bad", role: "alert" },
    element("p", {}, element("strong", {}, words)),
    element("details", {}, element("summary", {}, text("details")), element("p", { class: "small" }, `${code}: ${message}`)),
  );
}

/**
 * Return a choice of the pack that answers; nothing if there is only one.
 *
 * @param {App} app
 * @param {() => void} onChange
 */
export function packChoice(app, onChange) {
  if (app.packs.length < 2) return null;
  const options = app.packs.map((pack) => element("option", { value: pack.name, selected: pack === app.pack }, pack.title));
  const choice = element("select", { id: "pack-choice", onchange: () => { app.change({ pack: choice.value }); onChange(); } }, ...options);
  return element("div", { class: "field" }, element("label", { for: "pack-choice" }, text("pack")), choice);
}

/** Where there is no pack yet. @returns {HTMLElement} */
export function noPackBox() {
  return element(
    "div",
    { class: "notice" },
    element("p", {}, element("strong", {}, text("no-pack"))),
    element("p", {}, text("no-pack.why")),
    element("a", { class: "button primary", href: "#packs" }, text("no-pack.do")),
  );
}
