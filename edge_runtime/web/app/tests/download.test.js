// @ts-check
/** Downloads over a bad line and from a lying server. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, test } from "node:test";
import { AppError } from "../app_error.js";
import { sha256Of } from "../background/blob_store.js";
import { fetchBlob, fetchDocument } from "../background/download.js";

const DATA = new TextEncoder().encode("a file of a pack, long enough to be cut");
const ENTRY = { path: "images.faiss", lengthBytes: DATA.length, sha256: createHash("sha256").update(DATA).digest("hex") };
const original = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = original;
});

/** A store in memory, with the methods that a download uses. */
function memoryStore(bytes = new Uint8Array()) {
  const store = {
    bytes,
    sizeOf: async () => store.bytes.length,
    /** @param {string} _ @param {number} from */
    writer: async (_, from) => {
      store.bytes = store.bytes.slice(0, from);
      return { append: (/** @type {Uint8Array} */ part) => { store.bytes = Uint8Array.from([...store.bytes, ...part]); }, close: () => undefined };
    },
    remove: async () => { store.bytes = new Uint8Array(); },
    /** @param {typeof ENTRY} entry */
    read: async (entry) => {
      if ((await sha256Of(store.bytes)) !== entry.sha256) throw new AppError("pack-damaged", entry.path);
      return store.bytes;
    },
  };
  return store;
}

/** @param {(range: string | null) => Response} answer */
function serve(answer) {
  /** @type {(string | null)[]} */
  const ranges = [];
  globalThis.fetch = async (_, options) => {
    const range = new Headers(options?.headers).get("Range");
    ranges.push(range);
    return answer(range);
  };
  return ranges;
}

/** @param {Uint8Array<ArrayBuffer>} data A body that breaks off after this. */
function cut(data) {
  let isSent = false;
  return new ReadableStream({
    pull(controller) {
      if (isSent) return controller.error(new TypeError("network error"));
      isSent = true;
      controller.enqueue(data);
    },
  });
}

/** @param {any} store */
const download = (store) => fetchBlob(store, "http://server/blob", ENTRY, new AbortController().signal, () => undefined);

test("a download that broke off goes on where it stopped", async () => {
  const store = memoryStore();
  const ranges = serve((range) => (range ? new Response(DATA.slice(10), { status: 206 }) : new Response(cut(DATA.slice(0, 10)))));
  await download(store);
  assert.deepEqual(ranges, [null, "bytes=10-"]);
  assert.deepEqual(store.bytes, DATA);
});

test("a server that sends the whole file again is believed", async () => {
  const store = memoryStore(DATA.slice(0, 5));
  serve(() => new Response(DATA));
  await download(store);
  assert.deepEqual(store.bytes, DATA);
});

test("a changed file is refused and thrown away", async () => {
  const store = memoryStore();
  const changed = DATA.slice();
  changed[3] ^= 1;
  serve(() => new Response(changed));
  await assert.rejects(download(store), { code: "tampered" });
  assert.equal(store.bytes.length, 0);
});

test("a file without an end is refused", async () => {
  serve(() => new Response(new Uint8Array(DATA.length + 1)));
  await assert.rejects(download(memoryStore()), { code: "tampered" });
});

test("a file that is here already is not asked for", async () => {
  const ranges = serve(() => assert.fail("no request is needed"));
  await download(memoryStore(DATA.slice()));
  assert.deepEqual(ranges, []);
});

test("a sign-in page is no list of packs", async () => {
  serve(() => new Response("<html>", { headers: { "Content-Type": "text/html" } }));
  await assert.rejects(fetchDocument("http://server/packs.json", 100, new AbortController().signal), { code: "no-pack-server" });
});
