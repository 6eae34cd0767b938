// The demo's picture of the field app: node demo_app.mjs PACKAGE_JSON URL FINGERPRINT PHOTO PICTURE. It says `installed`, waits for a
// line, identifies the photo, and prints the answer in words.

import { once } from "node:events";
import { createRequire } from "node:module";

const [packageJson, url, fingerprint, photo, picture] = process.argv.slice(2);
const { chromium } = createRequire(packageJson)("playwright-core");
const browser = await chromium.launch({ executablePath: process.env.EDGE_IDENTIFY_CHROMIUM, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, reducedMotion: "reduce" });
page.setDefaultTimeout(60_000);
await page.goto(`${url}/app/#packs?fingerprint=${fingerprint}`);
await page.click("#offers button.primary");
await page.waitForSelector("#offers .good");
await page.evaluate(() => navigator.serviceWorker.ready);
process.stdout.write("installed\n");
await once(process.stdin, "data");

await page.goto(`${url}/app/#identify`);
await page.setInputFiles("input[multiple]", photo);
await page.waitForSelector(".answer .word");
await page.click("text=Show points that agree", { timeout: 5000 }).catch(() => undefined); // an answer without points is one, too
await page.waitForSelector(".dots", { timeout: 20_000 }).catch(() => undefined);
const height = await page.evaluate(() => document.querySelector("main").scrollHeight + 140); // all of it above the tabs
await page.setViewportSize({ width: 390, height });
await page.screenshot({ path: picture });
process.stdout.write(`${await page.innerText(".answer .word")}: ${await page.innerText(".answer .thing")}\n`);
await browser.close();
process.exit();
