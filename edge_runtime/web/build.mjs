// Puts what the app needs from npm into `vendor/`, compressed too: ONNX Runtime's plain WebAssembly build and its licence.
// `make web` runs it after `npm ci`, so the versions are those of package-lock.json, with their hashes.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = new URL("./", import.meta.url);
const runtime = new URL("node_modules/onnxruntime-web/", here);
const vendor = new URL("vendor/", here);
const FILES = ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];

await rm(vendor, { recursive: true, force: true });
await mkdir(vendor);
for (const name of FILES) {
  const target = new URL(name, vendor);
  await cp(new URL(`dist/${name}`, runtime), target);
  const data = await readFile(target);
  await writeFile(new URL(`${name}.br`, vendor), brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 22 } }));
  await writeFile(new URL(`${name}.gz`, vendor), gzipSync(data, { level: 9 }));
}
const { name, version, license } = JSON.parse(await readFile(new URL("package.json", runtime), "utf8"));
await writeFile(new URL("THIRD_PARTY.txt", vendor), `${name} ${version}, licence ${license}: https://github.com/microsoft/onnxruntime\n`);
console.log(`vendor/: ${name} ${version}`);
