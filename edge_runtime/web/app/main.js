// @ts-check
/** Starts the app: checks the browser, starts the worker, shows the screen that the address names. */

import { App, errorBox } from "./app.js";
import { element, icon } from "./dom.js";
import { historyScreen } from "./screens/history.js";
import { identifyScreen } from "./screens/identify.js";
import { packsScreen } from "./screens/packs.js";
import { searchScreen } from "./screens/search.js";
import { settingsScreen } from "./screens/settings.js";
import { taughtScreen } from "./screens/taught.js";
import { missingFeatures } from "./support.js";
import { setLanguage, text } from "./texts.js";
import { WorkerClient } from "./worker_client.js";

/** @typedef {{key: import("./texts.js").TextKey, icon: string, show: (app: App, redraw: () => void) => HTMLElement | Promise<HTMLElement>}} Screen */

/** @type {Record<string, Screen>} */
const SCREENS = {
  identify: { key: "identify", icon: "M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3M8 12l3 3 5-6", show: identifyScreen },
  search: { key: "search", icon: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13M15.5 15.5 20 20", show: searchScreen },
  history: { key: "history", icon: "M4 12a8 8 0 1 0 3-6.2M4 4v4h4M12 8v4l3 2", show: historyScreen },
  packs: { key: "packs", icon: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5", show: packsScreen },
  taught: { key: "taught", icon: "", show: taughtScreen },
  settings: { key: "settings", icon: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4", show: settingsScreen },
};

const main = /** @type {HTMLElement} */ (document.getElementById("main"));

async function start() {
  const app = new App(new WorkerClient(() => new Worker(new URL("./background/worker.js", import.meta.url), { type: "module" })));
  setLanguage(app.settings.language);
  applyTheme(app.settings.theme);
  keepOffline();
  const missing = missingFeatures();
  if (missing.length) return main.replaceChildren(unsupported(missing));
  await app.refresh().catch((error) => main.replaceChildren(errorBox(error)));
  addEventListener("hashchange", () => show(app, true));
  await show(app, false);
  app.worker.call("warm", { pack: app.pack?.name }).catch(() => undefined); // so that the first photo waits for nothing
}

/** @param {App} app @param {boolean} [moves] Whether the person went to another screen. */
async function show(app, moves = false) {
  const name = screenName(app);
  const screen = SCREENS[name];
  document.title = `${text(screen.key)} · Edge-Identify`;
  drawTabs(name);
  applyTheme(app.settings.theme);
  try {
    main.replaceChildren(await screen.show(app, () => show(app)));
  } catch (error) {
    main.replaceChildren(element("h1", {}, text(screen.key)), errorBox(error));
  }
  main.dataset.screen = name;
  if (moves) main.focus();
}

/** @param {App} app */
function screenName(app) {
  const [name] = location.hash.slice(1).split("?");
  if (name in SCREENS) return name;
  const first = app.packs.length ? "identify" : "packs";
  window.history.replaceState(null, "", `#${first}`);
  return first;
}

/** @param {string} current */
function drawTabs(current) {
  const tabs = Object.entries(SCREENS).filter(([, screen]) => screen.icon).map(([name, screen]) =>
    element("a", { href: `#${name}`, "aria-current": name === current ? "page" : null }, icon(screen.icon), element("span", {}, text(screen.key))),
  );
  const nav = /** @type {HTMLElement} */ (document.getElementById("tabs"));
  nav.setAttribute("aria-label", text("screens"));
  nav.replaceChildren(...tabs);
}

/** @param {string} theme */
export function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

/** @param {string[]} missing */
function unsupported(missing) {
  return element(
    "div",
    { class: "notice bad", role: "alert" },
    element("h1", {}, text("unsupported")),
    element("p", {}, text(isSecureContext ? "unsupported.browser" : "unsupported.insecure")),
    element("p", { class: "small" }, `${text("unsupported.missing")} ${missing.join(", ")}`),
  );
}

/** Install the service worker, and say when the app works without a network and when there is a newer one. */
async function keepOffline() {
  if (!("serviceWorker" in navigator)) return;
  const state = /** @type {HTMLElement} */ (document.getElementById("state"));
  const say = () => {
    state.textContent = navigator.onLine ? "" : text("offline");
  };
  addEventListener("online", say);
  addEventListener("offline", say);
  say();
  const registration = await navigator.serviceWorker.register(new URL("sw.js", document.baseURI)).catch(() => null);
  registration?.addEventListener("updatefound", () => offerUpdate(registration));
  if (registration) offerUpdate(registration);
}

/** @param {ServiceWorkerRegistration} registration */
function offerUpdate(registration) {
  const fresh = registration.installing ?? registration.waiting;
  const isUpdate = navigator.serviceWorker.controller !== null;
  if (!fresh || !isUpdate) return;
  const offer = () => {
    if (fresh.state !== "installed") return;
    const state = /** @type {HTMLElement} */ (document.getElementById("state"));
    const update = () => {
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      fresh.postMessage("take over");
    };
    state.replaceChildren(element("button", { class: "small", onclick: update }, text("update-app")));
  };
  fresh.addEventListener("statechange", offer);
  offer();
}

start().catch((error) => main.replaceChildren(errorBox(error)));
