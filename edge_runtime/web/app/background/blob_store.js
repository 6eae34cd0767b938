// @ts-check
/// <reference lib="webworker" />
/**
 * Files of packs by their SHA-256, in the origin private file system. Two packs with the same encoder share it.
 *
 * A file grows in place while it arrives, so an interrupted download goes on where it stopped. Nothing reads a file
 * before `read` has checked its hash.
 */

import { AppError } from "../app_error.js";

const FOLDER = "blobs";

export class BlobStore {
  /** @param {FileSystemDirectoryHandle} folder */
  constructor(folder) {
    this.folder = folder;
  }

  /**
   * Open the store of this origin.
   *
   * @returns {Promise<BlobStore>}
   */
  static async open() {
    try {
      const root = await navigator.storage.getDirectory();
      return new BlobStore(await root.getDirectoryHandle(FOLDER, { create: true }));
    } catch (error) {
      throw new AppError("no-storage", `this browser keeps no files here (${error}); is this a private window?`);
    }
  }

  /** @param {string} sha256 @returns {Promise<number>} Bytes that have arrived; 0 for none. */
  async sizeOf(sha256) {
    try {
      return (await (await this.folder.getFileHandle(sha256)).getFile()).size;
    } catch {
      return 0;
    }
  }

  /**
   * Open a file to write at its end.
   *
   * @param {string} sha256
   * @param {number} from Bytes to keep.
   */
  async writer(sha256, from) {
    const handle = await this.folder.getFileHandle(sha256, { create: true });
    const file = await handle.createSyncAccessHandle();
    file.truncate(from);
    let at = from;
    return {
      /** @param {Uint8Array} bytes */
      append(bytes) {
        const written = file.write(/** @type {Uint8Array<ArrayBuffer>} */ (bytes), { at });
        if (written !== bytes.length) throw new AppError("storage-full", `only ${written} of ${bytes.length} bytes could be written`);
        at += written;
      },
      close() {
        file.flush();
        file.close();
      },
    };
  }

  /**
   * Return a file whose length and hash are right.
   *
   * @param {{path: string, lengthBytes: number, sha256: string}} entry
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async read(entry) {
    const bytes = await this.bytes(entry.sha256);
    if (bytes === null) throw new AppError("pack-damaged", `${entry.path}: is not on this device`);
    if (bytes.length !== entry.lengthBytes) {
      throw new AppError("pack-damaged", `${entry.path}: expected ${entry.lengthBytes} bytes, found ${bytes.length}`);
    }
    const found = await sha256Of(bytes);
    if (found !== entry.sha256) throw new AppError("pack-damaged", `${entry.path}: expected SHA-256 ${entry.sha256}, found ${found}`);
    return bytes;
  }

  /** @param {string} sha256 @returns {Promise<Uint8Array<ArrayBuffer> | null>} */
  async bytes(sha256) {
    try {
      return new Uint8Array(await (await (await this.folder.getFileHandle(sha256)).getFile()).arrayBuffer());
    } catch {
      return null;
    }
  }

  /** @param {string} sha256 */
  async remove(sha256) {
    await this.folder.removeEntry(sha256).catch(() => undefined);
  }

  /** Remove every file that is not listed. @param {Set<string>} kept */
  async removeOthers(kept) {
    const names = [];
    for await (const name of this.folder.keys()) if (!kept.has(name)) names.push(name);
    for (const name of names) await this.remove(name);
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<string>} */
export async function sha256Of(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
