// What goes wrong for a person, in one real browser. It prints one line of JSON: by case, what the app said; the test checks it.
//
// node chromium_bad_input.mjs PACKAGE_JSON UNSIGNED_URL SIGNED_URL WORK_FOLDER

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** The rows of a QR code, in hexadecimal: a link to an app with a server and a fingerprint. Version 7, 45 squares a side. */
const CODE = "1fc5a82b497f 10554bde0a41 1745aea95a5d 175bbd562b5d 17464bf0e75d 1051f11c0041 1fd55555557f 4719b900 1f79e5f4aaaa 2af18c84397 c75f7f40f6e 113954b95a54 1c65bdfea2aa 1db242a2e9a7 197931bc1474 14348e9b777c 16762c58a8c8 1599a149e387 17f1ab7e8fe2 1c16e495f914 1f8bff24dfa 91c6111cb17 d53d75e1758 171f5d115116 17f3eff463fb b2123f1f8a7 1cc3bdad3d9a 19958d35fa44 1b54b59ac539 1c8be27bf9c3 b5b14462720 12c817d5664 a613c2acd12 1fae83d9f06d 15808a62cb6 f1643f1f247 1358bffa09fb 17c3185b1b 1fdcf756a55a 104169155715 1753fdf0a5f3 175d0399d0dc 1757287f074d 105509817294 1fda9c36415a".trim().split(" ");
const CODE_SIDE = 45;

const [packageJson, unsigned, signed, work] = process.argv.slice(2);
const require = createRequire(packageJson);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE_MS = 20_000;
const chosen = process.env.CASES?.split(","); // to try some alone
const screenshots = process.env.EDGE_IDENTIFY_SCREENSHOTS;

/** Write a film of one picture, grey, that shows the code: Chromium's false camera plays it. */
function film(path) {
  const side = 480;
  const square = 8;
  const margin = Math.floor((side - square * CODE_SIDE) / 2);
  const grey = Buffer.alloc(side * side, 235);
  CODE.forEach((row, down) => {
    const squares = BigInt(`0x${row}`).toString(2).padStart(CODE_SIDE, "0");
    for (let across = 0; across < CODE_SIDE; across++) {
      if (squares[across] === "0") continue;
      for (let y = 0; y < square; y++) grey.fill(16, (margin + down * square + y) * side + margin + across * square, (margin + down * square + y) * side + margin + (across + 1) * square);
    }
  });
  const colour = Buffer.alloc(side * side / 2, 128);
  writeFileSync(path, Buffer.concat([Buffer.from(`YUV4MPEG2 W${side} H${side} F5:1 Ip A1:1 C420jpeg\nFRAME\n`), grey, colour]));
}

film(join(work, "code.y4m"));
const browser = await chromium.launch({
  executablePath: process.env.EDGE_IDENTIFY_CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${join(work, "code.y4m")}`],
});

const found = {};
const violations = {};

/** Try one case in a window of its own: nothing is installed there, and its service worker is off, so that requests can be changed. */
async function trial(name, work) {
  if (chosen && !chosen.includes(name)) return;
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, reducedMotion: "reduce", serviceWorkers: "block" });
  context.setDefaultTimeout(PATIENCE_MS);
  try {
    found[name] = await work(await context.newPage(), context);
  } catch (error) {
    found[name] = `the case failed: ${error.message}`;
  } finally {
    await context.close();
    if (chosen) console.error(name, JSON.stringify(found[name]), performance.now());
  }
}

const alert = (page, place = "#offers") => page.innerText(`${place} [role=alert] strong`);
const open = (page, server = unsigned, hash = "packs") => page.goto(`${server}/app/#${hash}`);
const install = (page) => page.click("#offers button.primary");
const isInstalled = (page) => page.waitForSelector("#offers .good");
const packs = (page) => page.evaluate(async () => {
  const opened = await new Promise((resolve) => { const request = indexedDB.open("edge-identify"); request.onsuccess = () => resolve(request.result); });
  const all = await new Promise((resolve) => { const request = opened.transaction("packs").objectStore("packs").getAll(); request.onsuccess = () => resolve(request.result); });
  opened.close();
  return all.map(({ version, signed }) => `${version} ${signed}`);
});

/** Look at a screen as a person with a screen reader would, and keep pictures of it where they are asked for. */
async function look(page, name) {
  violations[name] = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe);
    const only = colorScheme === "dark" ? { runOnly: ["color-contrast"] } : {};
    const { violations: seen } = await page.evaluate((options) => globalThis.axe.run(options), only);
    violations[name].push(...seen.map(({ id, nodes }) => `${colorScheme} ${id}: ${nodes[0].html}`));
    if (!screenshots) continue;
    for (const [width, height] of [[390, 844], [1280, 800]]) {
      await page.setViewportSize({ width, height });
      await page.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
    await page.setViewportSize({ width: 390, height: 844 });
  }
}

/** Change a pack's manifest on its way, and the listing with it, as a server would that offers such a pack. */
async function changedManifest(context, change) {
  const original = Buffer.from(await (await fetch(`${unsigned}/${manifestPath}`)).arrayBuffer());
  const fields = JSON.parse(original);
  change(fields);
  const changed = Buffer.from(JSON.stringify(fields));
  const hash = (data) => createHash("sha256").update(data).digest("hex");
  const listing = JSON.parse((await (await fetch(`${unsigned}/packs.json`)).text()).replaceAll("1.1.0", fields.version), (key, value) =>
    value?.sha256 === hash(original) ? Object.fromEntries(Object.entries(value).map(([name, of]) => [name, name === "sha256" ? hash(changed) : of === original.length ? changed.length : of])) : value,
  );
  await context.route("**/packs.json", (route) => route.fulfill({ json: listing }));
  await context.route("**/manifests/**", (route) => route.fulfill({ body: changed, contentType: "application/json" }));
}

/** Run code before the app's worker: what it sees of the device is then changed. */
const beforeWorker = (context, code) => context.route("**/background/worker.js", async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, body: `${code};\n${await response.text()}` });
});

const listing = await (await fetch(`${unsigned}/packs.json`)).json();
const manifestPath = `manifests/${listing.packs[0].name}/${listing.packs[0].versions.at(-1).version}.json`;

await trial("storage full", async (page, context) => {
  await open(page);
  const devtools = await context.newCDPSession(page);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin: unsigned, quotaSize: 15_000 });
  await install(page);
  return alert(page);
});

await trial("no storage in a private window", async (page, context) => {
  await beforeWorker(context, 'navigator.storage.getDirectory = () => Promise.reject(new DOMException("private", "SecurityError"))');
  await open(page);
  await install(page);
  return alert(page);
});

await trial("unsupported browser", async (page, context) => {
  await context.addInitScript(() => { delete StorageManager.prototype.getDirectory; delete Navigator.prototype.locks; });
  await open(page);
  const words = await page.innerText("main [role=alert]");
  await look(page, "unsupported");
  return words;
});

await trial("position refused", async (page) => {
  await open(page, unsigned, "settings");
  await page.click("#uses-position");
  return page.innerText("main [role=alert] strong");
});

await trial("interrupted install", async (page, context) => {
  let fetched = 0;
  let isStalled = true;
  await context.route("**/blobs/**", (route) => (++fetched > 2 && isStalled ? undefined : route.continue()));
  await open(page);
  await install(page);
  while (fetched < 3) await page.waitForTimeout(20); // the third file hangs
  await page.click("#offers button:has-text('Stop')");
  const words = await alert(page);
  const before = fetched;
  isStalled = false;
  await install(page);
  await isInstalled(page);
  return { words, fetchedAgain: fetched - before, files: before - 1 };
});

await trial("no network", async (page, context) => {
  await open(page);
  await page.waitForSelector("#offers button.primary");
  await beforeWorker(context, "");
  await context.route("**/packs.json", (route) => route.abort());
  await context.route("**/tuf/**", (route) => route.abort());
  await install(page);
  return alert(page);
});

await trial("tampered file", async (page, context) => {
  await context.route("**/blobs/**", async (route) => {
    const response = await route.fetch();
    const body = await response.body();
    body[body.length - 1] ^= 1;
    await route.fulfill({ response, body });
  });
  await open(page);
  await install(page);
  return { words: await alert(page), packs: await packs(page) };
});

await trial("newer format", async (page, context) => {
  await changedManifest(context, (manifest) => { manifest.format = 99; });
  await open(page);
  await install(page);
  return alert(page);
});

await trial("no ONNX variant", async (page, context) => {
  await changedManifest(context, (manifest) => { for (const variant of Object.values(manifest.encoders.image)) variant.runtime = "coreml"; });
  await open(page);
  await install(page);
  return alert(page);
});

await trial("older version", async (page, context) => {
  await open(page);
  await install(page);
  await isInstalled(page);
  await changedManifest(context, (manifest) => { manifest.version = "1.0.0"; });
  await page.reload();
  await install(page);
  return { words: await alert(page), packs: await packs(page) };
});

await trial("two tabs", async (page, context) => {
  let release = () => {};
  const held = new Promise((resolve) => { release = resolve; });
  await context.route("**/blobs/**", async (route) => { await held; await route.continue(); });
  const other = await context.newPage();
  await open(page);
  await open(other);
  await install(page);
  await page.waitForSelector("#offers progress");
  await page.waitForRequest("**/blobs/**").catch(() => undefined);
  await install(other);
  const words = await alert(other);
  release();
  await isInstalled(page);
  return { words, packs: await packs(other) };
});

await trial("expired signatures", async (page, context) => {
  await beforeWorker(context, "{ const Now = Date; globalThis.Date = class extends Now { constructor(...given) { given.length ? super(...given) : super(Now.now() + 9e11); } }; }");
  await open(page, signed);
  await install(page);
  await page.click("button:has-text('Install without comparing')");
  await page.waitForFunction(() => document.querySelector("#offers .notice.bad"));
  return { words: await alert(page), packs: await packs(page) };
});

await trial("signed without a fingerprint", async (page) => {
  await open(page, signed);
  await install(page);
  const question = await alert(page);
  await look(page, "first-use");
  await page.click("button:has-text('Do not install')");
  await page.waitForSelector("#offers [role=alert]", { state: "detached" });
  const left = await packs(page);
  await install(page);
  await page.click("button:has-text('Install without comparing')");
  await isInstalled(page);
  return { question, left, packs: await packs(page) };
});

await trial("signed with a compared fingerprint", async (page) => {
  await open(page, signed);
  await install(page);
  const shown = (await page.innerText(".fingerprint")).replaceAll(" ", "");
  await page.click("button:has-text('It is the same')");
  await isInstalled(page);
  return { shown, packs: await packs(page) };
});

await trial("scanned code", async (page, context) => {
  await context.grantPermissions(["camera"]);
  await open(page);
  await page.click("summary:has-text('Another server')");
  await page.click("button:has-text('Scan a QR code')");
  await page.waitForFunction(() => document.querySelector("#address").value !== "");
  const read = { address: await page.inputValue("#address"), fingerprint: await page.inputValue("#fingerprint") };
  await look(page, "scanned");
  return read;
});

await trial("camera refused", async (page) => {
  await open(page);
  await page.click("summary:has-text('Another server')");
  await page.click("button:has-text('Scan a QR code')");
  return alert(page, "details");
});

await trial("no camera", async (page, context) => {
  await context.addInitScript(() => { MediaDevices.prototype.getUserMedia = () => Promise.reject(new DOMException("none", "NotFoundError")); });
  await open(page);
  await page.click("summary:has-text('Another server')");
  await page.click("button:has-text('Scan a QR code')");
  return alert(page, "details");
});

await trial("picture without a code", async (page) => {
  await open(page);
  await page.click("summary:has-text('Another server')");
  await page.setInputFiles("details input[type=file]", join(work, "grey.png"));
  return alert(page, "details");
});

process.stdout.write(`${JSON.stringify({ found, violations })}\n`);
await browser.close();
process.exit();
