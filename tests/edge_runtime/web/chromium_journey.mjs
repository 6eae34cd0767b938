// A person's way through the field app, in a real browser. Each step prints one line of JSON; the test checks them.
//
// node chromium_journey.mjs PACKAGE_JSON URL FINGERPRINT PROFILE PHOTO... ; before each step it waits for a line on standard input,
// so that the test can stop the server, or change what it publishes, in between.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [packageJson, url, fingerprint, profile, ...photos] = process.argv.slice(2);
const require = createRequire(packageJson);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const screenshots = process.env.EDGE_IDENTIFY_SCREENSHOTS;
const PATIENCE_MS = 60_000;
const SIZES = [[390, 844], [1280, 800]];

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (step, found) => process.stdout.write(`${JSON.stringify({ step, ...found })}\n`);
const told = async () => (await lines.next()).value;

/** Open the browser on the same profile, so that it has what it had. */
async function open() {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.EDGE_IDENTIFY_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu"],
    viewport: { width: 390, height: 844 },
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = context.pages()[0];
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  return { context, page, errors };
}

/** Show a screen, and return what axe finds wrong with it, light and dark. */
async function screen(page, name, ready) {
  if (ready) await page.waitForSelector(ready);
  const violations = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe);
    const only = colorScheme === "dark" ? { runOnly: ["color-contrast"] } : {}; // nothing else differs
    const found = await page.evaluate((options) => globalThis.axe.run(options), only);
    violations.push(...found.violations.map(({ id, nodes }) => `${colorScheme} ${id}: ${nodes[0].html}`));
    if (screenshots) await pictures(page, name, colorScheme);
  }
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return { violations, wider };
}

async function pictures(page, name, colorScheme) {
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    await page.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: SIZES[0][0], height: SIZES[0][1] });
}

const go = (page, name) => page.evaluate((hash) => { location.hash = hash; }, name);
const installed = (page) => page.evaluate(async () => {
  const opened = await new Promise((resolve) => { const request = indexedDB.open("edge-identify"); request.onsuccess = () => resolve(request.result); });
  const packs = await new Promise((resolve) => { const request = opened.transaction("packs").objectStore("packs").getAll(); request.onsuccess = () => resolve(request.result); });
  opened.close();
  return packs.map(({ name, version, signed }) => `${name} ${version}, signed: ${signed}`);
});
const answers = (page) => page.evaluate(async () => {
  const opened = await new Promise((resolve) => { const request = indexedDB.open("edge-identify"); request.onsuccess = () => resolve(request.result); });
  const entries = await new Promise((resolve) => { const request = opened.transaction("history").objectStore("history").getAll(); request.onsuccess = () => resolve(request.result); });
  opened.close();
  return entries.sort((one, other) => one.askedAt - other.askedAt).map(({ answer }) => answer);
});

const taughtNames = (page) => page.evaluate(async () => {
  const opened = await new Promise((resolve) => { const request = indexedDB.open("edge-identify"); request.onsuccess = () => resolve(request.result); });
  const things = await new Promise((resolve) => { const request = opened.transaction("taught").objectStore("taught").getAll(); request.onsuccess = () => resolve(request.result); });
  opened.close();
  return things.map(({ name }) => name).sort();
});

const checked = {};
let { context, page, errors } = await open();

await page.goto(`${url}/app/#packs?fingerprint=${fingerprint}`);
checked.packs = await screen(page, "packs", "#offers button.primary");
const blocked = await page.evaluate(() => fetch("https://example.org/").then(() => false, () => true));
await page.evaluate(() => { navigator.locks.request("edge-identify-packs", () => new Promise((resolve) => { globalThis.letGo = resolve; })); });
await page.click("#offers button.primary");
const busy = await page.innerText("#offers [role=alert] strong");
await page.evaluate(() => globalThis.letGo());
await page.click("#offers button.primary");
await page.waitForSelector("#offers .good");
await page.evaluate(() => navigator.serviceWorker.ready);
say("installed", { installed: await installed(page), blocked, busy, errors });

await told(); // a newer version is published, and one of its files is damaged
await page.reload();
await page.click("#offers button.primary");
const refusal = await page.innerText("#offers [role=alert] strong");
checked.refused = await screen(page, "refused", "#offers [role=alert]");
say("refused", { installed: await installed(page), refusal });

await told(); // the server's signatures are gone
await page.click("#offers button.primary");
await page.waitForFunction((words) => (document.querySelector("#offers [role=alert] strong")?.textContent ?? words) !== words, refusal);
say("unsigned", { installed: await installed(page), refusal: await page.innerText("#offers [role=alert] strong") });

await context.close();
await told(); // the server is stopped
({ context, page, errors } = await open());
const before = Date.now();
await page.goto(`${url}/app/#identify`);
await page.waitForSelector("input[multiple]", { state: "attached" });
const startMs = Date.now() - before;
for (const [at, photo] of photos.entries()) {
  await page.setInputFiles("input[multiple]", photo);
  await page.waitForFunction((count) => document.querySelector(".answers")?.getAttribute("aria-busy") === "false" && document.querySelectorAll(".answer").length === 1 && Number(document.body.dataset.seen ?? 0) < count, at + 1);
  await page.evaluate((count) => { document.body.dataset.seen = String(count); }, at + 1);
  if (at === 0) {
    await page.click("text=Show points that agree");
    await page.waitForSelector(".dots");
    checked.answer = await screen(page, "answer");
  }
}
const shown = await page.innerText(".answer .word");
await page.click("summary:has-text('It is new')");
await page.fill(".teach input", "Grey wall");
await page.fill(".teach textarea", "behind the station");
await page.click(".teach button");
await page.waitForSelector(".answer .own");
checked.own = await screen(page, "own");
const taught = { decision: await page.innerText(".answer .word"), thing: await page.innerText(".answer .thing"), pictures: await page.locator(".pair img").count() };
await go(page, "taught");
checked.taught = await screen(page, "taught", ".thing-row");
await page.click("summary:has-text('Send them')");
await page.fill("[id^=by-]", "Ada");
const [file] = await Promise.all([page.waitForEvent("download"), page.click("text=Save the file")]);
await file.saveAs(join(profile, "new.contribution.json"));
await go(page, "identify");
await page.waitForSelector("input[multiple]", { state: "attached" });
await page.setInputFiles("input[multiple]", { name: "note.heic", mimeType: "image/heic", buffer: Buffer.from("\0\0\0\x18ftypheic0000") });
const heic = await page.innerText(".answers [role=alert] strong");
await page.setInputFiles("input[multiple]", { name: "note.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no photo") });
await page.waitForFunction((words) => document.querySelector(".answers [role=alert] strong")?.textContent !== words, heic);
const undecodable = await page.innerText(".answers [role=alert] strong");
await go(page, "search");
await page.fill("#words", "crimsn");
await page.keyboard.press("Enter");
checked.search = await screen(page, "search", "#found li");
const found = await page.innerText("#found li .name");
await page.fill("#words", "grey wal");
await page.keyboard.press("Enter");
await page.waitForSelector("#found li:has-text('Grey wall') img.thumb");
const ownFound = await page.innerText("#found li .faint");
await go(page, "history");
checked.history = await screen(page, "history", ".entries");
await page.click(".entries a");
await page.fill("#note", "behind the station");
await page.click("text=Save the note");
await page.click("summary:has-text('Correct this answer')");
checked.entry = await screen(page, "entry");
const [matches, thumbs] = [await page.locator(".matches li").count(), await page.locator(".matches img.thumb").count()];
await page.fill(".teach input", "Mural");
await page.click(".teach button");
await page.waitForSelector(".good");
const twice = await taughtNames(page);
await page.click("text=Undo");
await page.waitForSelector(".good", { state: "detached" });
const undone = await taughtNames(page);
await go(page, "settings");
checked.settings = await screen(page, "settings", "#language");
await page.selectOption("#language", "de");
await page.waitForFunction(() => document.documentElement.lang === "de" && document.querySelector("h1")?.textContent !== "Settings");
const german = await page.innerText("h1");
say("offline", { startMs, taught, twice, undone, answers: await answers(page), shown, heic, undecodable, found, ownFound, matches, thumbs, german, errors, checked, installed: await installed(page) });
await context.close();
process.exit();
