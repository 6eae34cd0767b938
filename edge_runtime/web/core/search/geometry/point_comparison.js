/** Compares photos point by point with the reference images of one pack. */

import { SetupError, damaged } from "../../errors.js";
import { DescriptorTable } from "../../pack/descriptors_file.js";
import { ThumbnailTable } from "../../pack/thumbnails_file.js";
import { pixelsOf } from "../../photos/images.js";
import { thumbnail } from "../../photos/resampling.js";
import { loadFeatureNet } from "./local_feature_net.js";
import { findAgreement } from "./point_agreement.js";

/** @typedef {import("../../pack/pack_reader.js").Pack} Pack */
/** @typedef {import("../../photos/images.js").Image} Image */
/** @typedef {import("../../pack/manifest.js").LocalFeaturesSpec} LocalFeaturesSpec */
/** @typedef {import("./local_feature_net.js").LocalFeatureNet} LocalFeatureNet */
/** @typedef {import("./point_agreement.js").Agreement} Agreement */
/** @typedef {import("./points.js").Points} Points */
/** @typedef {import("../../pack_identifier.js").Runtime} Runtime */
/** @typedef {{width: number, height: number}} Size */
/** @typedef {Agreement & {photo: Size, reference: Size}} Comparison The sizes are those of the compared images. */

export const CANDIDATES = 10; // most similar references that are compared
const KEPT_POINTS = 128; // references whose points are kept

/** The points of photos, by photo and net: several packs may use the same net. */
export class PhotoPoints {
  constructor() {
    /** @type {WeakMap<Image, Map<string, Promise<Points>>>} */
    this._known = new WeakMap();
  }

  /**
   * @param {Image} image
   * @param {LocalFeatureNet} net
   * @param {string} netKey
   * @returns {Promise<Points>}
   */
  of(image, net, netKey) {
    const known = this._known.get(image) ?? new Map();
    this._known.set(image, known);
    const { photo } = net.spec;
    const found = known.get(netKey) ?? net.findPoints(thumbnail(pixelsOf(image), photo.sidePx), photo);
    known.set(netKey, found);
    return found;
  }
}

/** The comparison with one pack. The net and the references' points are loaded when the first photo needs them. */
export class PointComparison {
  /**
   * @param {Pack} pack
   * @param {Runtime} runtime
   * @param {PhotoPoints} photoPoints
   */
  constructor(pack, runtime, photoPoints) {
    this._pack = pack;
    this._runtime = runtime;
    this._photoPoints = photoPoints;
    /** @type {Promise<ThumbnailTable | null> | null} */
    this._thumbnails = null;
    /** @type {Promise<Opened> | null} */
    this._opened = null;
    /** @type {Map<number, Promise<Points | null>>} */
    this._known = new Map();
    /** @type {import("../taught.js").Taught | null} */
    this._taught = null;
  }

  /**
   * Compare photos with what a person taught, too.
   *
   * @param {import("../taught.js").Taught | null} taught
   */
  setTaught(taught) {
    this._taught = taught;
    this._known.clear(); // its ids now stand for other pictures
  }

  /**
   * @param {Image} image
   * @param {ReadonlyArray<number | null>} indexIds
   * @returns {Promise<number[]>} How many points agree with each reference image; 0 if too few do.
   */
  async counts(image, indexIds) {
    const counts = [];
    for (const indexId of indexIds) {
      const found = indexId === null ? null : await this.compare(image, indexId);
      counts.push(found?.inPhoto.length ?? 0);
    }
    return counts;
  }

  /**
   * @param {Image} image
   * @param {number} indexId
   * @returns {Promise<Comparison | null>} null if too few points agree.
   */
  async compare(image, indexId) {
    const opened = await this._open();
    const photo = await this._photoPoints.of(image, opened.net, opened.netKey);
    const reference = await this._pointsOf(indexId, opened);
    const found = reference && findAgreement(photo, reference, opened.net.spec.leastSimilarity);
    if (!found || !reference) return null;
    return { ...found, photo: sizeOf(photo), reference: sizeOf(reference) };
  }

  /**
   * @param {Image} image
   * @returns {Promise<Points>} The points of a photo, by the recipe for photos, at its own size.
   */
  async photoPoints(image) {
    const { net } = await this._open();
    return net.findPoints(pixelsOf(image), net.spec.photo);
  }

  /** @returns {Promise<ThumbnailTable | null>} The pack's thumbnails; null if it has none. */
  thumbnails() {
    this._thumbnails ??= openThumbnails(this._pack);
    return this._thumbnails;
  }

  /** @typedef {{net: LocalFeatureNet, netKey: string, find: (indexId: number) => Promise<Points | null>}} Opened */

  /** @returns {Promise<Opened>} */
  _open() {
    this._opened ??= this._load();
    return this._opened;
  }

  /** @returns {Promise<Opened>} */
  async _load() {
    const { localFeatures: spec, index, files, name } = this._pack.manifest;
    if (spec === null) {
      throw new SetupError(`pack ${name} has no local features, which a comparison of points needs`);
    }
    const net = await loadFeatureNet(this._pack, spec, this._runtime.createSession);
    const netKey = JSON.stringify([files.get(spec.onnxVariant.model)?.sha256, spec]);
    if (spec.descriptorsFile === null) return { net, netKey, find: await this._thumbnailPoints(net) };
    const table = new DescriptorTable(await this._pack.file(spec.descriptorsFile), {
      dim: spec.dim,
      mostPoints: spec.reference.mostPoints,
      mostImages: index.count,
      where: spec.descriptorsFile,
    });
    return { net, netKey, find: async (indexId) => table.points(indexId) };
  }

  /**
   * @param {LocalFeatureNet} net
   * @returns {Promise<(indexId: number) => Promise<Points | null>>}
   */
  async _thumbnailPoints(net) {
    const table = await this.thumbnails();
    return async (indexId) => {
      const webp = table?.webp(indexId);
      if (!webp) return null;
      const image = await decodedThumbnail(webp, indexId, this._pack, this._runtime);
      return net.findPoints(pixelsOf(image), net.spec.reference);
    };
  }

  /**
   * @param {number} indexId
   * @param {LocalFeatureNet} net
   * @returns {Promise<Points | null>}
   */
  async _taughtPoints(indexId, net) {
    const image = (await this._taught?.image(indexId)) ?? null;
    return image && net.findPoints(pixelsOf(image), net.spec.reference);
  }

  /**
   * @param {number} indexId
   * @param {Opened} opened
   */
  _pointsOf(indexId, { find, net }) {
    const found = this._known.get(indexId) ?? (indexId < 0 ? this._taughtPoints(indexId, net) : find(indexId));
    this._known.set(indexId, found);
    const [oldest] = this._known.keys();
    if (this._known.size > KEPT_POINTS) this._known.delete(oldest);
    return found;
  }
}

/**
 * @param {Pack} pack
 * @returns {Promise<ThumbnailTable | null>}
 */
async function openThumbnails(pack) {
  const spec = pack.manifest.thumbnails;
  return spec === null ? null : new ThumbnailTable(await pack.file(spec.file), spec.file);
}

/**
 * @param {Uint8Array} webp
 * @param {number} indexId
 * @param {Pack} pack
 * @param {Runtime} runtime
 * @returns {Promise<Image>}
 */
async function decodedThumbnail(webp, indexId, pack, runtime) {
  const image = await runtime.decodeImage(webp);
  const most = pack.manifest.thumbnails?.sidePx ?? 0;
  if (Math.max(image.width, image.height) > most) {
    throw damaged(
      `the thumbnail of image ${indexId} has ${image.width} x ${image.height} pixels; a side may have ${most} at most`,
    );
  }
  return image;
}

/** @param {Points} points */
function sizeOf({ width, height }) {
  return { width, height };
}
