// @ts-check
/** Packs: what this device has, what a server offers, installing with progress, updating and removing. */

import { AppError, codeOf } from "../app_error.js";
import { errorBox } from "../app.js";
import { announce, element } from "../dom.js";
import { isFingerprint, plainFingerprint } from "../qr_codes.js";
import { qrScanner } from "../qr_scanner.js";
import { forgetsAfterAWeek } from "../support.js";
import { dateTime, megabytes, percent, text } from "../texts.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {{name: string, title: string, version: string, bytes: number, publishedUtc: string}} Offer */

/** @type {Record<string, import("../texts.js").TextKey>} */
const SIGNED = { fingerprint: "pack.signed", "first use": "pack.first-use", no: "pack.unsigned" };

/** @param {App} app @param {() => void} redraw */
export async function packsScreen(app, redraw) {
  const offers = element("div", { id: "offers" });
  const screen = element(
    "section",
    {},
    element("h1", {}, text("packs")),
    element("p", { class: "faint" }, text("packs.about")),
    element("h2", {}, text("packs.installed")),
    app.packs.length ? element("ul", { class: "cards" }, ...app.packs.map((pack) => installedCard(app, pack, redraw))) : element("p", {}, text("packs.none")),
    await taughtLine(app),
    await storageLine(),
    forgetsAfterAWeek() && element("p", { class: "notice" }, text("safari")),
    element("h2", {}, text("packs.offered")),
    offers,
    addressForm(app, offers, redraw),
  );
  showOffers(app, askedServer(app), offers, redraw, linked("fingerprint"));
  return screen;
}

/** A link may name another server, `#packs?server=ADDRESS`: what a QR code of a pack holds. @param {App} app */
function askedServer(app) {
  return linked("server") ?? app.server;
}

/** @param {string} name @returns {string | null} What the link gives. */
function linked(name) {
  return new URLSearchParams(location.hash.split("?")[1] ?? "").get(name);
}

/** @param {App} app @param {import("../app.js").InstalledPack} pack @param {() => void} redraw */
function installedCard(app, pack, redraw) {
  const place = element("div");
  const change = async (/** @type {"remove" | "goBack"} */ method) => {
    try {
      await app.worker.call(method, { name: pack.name });
      await app.refresh();
      redraw();
    } catch (error) {
      place.replaceChildren(errorBox(error));
    }
  };
  const remove = () => confirm(text("remove.sure", { title: pack.title })) && change("remove");
  return element(
    "li",
    { class: "card" },
    element("h3", {}, pack.title),
    element("p", { class: "faint" }, text("pack.facts", { name: pack.name, version: pack.version, size: megabytes(pack.bytes) })),
    element("p", { class: "small faint" }, text("pack.from", { source: pack.source, when: dateTime(pack.installedAt) })),
    element("p", { class: "small faint" }, text(SIGNED[pack.signed ?? "no"])),
    element(
      "div",
      { class: "row" },
      element("button", { class: "primary", onclick: () => use(app, pack), "aria-label": text("use.named", { title: pack.title }) }, text("use")),
      pack.previousVersion && element("button", { onclick: () => change("goBack") }, text("go-back", { version: pack.previousVersion })),
      element("button", { onclick: remove, "aria-label": text("remove.named", { title: pack.title }) }, text("remove")),
    ),
    place,
  );
}

/** @param {App} app @param {import("../app.js").InstalledPack} pack */
function use(app, pack) {
  app.change({ pack: pack.name });
  location.hash = "#identify";
}

/** @param {App} app @param {string} server @param {HTMLElement} place @param {() => void} redraw @param {string | null} fingerprint */
async function showOffers(app, server, place, redraw, fingerprint) {
  place.replaceChildren(element("p", { class: "faint" }, text("packs.asking", { server })));
  try {
    /** @type {Offer[]} */
    const offers = await app.worker.call("offered", { server });
    const cards = offers.map((offer) => offerCard(app, server, offer, redraw, fingerprint));
    place.replaceChildren(cards.length ? element("ul", { class: "cards" }, ...cards) : element("p", {}, text("packs.no-offers")));
  } catch (error) {
    const isAway = codeOf(error) === "no-network";
    const isOwn = new URL(server).origin === new URL(app.server).origin;
    const words = element("p", { class: "notice" }, text(isAway ? (isOwn ? "packs.away" : "packs.away.other") : "packs.no-server", { server }));
    place.replaceChildren(isAway ? words : errorBox(error));
  }
}

/** @param {App} app @param {string} server @param {Offer} offer @param {() => void} redraw @param {string | null} fingerprint */
function offerCard(app, server, offer, redraw, fingerprint) {
  const installed = app.packs.find((pack) => pack.name === offer.name);
  const isCurrent = installed?.version === offer.version;
  const place = element("div");
  const word = installed ? text("update.to", { version: offer.version }) : text("install");
  const button = element("button", { class: "primary", onclick: () => install(app, { server, name: offer.name, fingerprint }, offer, button, place, redraw), "aria-label": `${word}: ${offer.title}` }, word);
  return element(
    "li",
    { class: "card" },
    element("h3", {}, offer.title),
    element("p", { class: "faint" }, text("pack.facts", { name: offer.name, version: offer.version, size: megabytes(offer.bytes) })),
    isCurrent ? element("p", { class: "good" }, `✓ ${text("pack.current")}`) : button,
    place,
  );
}

/**
 * @param {App} app
 * @param {{server: string, name: string, fingerprint: string | null, firstUse?: boolean}} what
 * @param {Offer} offer
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} place
 * @param {() => void} redraw
 */
async function install(app, what, offer, button, place, redraw) {
  const stop = new AbortController();
  const bar = element("progress", { max: 1, "aria-label": text("installing") });
  const words = element("p", { class: "small" }, text("installing"));
  place.replaceChildren(bar, words, element("button", { onclick: () => stop.abort() }, text("stop")));
  button.hidden = true;
  announce(text("installing"));
  try {
    await askToKeep();
    await app.worker.call("install", what, { signal: stop.signal, onProgress: (progress) => showProgress(bar, words, progress) });
    await app.refresh();
    announce(text("installed", { title: offer.title }));
    redraw();
  } catch (error) {
    button.hidden = false;
    button.textContent = text(codeOf(error) === "tampered" ? "again" : codeOf(error) === "first-use" ? "install" : "continue");
    button.setAttribute("aria-label", `${button.textContent}: ${offer.title}`);
    const again = (/** @type {object} */ given) => install(app, { ...what, ...given }, offer, button, place, redraw);
    const isAsked = error instanceof AppError && error.code === "first-use";
    button.hidden = isAsked; // the question has its own buttons
    const leave = () => { place.replaceChildren(); button.hidden = false; };
    place.replaceChildren(isAsked ? firstUseBox(what.server, error.detail, again, leave) : errorBox(error));
    place.firstElementChild?.scrollIntoView({ block: "nearest" });
  }
}

/**
 * Ask about a signed server whose publisher nobody has named: is this its fingerprint, or is it to be believed unseen?
 *
 * @param {string} server
 * @param {string} fingerprint
 * @param {(given: {fingerprint?: string, firstUse?: boolean}) => void} again
 * @param {() => void} leave
 */
function firstUseBox(server, fingerprint, again, leave) {
  announce(text("first-use"));
  return element(
    "div",
    { class: "notice", role: "alert" },
    element("p", {}, element("strong", {}, text("first-use"))),
    element("p", {}, text("first-use.compare", { server })),
    element("p", { class: "fingerprint" }, element("code", {}, fingerprint.replace(/(.{8})(?=.)/g, "$1 "))),
    element("p", { class: "small" }, text("first-use.risk")),
    element(
      "div",
      { class: "row" },
      element("button", { class: "primary", onclick: () => again({ fingerprint }) }, text("first-use.same")),
      element("button", { onclick: () => again({ firstUse: true }) }, text("first-use.believe")),
      element("button", { onclick: leave }, text("first-use.leave")),
    ),
  );
}

/** @param {HTMLProgressElement} bar @param {HTMLElement} words @param {{step: string, bytes?: number, total?: number}} progress */
function showProgress(bar, words, { step, bytes = 0, total = 0 }) {
  if (step === "files" && total) {
    bar.value = bytes / total;
    words.textContent = text("installing.bytes", { done: megabytes(bytes), total: megabytes(total), share: percent(bytes / total) });
  } else {
    bar.removeAttribute("value");
    words.textContent = text(step === "self-test" ? "installing.test" : "installing");
  }
}

/** Ask the browser not to remove the packs when storage runs low. */
async function askToKeep() {
  await navigator.storage.persist?.().catch(() => false);
}

/** @param {App} app @param {HTMLElement} offers @param {() => void} redraw */
function addressForm(app, offers, redraw) {
  const address = element("input", { id: "address", type: "url", inputmode: "url", placeholder: "https://packs.example.org/", autocomplete: "url", required: true, "aria-describedby": "address-note" });
  const fingerprint = element("input", { id: "fingerprint", autocomplete: "off", spellcheck: "false", "aria-describedby": "fingerprint-note" });
  const ask = (/** @type {Event} */ event) => {
    fingerprint.setCustomValidity(fingerprint.value && !isFingerprint(fingerprint.value) ? text("fingerprint.wrong") : "");
    if (!fingerprint.reportValidity()) return event.preventDefault();
    event.preventDefault();
    const server = address.value.endsWith("/") ? address.value : `${address.value}/`;
    showOffers(app, server, offers, redraw, plainFingerprint(fingerprint.value));
  };
  const scanner = qrScanner((found) => {
    address.value = found.server;
    fingerprint.value = found.fingerprint ?? "";
    showOffers(app, found.server, offers, redraw, found.fingerprint);
    offers.scrollIntoView({ block: "nearest" });
  });
  return element(
    "details",
    {},
    element("summary", {}, text("packs.other")),
    scanner,
    element(
      "form",
      { onsubmit: ask },
      element("div", { class: "field" }, element("label", { for: "address" }, text("packs.address")), address),
      element("p", { id: "address-note", class: "small faint" }, text("packs.address.note")),
      element("div", { class: "field" }, element("label", { for: "fingerprint" }, text("fingerprint")), fingerprint),
      element("p", { id: "fingerprint-note", class: "small faint" }, text("fingerprint.note")),
      element("button", { type: "submit" }, text("packs.ask")),
    ),
  );
}

/** @param {App} app */
async function taughtLine(app) {
  const { length: count } = await app.taught().catch(() => []);
  return count > 0 && element("p", {}, element("a", { href: "#taught" }, text("taught.line", { count })));
}

async function storageLine() {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate().catch(() => ({ usage: 0, quota: 0 }));
  const isKept = await navigator.storage.persisted?.().catch(() => false);
  const words = text("storage.used", { used: megabytes(usage), free: megabytes(Math.max(quota - usage, 0)) });
  return element("p", { class: "small faint" }, `${words} ${text(isKept ? "storage.kept" : "storage.not-kept")}`);
}
