// Puts what the app needs from npm into `vendor/`, compressed too: ONNX Runtime's plain WebAssembly build, and jsQR.
// `make web` runs it after `npm ci`, so the versions are those of package-lock.json, with their hashes.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = new URL("./", import.meta.url);
const vendor = new URL("vendor/", here);
const PACKAGES = [
  { folder: "onnxruntime-web", files: ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"], home: "https://github.com/microsoft/onnxruntime" },
  { folder: "jsqr", files: ["jsQR.js"], home: "https://github.com/cozmo/jsQR" },
];

await rm(vendor, { recursive: true, force: true });
await mkdir(vendor);
const notes = [];
for (const { folder, files, home } of PACKAGES) {
  const source = new URL(`node_modules/${folder}/`, here);
  for (const name of files) {
    const target = new URL(name, vendor);
    await cp(new URL(`dist/${name}`, source), target);
    const data = await readFile(target);
    await writeFile(new URL(`${name}.br`, vendor), brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 22 } }));
    await writeFile(new URL(`${name}.gz`, vendor), gzipSync(data, { level: 9 }));
  }
  const { name, version, license } = JSON.parse(await readFile(new URL("package.json", source), "utf8"));
  notes.push(`${name} ${version}, licence ${license}: ${home}`);
}
await writeFile(new URL("THIRD_PARTY.txt", vendor), `${notes.join("\n")}\n`);
console.log(`vendor/: ${notes.join("; ")}`);
