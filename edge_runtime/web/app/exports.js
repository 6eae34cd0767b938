// @ts-check
/** The history as CSV, GeoJSON and a zip with the photos. */

/** @typedef {import("./history.js").Entry} Entry */

const COLUMNS = ["id", "time_utc", "pack", "pack_version", "decision", "reference_id", "reference_name", "confidence", "similarity",
  "correction", "correction_id", "correction_name", "note", "latitude", "longitude", "accuracy_m", "photos"];

/**
 * Return one row of facts for each entry.
 *
 * @param {Entry} entry
 * @returns {Record<string, string | number | null>}
 */
function row(entry) {
  const [best] = entry.answer.matches;
  const { correction, position } = entry;
  return {
    id: entry.id,
    time_utc: new Date(entry.askedAt).toISOString(),
    pack: entry.pack.name,
    pack_version: entry.pack.version,
    decision: entry.answer.decision,
    reference_id: best?.id ?? null,
    reference_name: best?.name ?? null,
    confidence: best?.confidence ?? null,
    similarity: best?.score ?? null,
    correction: correction?.kind ?? null,
    correction_id: correction?.kind === "reference" ? correction.id : null,
    correction_name: correction?.name ?? null,
    note: entry.note,
    latitude: position?.latitude ?? null,
    longitude: position?.longitude ?? null,
    accuracy_m: position?.accuracyM ?? null,
    photos: photoNames(entry).join(" "),
  };
}

/** @param {Entry} entry @returns {string[]} Names of its photos in the zip. */
export function photoNames(entry) {
  return entry.photos.map((photo, at) => `photos/${entry.id}-${at + 1}${endingOf(photo.type)}`);
}

/** @param {string} type */
function endingOf(type) {
  const endings = { "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/heic": ".heic", "image/avif": ".avif", "image/gif": ".gif" };
  return endings[/** @type {keyof typeof endings} */ (type)] ?? "";
}

/** @param {Entry[]} entries @returns {string} RFC 4180. */
export function toCsv(entries) {
  const lines = entries.map(row).map((facts) => COLUMNS.map((column) => csvField(facts[column])).join(","));
  return [COLUMNS.join(","), ...lines, ""].join("\r\n");
}

/**
 * Return a field. A text that a spreadsheet would run as a formula begins with an apostrophe.
 *
 * @param {string | number | null} value
 */
function csvField(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @param {Entry[]} entries @returns {string} RFC 7946; an entry without a position has no geometry. */
export function toGeoJson(entries) {
  const features = entries.map((entry) => ({
    type: "Feature",
    id: entry.id,
    geometry: entry.position ? { type: "Point", coordinates: [entry.position.longitude, entry.position.latitude] } : null,
    properties: row(entry),
  }));
  return JSON.stringify({ type: "FeatureCollection", features }, null, 1);
}

/**
 * Return a zip of the history: CSV, GeoJSON, the whole answers, and the photos. Nothing is compressed: photos already are.
 *
 * @param {Entry[]} entries
 * @returns {Promise<Blob>}
 */
export async function toZip(entries) {
  const texts = { "history.csv": toCsv(entries), "history.geojson": toGeoJson(entries), "answers.json": JSON.stringify(entries.map(withoutPhotos), null, 1) };
  const files = Object.entries(texts).map(([name, value]) => ({ name, data: new Blob([value]) }));
  for (const entry of entries) photoNames(entry).forEach((name, at) => files.push({ name, data: entry.photos[at] }));
  return zipped(files);
}

/** @param {Entry} entry */
function withoutPhotos({ photos: _, ...entry }) {
  return entry;
}

/**
 * Return a zip without compression (APPNOTE 6.3, method 0).
 *
 * @param {{name: string, data: Blob}[]} files
 * @returns {Promise<Blob>}
 */
export async function zipped(files) {
  /** @type {BlobPart[]} */
  const parts = [];
  /** @type {BlobPart[]} */
  const directory = [];
  let [at, directoryBytes] = [0, 0];
  for (const { name, data } of files) {
    const title = new TextEncoder().encode(name);
    const check = crc32(new Uint8Array(await data.arrayBuffer()));
    const facts = [20, 0x0800, 0, 0, 0x21]; // version, UTF-8 names, stored, midnight, 1 January 1980
    const local = fields([[4, 0x04034b50], ...facts.map(twoBytes), [4, check], [4, data.size], [4, data.size], [2, title.length], [2, 0]]);
    const central = fields([[4, 0x02014b50], [2, 20], ...facts.map(twoBytes), [4, check], [4, data.size], [4, data.size], [2, title.length], [2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, at]]);
    parts.push(local, title, data);
    directory.push(central, title);
    at += local.length + title.length + data.size;
    directoryBytes += central.length + title.length;
  }
  const end = fields([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, directoryBytes], [4, at], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** @param {number} value @returns {[number, number]} */
function twoBytes(value) {
  return [2, value];
}

/** @param {[number, number][]} values Bytes and value of each field. @returns {Uint8Array<ArrayBuffer>} Little-endian. */
function fields(values) {
  const bytes = new Uint8Array(values.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of values) {
    if (size === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += size;
  }
  return bytes;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/** @param {Uint8Array} bytes @returns {number} CRC-32 (ISO 3309). */
export function crc32(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = CRC_TABLE[(rest ^ byte) & 0xff] ^ (rest >>> 8);
  return (rest ^ 0xffffffff) >>> 0;
}
