/** Signed repositories, good and attacking: those of `tests/attacks/vectors`, which Python makes, and one drawn here. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { EdgeIdentifyError, sha256, trustedTarget } from "../index.js";

const VECTORS = new URL("../../../../tests/attacks/vectors/vectors.json", import.meta.url);
const NOW = new Date("2026-06-01T00:00:00Z");
const EXPIRES = "2026-07-01T00:00:00Z";

/** @typedef {Record<string, Uint8Array | null>} Files */
/** @typedef {Record<string, any>} Fields */

/**
 * @param {{name: string, now: Date, pinned: any, files: Files, stored: Record<string, Uint8Array>}} asked
 * @returns {Promise<string>}
 */
async function verdictOf({ files, stored, ...asked }) {
  try {
    const found = await trustedTarget({
      ...asked,
      stored,
      fetchFile: async (path) => files[path.replace(/^tuf\//, "")] ?? null,
      keep: async (key, data) => void (stored[key] = data),
    });
    return found?.version ?? "absent";
  } catch (error) {
    if (!(error instanceof EdgeIdentifyError)) throw error;
    return "refused";
  }
}

/** @param {unknown} value */
function bytes(value) {
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}

/**
 * A repository of one pack. All roles have one key.
 *
 * @param {{targets?: Fields, timestamp?: Fields}} [changes]
 * @returns {Promise<Record<string, Uint8Array>>}
 */
async function repository(changes = {}) {
  const pair = /** @type {CryptoKeyPair} */ (
    await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])
  );
  const point = Buffer.from(await crypto.subtle.exportKey("raw", pair.publicKey)).toString("hex");
  /** @param {string} type @param {Fields} fields */
  const signed = async (type, fields) => {
    const content = { _type: type, expires: EXPIRES, spec_version: "1.0.31", version: 1, ...fields };
    const sorted = Object.fromEntries(Object.entries(content).sort(([one], [other]) => (one < other ? -1 : 1)));
    const sig = await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, bytes(sorted));
    return bytes({ signatures: [{ keyid: "k", sig: Buffer.from(sig).toString("hex") }], signed: sorted });
  };
  const role = { keyids: ["k"], threshold: 1 };
  const keys = { k: { keytype: "ed25519", keyval: { public: point }, scheme: "ed25519" } };
  const target = { custom: { version: "1.2.0" }, hashes: { sha256: "a".repeat(64) }, length: 9 };
  return {
    "1.root.json": await signed("root", {
      keys,
      roles: { root: role, snapshot: role, targets: role, timestamp: role },
    }),
    "timestamp.json": await signed("timestamp", { meta: { "snapshot.json": { version: 1 } }, ...changes.timestamp }),
    "1.snapshot.json": await signed("snapshot", { meta: { "targets.json": { version: 1 } } }),
    "1.targets.json": await signed("targets", { targets: { "art/pack.json": target }, ...changes.targets }),
  };
}

/** @param {Record<string, Uint8Array>} files */
function asked(files) {
  return { name: "art", now: NOW, pinned: { bytes: files["1.root.json"] }, files, stored: {} };
}

test("a signed pack is offered, and another name is absent", async () => {
  const files = await repository();
  assert.equal(await verdictOf(asked(files)), "1.2.0");
  assert.equal(await verdictOf({ ...asked(files), name: "other" }), "absent");
  const pinned = { fingerprint: await sha256(files["1.root.json"]) };
  assert.equal(await verdictOf({ ...asked(files), pinned }), "1.2.0");
});

test("what was changed after it was signed, has expired, or is of another root, is refused", async () => {
  const files = await repository();
  const changed = Buffer.from(files["1.targets.json"]).toString().replace("1.2.0", "9.9.9");
  assert.equal(await verdictOf(asked({ ...files, "1.targets.json": bytes(changed) })), "refused");
  assert.equal(await verdictOf({ ...asked(files), now: new Date(EXPIRES) }), "refused");
  const other = await repository();
  assert.equal(await verdictOf(asked({ ...other, "1.root.json": files["1.root.json"] })), "refused");
  assert.equal(await verdictOf(asked(await repository({ timestamp: { expires: "soon" } }))), "refused");
});

if (existsSync(VECTORS)) {
  const { cases, texts } = JSON.parse(readFileSync(VECTORS, "utf8"));
  for (const each of cases) {
    test(`repository ${each.name}`, async () => {
      /** @type {Record<string, Uint8Array>} */
      const stored = {};
      for (const step of each.steps) {
        const files = /** @type {Files} */ ({});
        for (const [name, text] of Object.entries(step.files)) files[name] = text && bytes(texts[text] ?? text);
        const pinned = { bytes: files[each.pinned] ?? stored.pinned };
        stored.pinned = pinned.bytes;
        const found = await verdictOf({ name: each.pack, now: new Date(each.now), pinned, files, stored });
        assert.equal(found, step.verdict);
      }
    });
  }
} else test("the repositories that Python makes", { skip: `${VECTORS.pathname} is not there` }, () => {});
