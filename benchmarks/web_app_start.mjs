// Starts of the web app without its server: node web_app_start.mjs PACKAGE_JSON URL PROFILE STARTS. It says `visited`
// after the first visit, waits for a line, and prints milliseconds as JSON.

import { once } from "node:events";
import { createRequire } from "node:module";

const [packageJson, url, profile, starts] = process.argv.slice(2);
const { chromium } = createRequire(packageJson)("playwright-core");
const executablePath = process.env.EDGE_IDENTIFY_CHROMIUM ?? "/usr/bin/chromium";

/** Open the app in a new browser, and return how long it takes to its first screen. */
async function start() {
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
  const [page] = context.pages();
  const begun = performance.now();
  await page.goto(`${url}/app/`);
  await page.waitForSelector("main[data-screen]");
  const took = performance.now() - begun;
  await page.evaluate(() => navigator.serviceWorker.ready);
  await context.close();
  return took;
}

await start();
process.stdout.write("visited\n");
await once(process.stdin, "data");
const times = [];
for (let at = 0; at < Number(starts); at++) times.push(await start());
process.stdout.write(JSON.stringify(times));
process.exit();
