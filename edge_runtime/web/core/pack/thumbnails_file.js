/** The thumbnails of a pack: small WebP images of its references, in a SQLite file. */

import { damaged } from "../errors.js";
import { SqliteFile } from "./sqlite_file.js";

export const MAX_THUMBNAIL_BYTES = 2 ** 22;

/** Lookups in the thumbnails of a pack. */
export class ThumbnailTable {
  /**
   * @param {Uint8Array} data The file's bytes, whose hash was checked.
   * @param {string} where The file's name in messages.
   */
  constructor(data, where) {
    this._where = where;
    this._file = new SqliteFile(data, { where, maxRowBytes: MAX_THUMBNAIL_BYTES + 1024 });
  }

  /**
   * @param {number} indexId
   * @returns {Uint8Array | null} The thumbnail of the image with this vector, as WebP; null if there is none.
   */
  webp(indexId) {
    const row = this._file.row("thumbnail", indexId, ["webp"]);
    if (row === null) return null;
    const [data] = row;
    if (!(data instanceof Uint8Array) || ascii(data, 0) !== "RIFF" || ascii(data, 8) !== "WEBP") {
      throw damaged(
        `${this._where}: the thumbnail of image ${indexId} is damaged (does not begin like a WebP file); ` +
          "build or fetch the pack again",
      );
    }
    return data;
  }
}

/**
 * @param {Uint8Array} data
 * @param {number} at
 */
function ascii(data, at) {
  return String.fromCharCode(...data.subarray(at, at + 4));
}
