/** Opening a pack: first the manifest, then each file, whose length and hash are checked before it is used. */

import { damaged } from "../errors.js";
import { sha256 } from "../io/sha256.js";
import { MANIFEST_NAME, parseManifest, preferredVariant, variantsToKeep } from "./manifest.js";

/** @typedef {import("./manifest.js").Manifest} Manifest */
/** @typedef {{read(path: string): Promise<Uint8Array>}} Storage The files of a pack, by path. */

/** A pack whose manifest is valid. */
export class Pack {
  /**
   * @param {Storage} storage
   * @param {Manifest} manifest
   * @param {readonly string[]} variantNames The encoder variants that are here.
   */
  constructor(storage, manifest, variantNames) {
    this._storage = storage;
    this.manifest = manifest;
    this.variantNames = variantNames;
  }

  /** The image variant that this device runs. */
  get imageVariant() {
    const { imageVariants, name } = this.manifest;
    return preferredVariant(imageVariants, name, (each) => this.variantNames.includes(each.name));
  }

  /** The text variant that this device runs; null if there is none. */
  get textVariant() {
    const variants = [...this.manifest.textVariants.values()];
    const isHere = variants.some((each) => each.runtime === "onnx" && this.variantNames.includes(each.name));
    if (!isHere) return null;
    const { textVariants, name } = this.manifest;
    return preferredVariant(textVariants, name, (each) => this.variantNames.includes(each.name));
  }

  /**
   * Return the bytes of a file, after its length and hash were checked.
   *
   * @param {string} path As in the manifest.
   * @returns {Promise<Uint8Array>}
   */
  async file(path) {
    const entry = this.manifest.files.get(path);
    if (entry === undefined) throw damaged(`${path}: is not among the pack's files; fetch the pack again`);
    const data = plainBytes(await this._storage.read(path));
    if (data.length !== entry.lengthBytes) {
      throw damaged(`${path}: expected ${entry.lengthBytes} bytes, found ${data.length}; fetch the pack again`);
    }
    const found = await sha256(data);
    if (found !== entry.sha256) {
      throw damaged(
        `${path}: its content has changed (SHA-256 ${found.slice(0, 12)}..., expected ` +
          `${entry.sha256.slice(0, 12)}...); fetch the pack again`,
      );
    }
    return data;
  }
}

/**
 * @param {Storage} storage
 * @param {readonly string[]} [variantNames] The encoder variants that are here; by default those of `variantsToKeep`.
 * @returns {Promise<Pack>}
 */
export async function readPack(storage, variantNames) {
  const manifest = parseManifest(await storage.read(MANIFEST_NAME));
  return new Pack(storage, manifest, variantNames ?? variantsToKeep(manifest));
}

/**
 * Return bytes that behave as a `Uint8Array`. Node's `Buffer` is one whose `slice` copies nothing.
 *
 * @param {Uint8Array} data
 */
function plainBytes(data) {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
