// @ts-check
/** Settings: language, theme, position, history, storage, and what happens with photos. */

import { errorBox } from "../app.js";
import { element } from "../dom.js";
import { devicePosition } from "../places.js";
import { forgetsAfterAWeek, isInstalled } from "../support.js";
import { LANGUAGES, megabytes, setLanguage, text } from "../texts.js";

/** @typedef {import("../app.js").App} App */

const LANGUAGE_NAMES = { en: "English", de: "Deutsch" };

/** @param {App} app @param {() => void} redraw */
export async function settingsScreen(app, redraw) {
  return element(
    "section",
    {},
    element("h1", {}, text("settings")),
    choice("language", text("language"), { "": text("language.device"), ...names() }, app.settings.language, (language) => {
      app.change({ language });
      setLanguage(language);
      redraw();
    }),
    choice("theme", text("theme"), { "": text("theme.device"), light: text("theme.light"), dark: text("theme.dark") }, app.settings.theme, (theme) => {
      app.change({ theme: /** @type {"" | "light" | "dark"} */ (theme) });
      redraw();
    }),
    positionSwitch(app),
    toggle("keeps-history", text("keeps-history"), text("keeps-history.about"), app.settings.keepsHistory, (keepsHistory) => app.change({ keepsHistory })),
    element("h2", {}, text("privacy")),
    element("p", {}, text("privacy.photos")),
    element("p", {}, text("privacy.requests")),
    element("p", {}, text("privacy.no-reports")),
    element("h2", {}, text("storage")),
    ...(await storage()),
    element("h2", {}, text("install-app")),
    element("p", {}, text(isInstalled() ? "install-app.done" : "install-app.how")),
    forgetsAfterAWeek() && element("p", { class: "notice" }, text("safari")),
  );
}

function names() {
  return Object.fromEntries(Object.keys(LANGUAGES).map((tag) => [tag, LANGUAGE_NAMES[/** @type {keyof typeof LANGUAGE_NAMES} */ (tag)]]));
}

/** @param {string} id @param {string} label @param {Record<string, string>} options @param {string} chosen @param {(value: string) => void} onChange */
function choice(id, label, options, chosen, onChange) {
  const made = Object.entries(options).map(([value, words]) => element("option", { value, selected: value === chosen }, words));
  const select = element("select", { id, onchange: () => onChange(select.value) }, ...made);
  return element("div", { class: "field" }, element("label", { for: id }, label), select);
}

/** @param {string} id @param {string} label @param {string} about @param {boolean} isOn @param {(isOn: boolean) => void} onChange */
function toggle(id, label, about, isOn, onChange) {
  const box = element("input", { type: "checkbox", id, checked: isOn, "aria-describedby": `${id}-about`, onchange: () => onChange(box.checked) });
  return element("div", { class: "check" }, box, element("div", {}, element("label", { for: id }, label), element("p", { id: `${id}-about`, class: "small faint" }, about)));
}

/** @param {App} app */
function positionSwitch(app) {
  const place = element("div");
  const change = async (/** @type {boolean} */ isOn) => {
    app.change({ usesPosition: isOn });
    place.replaceChildren();
    if (isOn) await devicePosition().catch((error) => place.replaceChildren(errorBox(error)));
  };
  return element("div", {}, toggle("uses-position", text("uses-position"), text("uses-position.about"), app.settings.usesPosition, change), place);
}

async function storage() {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate().catch(() => ({ usage: 0, quota: 0 }));
  const isKept = (await navigator.storage.persisted?.().catch(() => false)) ?? false;
  const words = element("p", {}, text("storage.used", { used: megabytes(usage), free: megabytes(Math.max(quota - usage, 0)) }));
  const state = element("p", { role: "status" }, text(isKept ? "storage.kept" : "storage.not-kept"));
  const ask = async () => {
    const granted = await navigator.storage.persist?.().catch(() => false);
    state.textContent = text(granted ? "storage.kept" : "storage.refused");
  };
  return [words, state, isKept ? element("span") : element("button", { onclick: ask }, text("storage.keep"))];
}
