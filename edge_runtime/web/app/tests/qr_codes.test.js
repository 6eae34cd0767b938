// @ts-check
/** What the text of a QR code means. Run by `node --test`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isFingerprint, packServerOf } from "../qr_codes.js";

const HEX = "0123456789abcdef".repeat(4);

test("a link to an app names its server or another one, and the fingerprint of the publisher", () => {
  assert.deepEqual(packServerOf("https://packs.example.org/app/"), { server: "https://packs.example.org/", fingerprint: null });
  assert.deepEqual(packServerOf(`https://packs.example.org/app/#packs?fingerprint=${HEX}`), { server: "https://packs.example.org/", fingerprint: HEX });
  assert.deepEqual(packServerOf(`https://a.example/x/app#packs?server=https://b.example/packs&fingerprint=${HEX.toUpperCase()}`), { server: "https://b.example/packs/", fingerprint: HEX });
});

test("an address is a server", () => {
  assert.deepEqual(packServerOf("http://192.168.1.20:8000"), { server: "http://192.168.1.20:8000/", fingerprint: null });
});

test("other codes are refused, and so is a fingerprint that is none: it must not be dropped", () => {
  for (const text of ["WIFI:S:guest;;", "javascript:alert(1)", "", `https://a.example/app/#packs?fingerprint=${HEX.slice(1)}`]) {
    assert.throws(() => packServerOf(text), { code: "no-pack-code" }, text);
  }
});

test("a typed fingerprint may have spaces and colons", () => {
  assert.ok(isFingerprint(HEX.replace(/(..)/g, "$1:").slice(0, -1)));
  assert.ok(!isFingerprint("abc"));
});
