// Photos in the web app, without its server: node web_app_photos.mjs PACKAGE_JSON URL PROFILE PACK PHOTO... It installs
// the pack, says `installed`, waits for a line, answers the photos in a new browser, and prints the answers as JSON.

import { once } from "node:events";
import { createRequire } from "node:module";

const [packageJson, url, profile, pack, ...photos] = process.argv.slice(2);
const { chromium } = createRequire(packageJson)("playwright-core");
const executablePath = process.env.EDGE_IDENTIFY_CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE_MS = 300_000;

async function open() {
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
  context.setDefaultTimeout(PATIENCE_MS);
  return { context, page: context.pages()[0] };
}

let { context, page } = await open();
await page.goto(`${url}/app/#packs`);
await page.click("#offers button.primary");
await page.waitForSelector("#offers .good");
await page.evaluate(() => navigator.serviceWorker.ready);
await context.close();
process.stdout.write("installed\n");
await once(process.stdin, "data");

({ context, page } = await open());
await page.goto(`${url}/app/#identify`);
await page.waitForSelector("input[multiple]", { state: "attached" });
const answers = [];
for (const photo of photos) {
  const file = await page.evaluateHandle(() => { const input = document.createElement("input"); input.type = "file"; return input; });
  await file.setInputFiles(photo);
  answers.push(
    await page.evaluate(
      async ([input, name]) => {
        const [{ identifierFor }, { decodePhoto }] = await Promise.all([import("./app/background/identifiers.js"), import("./app/background/photo_decoding.js")]);
        const identifier = await identifierFor(name);
        const image = await decodePhoto(input.files[0]);
        const started = performance.now();
        const embedding = await identifier.embedImage(image);
        const encode_ms = performance.now() - started;
        const answer = await identifier.identify(image);
        const again = await decodePhoto(input.files[0]); // another object: the points of the first one are kept
        const compared = performance.now();
        await identifier.compare(again, answer.matches[0]);
        return { ...answer, embedding: [...embedding], encode_ms, points_ms: performance.now() - compared };
      },
      [file, pack],
    ),
  );
}
process.stdout.write(JSON.stringify({ answers, self_test: "passed at the install", open_ms: 0, search_ms: 0 }), () => process.exit());
