/** The listing of a server, `packs.json`, and the layout of the published tree. */

import { PackError, badFormat } from "../errors.js";
import { parseJsonObject } from "../io/json_fields.js";
import { MAX_MANIFEST_BYTES } from "../pack/manifest.js";
import {
  checkedPackName,
  checkedPath,
  checkedSha256,
  checkedVersion,
  compareVersions,
} from "../pack/pack_names.js";

/** @typedef {import("../io/json_fields.js").JsonObject} JsonObject */
/** @typedef {import("../pack/manifest.js").FileEntry} FileEntry */
/**
 * @typedef {object} OfferedVersion
 * @property {string} version
 * @property {FileEntry} manifest Its path in the tree, length and hash.
 * @property {number} sizeBytes Of all files, with all variants; a device fetches less.
 * @property {string} publishedUtc As the listing has it.
 */
/** @typedef {{name: string, title: string, newest: OfferedVersion, versions: OfferedVersion[]}} OfferedPack */

export const LISTING_NAME = "packs.json";
export const MAX_LISTING_BYTES = 8 * 2 ** 20;
const LISTING_FORMAT = 1;
const MAX_SIZE_BYTES = 2 ** 50;

/**
 * @param {string} name
 * @param {string} version
 */
export function manifestPath(name, version) {
  return `manifests/${name}/${version}.json`;
}

/** @param {string} sha256 */
export function blobPath(sha256) {
  return `blobs/sha256/${sha256.slice(0, 2)}/${sha256}`;
}

/**
 * @param {Uint8Array} data The bytes of `packs.json`.
 * @param {string} [where] The file's name in messages.
 * @returns {OfferedPack[]} Sorted by name.
 * @throws {PackError} `pack-newer-format`, or `pack-format`: not JSON, or a field is missing or out of range.
 */
export function parseListing(data, where = LISTING_NAME) {
  const fields = parseJsonObject(data, { where, maxBytes: MAX_LISTING_BYTES });
  const format = fields.integer("format", { least: 1 });
  if (format > LISTING_FORMAT) {
    throw new PackError(
      "pack-newer-format",
      `${where}: listing format ${format}, but this software reads up to ${LISTING_FORMAT}; update the app`,
    );
  }
  const packs = fields.objects("packs").map(offeredPack);
  if (new Set(packs.map((pack) => pack.name)).size < packs.length) throw badFormat(`${where}: lists a pack twice`);
  return packs.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/**
 * @param {JsonObject} fields
 * @returns {OfferedPack}
 */
function offeredPack(fields) {
  const versions = fields.objects("versions").map(offeredVersion);
  versions.sort((one, other) => compareVersions(other.version, one.version));
  const [newest] = versions;
  if (newest === undefined) throw badFormat(`${fields.where}: has no version`);
  if (new Set(versions.map((each) => each.version)).size < versions.length) {
    throw badFormat(`${fields.where}: lists a version twice`);
  }
  const told = checkedVersion(fields.text("newest"));
  if (told !== newest.version) {
    throw badFormat(`${fields.where}: \`newest\` is ${told}, but it lists ${newest.version}`);
  }
  return { name: checkedPackName(fields.text("name")), title: fields.text("title"), newest, versions };
}

/**
 * @param {JsonObject} fields
 * @returns {OfferedVersion}
 */
function offeredVersion(fields) {
  const manifest = fields.object("manifest");
  return {
    version: checkedVersion(fields.text("version")),
    manifest: {
      path: checkedPath(manifest.text("path")),
      lengthBytes: manifest.integer("length_bytes", { least: 1, most: MAX_MANIFEST_BYTES }),
      sha256: checkedSha256(manifest.text("sha256")),
    },
    sizeBytes: fields.integer("size_bytes", { most: MAX_SIZE_BYTES }),
    publishedUtc: fields.text("published_utc"),
  };
}
