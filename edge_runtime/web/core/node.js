/** A pack in a folder, for Node. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { PackError } from "./errors.js";

/**
 * @param {string} folder The folder that holds `pack.json`.
 * @returns {import("./pack/pack_reader.js").Storage}
 */
export function folderStorage(folder) {
  return {
    async read(path) {
      try {
        return await readFile(join(folder, path));
      } catch (error) {
        const { code } = /** @type {NodeJS.ErrnoException} */ (error);
        throw new PackError(
          code === "ENOENT" ? "pack-not-found" : "pack-damaged",
          `${join(folder, path)}: cannot be read (${code}); give the folder of a pack`,
          { cause: error },
        );
      }
    },
  };
}
