/**
 * The JavaScript side of `javascript_core.py`: answers a job's photos with the core and onnxruntime-web on one thread.
 *
 * node benchmarks/javascript_core.mjs PACK JOB.json OUT.json
 */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

import * as ort from "../edge_runtime/web/node_modules/onnxruntime-web/dist/ort.node.min.mjs";
import { onnxSessions } from "../edge_runtime/web/core/encoders/onnx_sessions.js";
import { openPack } from "../edge_runtime/web/core/index.js";
import { folderStorage } from "../edge_runtime/web/core/node.js";
import { FullSearch } from "../edge_runtime/web/core/search/vector_search.js";

const ROWS = 20_000;
const DIM = 512;

/** The median wall time of a query among 20,000 8-bit vectors of 512 numbers, in milliseconds. */
function searchMs() {
  const codes = Uint8Array.from({ length: ROWS * DIM }, (_, at) => (at * 2654435761) >>> 24);
  const ids = Float64Array.from({ length: ROWS }, (_, at) => at);
  const search = new FullSearch({ codes, ids, offset: new Float32Array(DIM), scale: new Float32Array(DIM).fill(0.01) });
  const query = Float32Array.from({ length: DIM }, (_, at) => Math.sin(at));
  return median(Array.from({ length: 11 }, () => elapsed(() => search.nearest([query], 10))));
}

function elapsed(work) {
  const started = performance.now();
  work();
  return performance.now() - started;
}

function median(values) {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

function imageOf({ file, width, height }) {
  return { data: new Uint8Array(readFileSync(file)), width, height };
}

const [pack, job, out] = process.argv.slice(2);
const { photos, decoded } = JSON.parse(readFileSync(job, "utf8"));
ort.env.wasm.numThreads = 1;
const started = performance.now();
const identifier = await openPack(folderStorage(pack), {
  createSession: onnxSessions(ort),
  decodeImage: async (data) => imageOf(decoded[createHash("sha256").update(data).digest("hex")]),
});
const openMs = performance.now() - started;
const selfTest = await identifier.selfTest().catch((error) => ({ error: error.message }));
const answers = [];
for (const photo of photos) {
  const image = imageOf(photo);
  const embedded = performance.now();
  const embedding = await identifier.embedImage(image);
  const encodeMs = performance.now() - embedded;
  answers.push({ ...(await identifier.identify(image)), embedding: [...embedding], encode_ms: encodeMs });
}
writeFileSync(out, JSON.stringify({ answers, self_test: selfTest, open_ms: openMs, search_ms: searchMs() }));
