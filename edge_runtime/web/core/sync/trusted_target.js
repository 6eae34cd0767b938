/** Which version of a pack its publisher wants now: the client profile of TUF. PROTOCOL.md has the steps. */

import { sha256 } from "../io/sha256.js";
import { checkedPackName, checkedSha256, checkedVersion as checkedPackVersion } from "../pack/pack_names.js";
import { checkedVersion, isObject, isSigned, parseMetadata, roleOf, untrusted } from "./metadata_file.js";

/** @typedef {import("./metadata_file.js").Fields} Fields */
/** @typedef {import("./metadata_file.js").Metadata} Metadata */
/** @typedef {import("./metadata_file.js").Role} Role */
/** @typedef {{version: string, lengthBytes: number, sha256: string, custom: Fields}} Target Of a pack's manifest. */
/**
 * @typedef {object} Device What a device has and can do.
 * @property {Date} now
 * @property {{bytes: Uint8Array} | {fingerprint: string}} pinned The publisher's root, or its SHA-256.
 * @property {Readonly<Record<string, Uint8Array | undefined>>} stored What `keep` was given before, by its key.
 * @property {(path: string, maxBytes: number) => Promise<Uint8Array | null>} fetchFile A file of the server; null for
 *   status 404 or 403. It stops at `maxBytes`, or returns more than that.
 * @property {(key: string, data: Uint8Array) => Promise<void>} keep Keeps a verified file under a key.
 */

const LIMITS = { root: 512_000, timestamp: 16_384, snapshot: 2_000_000, targets: 5_000_000 };
const MOST_ROOTS = 256;
const RESERVED = ["root", "targets", "snapshot", "timestamp", "online"];

/**
 * Verify a server's metadata, and return the target of a pack.
 *
 * @param {Device & {name: string}} device With the pack's name.
 * @returns {Promise<Target | null>} null: the publisher has no such pack, or has withdrawn it.
 * @throws {EdgeIdentifyError} `untrusted`: a signature, a version, an expiry or a file is not as it should be.
 */
export async function trustedTarget({ name, ...device }) {
  return new Verification(device).target(checkedPackName(name));
}

class Verification {
  /** @param {Device} device */
  constructor(device) {
    this._device = device;
  }

  /**
   * @param {string} name
   * @returns {Promise<Target | null>}
   */
  async target(name) {
    const root = await this._root();
    const timestamp = await this._timestamp(rootRole(root, "timestamp"));
    const snapshot = await this._named("snapshot", "snapshot", timestamp, rootRole(root, "snapshot"));
    const targets = await this._named("targets", "targets", snapshot, rootRole(root, "targets"));
    const path = `${name}/pack.json`;
    const own = targetIn(targets, path);
    return own ?? this._delegated(targets, snapshot, path);
  }

  /** @returns {Promise<Metadata>} The newest root. */
  async _root() {
    const { stored, keep } = this._device;
    let root = parseMetadata(stored.root ?? (await this._pinnedRoot()), "root", "root.json");
    await this._check(root, rootRole(root, "root"));
    for (let count = 0; count < MOST_ROOTS; count++) {
      const data = await this._fetch(`${root.version + 1}.root.json`, LIMITS.root);
      if (data === null) break;
      const next = parseMetadata(data, "root", `${root.version + 1}.root.json`);
      await this._check(next, rootRole(root, "root"));
      await this._check(next, rootRole(next, "root"));
      if (next.version !== root.version + 1) throw untrusted(`${next.where}: has the version ${next.version}`);
      root = next;
      await keep("root", data);
    }
    this._checkExpiry(root);
    return root;
  }

  /** @returns {Promise<Uint8Array>} */
  async _pinnedRoot() {
    const { pinned } = this._device;
    if ("bytes" in pinned) return pinned.bytes;
    const fingerprint = checkedSha256(pinned.fingerprint);
    for (let version = 1; version <= MOST_ROOTS; version++) {
      const data = await this._fetch(`${version}.root.json`, LIMITS.root);
      if (data === null) break;
      if ((await sha256(data)) === fingerprint) return data;
    }
    throw untrusted(`no root of the server has the fingerprint ${fingerprint.slice(0, 12)}...`);
  }

  /**
   * @param {Role} role
   * @returns {Promise<Metadata>}
   */
  async _timestamp(role) {
    const stored = await this._stored("timestamp", "timestamp", role);
    const fetched = parseMetadata(await this._needed("timestamp.json", LIMITS.timestamp), "timestamp", "timestamp.json");
    await this._check(fetched, role);
    if (stored !== null) {
      checkNotLower(fetched.version, stored.version, fetched.where);
      checkNotLower(entryOf(fetched, "snapshot").version, entryOf(stored, "snapshot").version, "snapshot.json");
    }
    const newest = stored?.version === fetched.version ? stored : fetched;
    this._checkExpiry(newest);
    await this._device.keep("timestamp", newest.data);
    return newest;
  }

  /**
   * Return a file of which another one names version, and perhaps length and hash.
   *
   * @param {string} file Its name without version and ending.
   * @param {"snapshot" | "targets"} type
   * @param {Metadata} naming
   * @param {Role} role
   * @param {string} [key] Under which it is kept.
   * @returns {Promise<Metadata>}
   */
  async _named(file, type, naming, role, key = file) {
    const entry = entryOf(naming, file);
    const stored = await this._stored(key, type, role);
    const isHere = stored?.version === entry.version;
    const found = isHere ? stored : await this._fetched(`${entry.version}.${file}.json`, type, entry, role);
    if (type === "snapshot" && stored !== null) checkNoneLost(found, stored);
    this._checkExpiry(found);
    await this._device.keep(key, found.data);
    return found;
  }

  /**
   * @param {string} path
   * @param {"snapshot" | "targets"} type
   * @param {{version: number, fields: Fields}} entry
   * @param {Role} role
   */
  async _fetched(path, type, entry, role) {
    const { length, hashes } = entry.fields;
    const data = await this._needed(path, length === undefined ? LIMITS[type] : Math.min(Number(length), LIMITS[type]));
    const hash = isObject(hashes) ? hashes.sha256 : undefined;
    const isOther = (length !== undefined && data.length !== length) || (hash !== undefined && (await sha256(data)) !== hash);
    if (isOther) throw untrusted(`${path}: is not the file that the metadata names`);
    const found = parseMetadata(data, type, path);
    await this._check(found, role);
    if (found.version !== entry.version) throw untrusted(`${path}: has the version ${found.version}`);
    return found;
  }

  /**
   * @param {Metadata} targets
   * @param {Metadata} snapshot
   * @param {string} path
   * @returns {Promise<Target | null>} What the first maker says to whom the path is delegated.
   */
  async _delegated(targets, snapshot, path) {
    const { delegations } = targets.signed;
    const roles = isObject(delegations) && Array.isArray(delegations.roles) ? delegations.roles : [];
    const maker = roles.find((role) => isObject(role) && Array.isArray(role.paths) && role.paths.some(matches(path)));
    if (maker === undefined) return null;
    const name = checkedPackName(String(maker.name)); // the same pattern
    if (RESERVED.includes(name)) throw untrusted(`targets.json: ${name} is no maker`);
    const role = roleOf(maker, delegations.keys, `targets.json: ${name}`);
    return targetIn(await this._named(name, "targets", snapshot, role, `maker-${name}`), path);
  }

  /**
   * @param {string} key
   * @param {"timestamp" | "snapshot" | "targets"} type
   * @param {Role} role
   * @returns {Promise<Metadata | null>} What was kept, if the role of today has still signed it.
   */
  async _stored(key, type, role) {
    const data = this._device.stored[key];
    if (data === undefined) return null;
    const found = parseMetadata(data, type, `${key} of before`);
    return (await isSigned(found, role)) ? found : null;
  }

  /**
   * @param {string} path
   * @param {number} maxBytes
   */
  async _fetch(path, maxBytes) {
    const data = await this._device.fetchFile(`tuf/${path}`, maxBytes);
    if (data !== null && data.length > maxBytes) throw untrusted(`${path}: is longer than ${maxBytes} bytes`);
    return data;
  }

  /**
   * @param {string} path
   * @param {number} maxBytes
   */
  async _needed(path, maxBytes) {
    const data = await this._fetch(path, maxBytes);
    if (data === null) throw untrusted(`${path}: is missing on the server`);
    return data;
  }

  /**
   * @param {Metadata} metadata
   * @param {Role} role
   */
  async _check(metadata, role) {
    if (!(await isSigned(metadata, role))) throw untrusted(`${metadata.where}: is not signed by its role`);
  }

  /** @param {Metadata} metadata */
  _checkExpiry({ expires, where }) {
    if (!(Date.parse(expires) > this._device.now.getTime())) throw untrusted(`${where}: expired on ${expires}`);
  }
}

/**
 * @param {Metadata} root
 * @param {string} name
 */
function rootRole(root, name) {
  const { roles, keys } = root.signed;
  return roleOf(isObject(roles) ? roles[name] : undefined, keys, `${root.where}: ${name}`);
}

/**
 * @param {Metadata} naming
 * @param {string} file
 * @returns {{version: number, fields: Fields}}
 */
function entryOf(naming, file) {
  const { meta } = naming.signed;
  const fields = isObject(meta) && Object.hasOwn(meta, `${file}.json`) ? meta[`${file}.json`] : undefined;
  if (!isObject(fields)) throw untrusted(`${naming.where}: does not name ${file}.json`);
  return { version: checkedVersion(fields.version, naming.where), fields };
}

/**
 * @param {Metadata} found
 * @param {Metadata} stored
 */
function checkNoneLost(found, stored) {
  for (const file of Object.keys(stored.signed.meta ?? {})) {
    const name = file.replace(/\.json$/, "");
    checkNotLower(entryOf(found, name).version, entryOf(stored, name).version, file);
  }
}

/**
 * @param {number} found
 * @param {number} before
 * @param {string} where
 */
function checkNotLower(found, before, where) {
  if (found < before) throw untrusted(`${where}: has the version ${found}, but ${before} was seen before`);
}

/**
 * @param {Metadata} targets
 * @param {string} path
 * @returns {Target | null}
 */
function targetIn(targets, path) {
  const all = targets.signed.targets;
  const found = isObject(all) && Object.hasOwn(all, path) ? all[path] : undefined;
  if (found === undefined) return null;
  const hash = isObject(found) && isObject(found.hashes) ? found.hashes.sha256 : undefined;
  if (!isObject(found.custom) || typeof hash !== "string" || !Number.isSafeInteger(found.length)) {
    throw untrusted(`${targets.where}: ${path} has no version, length or hash`);
  }
  return {
    version: checkedPackVersion(String(found.custom.version)),
    lengthBytes: found.length,
    sha256: checkedSha256(hash),
    custom: found.custom,
  };
}

/** @param {string} path */
function matches(path) {
  const parts = path.split("/");
  /** @param {unknown} pattern */
  return (pattern) => {
    const wanted = String(pattern).split("/");
    return wanted.length === parts.length && wanted.every((part, at) => isAlike(part, parts[at]));
  };
}

/**
 * @param {string} pattern `*` stands for any characters but a slash.
 * @param {string} part
 */
function isAlike(pattern, part) {
  const source = pattern.split("*").map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${source.join("[^/]*")}$`, "s").test(part);
}
