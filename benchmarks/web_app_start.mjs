// Starts of the web app without a network: node web_app_start.mjs PACKAGE_JSON URL PROFILE STARTS. Prints milliseconds as JSON.

import { createRequire } from "node:module";

const [packageJson, url, profile, starts] = process.argv.slice(2);
const { chromium } = createRequire(packageJson)("playwright-core");
const times = [];
for (let at = 0; at <= Number(starts); at++) {
  const executablePath = process.env.EDGE_IDENTIFY_CHROMIUM ?? "/usr/bin/chromium";
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
  const page = context.pages()[0];
  if (at > 0) await context.setOffline(true);
  const begun = Date.now();
  await page.goto(`${url.replace(/\/$/, "")}/app/#identify`);
  await page.waitForSelector("main[data-screen]");
  if (at > 0) times.push(Date.now() - begun);
  else await page.evaluate(() => navigator.serviceWorker.ready);
  await context.close();
}
process.stdout.write(JSON.stringify(times));
