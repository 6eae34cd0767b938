// How pages look in a real browser: what is wider than the screen, and which words are broken over two lines.
//
// node page_layout.mjs PACKAGE_JSON PAGE... ; PAGE is a URL. Prints one JSON object: {page: {width: {wider, broken}}}.

import { createRequire } from "node:module";

const [packageJson, ...pages] = process.argv.slice(2);
const { chromium } = createRequire(packageJson)("playwright-core");
const SIZES = [[390, 844], [1280, 800]];
const LONGEST_WORD = 24; // hashes, addresses and paths may be broken

/** What a reader of the page in front would stumble over. */
function look(longestWord) {
  const broken = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    if (!node.parentElement.checkVisibility()) continue;
    for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
      if (word.length > longestWord || word.includes("-") || word.includes("/")) continue;
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
      if (lines.size > 1) broken.add(word);
    }
  }
  return { wider: document.documentElement.scrollWidth - innerWidth, broken: [...broken] };
}

const browser = await chromium.launch({
  executablePath: process.env.EDGE_IDENTIFY_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
const found = {};
for (const [width, height] of SIZES) {
  const context = await browser.newContext({ viewport: { width, height }, extraHTTPHeaders: { Accept: "text/html" } });
  const page = await context.newPage();
  for (const address of pages) {
    await page.goto(address);
    await page.evaluate(() => document.querySelectorAll("details").forEach((each) => (each.open = true)));
    (found[address] ??= {})[width] = await page.evaluate(look, LONGEST_WORD);
    if (process.env.EDGE_IDENTIFY_SCREENSHOTS) {
      const name = new URL(address).pathname.replaceAll("/", "_");
      await page.screenshot({ path: `${process.env.EDGE_IDENTIFY_SCREENSHOTS}/page${name}-${width}.png`, fullPage: true });
    }
  }
  await context.close();
}
await browser.close();
process.stdout.write(JSON.stringify(found));
