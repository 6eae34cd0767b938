// @ts-check
/// <reference lib="webworker" />
/** The open packs: one at a time, with ONNX Runtime on one thread. */

import { onnxSessions } from "../../core/encoders/onnx_sessions.js";
import { openPack } from "../../core/index.js";
import { AppError } from "../app_error.js";
import { decodePhoto } from "./photo_decoding.js";
import { openInstalled } from "./pack_store.js";
import { giveTaught, taughtBeside } from "./taught_store.js";

const RUNTIME = new URL("../../vendor/ort.wasm.min.mjs", import.meta.url).href;
const RUNTIME_FOLDER = new URL("../../vendor/", import.meta.url).href;

/** @type {Promise<any> | null} */
let runtime = null;
/** @type {{key: string, identifier: Promise<any>, taught: string} | null} */
let opened = null;

/** Load ONNX Runtime: its plain WebAssembly build, on one thread, which every browser runs. */
function onnxRuntime() {
  runtime ??= import(RUNTIME).then(
    (ort) => {
      ort.env.wasm.wasmPaths = RUNTIME_FOLDER;
      ort.env.wasm.numThreads = 1; // more need cross-origin isolation, and fail on iOS
      return ort;
    },
    (error) => {
      runtime = null;
      throw new AppError("no-runtime", `ONNX Runtime cannot be loaded (${error instanceof Error ? error.message : error})`);
    },
  );
  return runtime;
}

/** @param {{read: (path: string) => Promise<Uint8Array<ArrayBuffer>>}} files */
async function identifierOf(files) {
  return openPack(files, {
    createSession: onnxSessions(await onnxRuntime()),
    decodeImage: (bytes) => decodePhoto(new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)])),
  });
}

/**
 * Return the identifier of an installed pack. The last one stays open.
 *
 * @param {string} name
 */
export async function identifierFor(name) {
  const { pack, files } = await openInstalled(name);
  const key = `${name} ${pack.manifestSha256}`;
  if (opened?.key !== key) opened = { key, identifier: identifierOf(files), taught: "" };
  try {
    await refreshTaught(name, opened);
    return await opened.identifier;
  } catch (error) {
    opened = null;
    throw error;
  }
}

/** Give the open pack what was taught beside it, if that has changed since: this or another tab may have taught. @param {string} name @param {{identifier: Promise<any>, taught: string}} pack */
async function refreshTaught(name, pack) {
  const records = await taughtBeside(name);
  const taught = JSON.stringify(records.map(({ id, name, note, pictures }) => [id, name, note, pictures.map(({ sha256 }) => sha256)]));
  if (taught === (pack.taught || "[]")) return;
  await giveTaught(await pack.identifier, records);
  pack.taught = taught;
}

/** Forget the open pack. */
export function forgetIdentifier() {
  opened = null;
}

/** Embed the pack's own photos; throws if this device computes something else. @param {{read: (path: string) => Promise<Uint8Array<ArrayBuffer>>}} files */
export async function selfTest(files) {
  await (await identifierOf(files)).selfTest();
}
