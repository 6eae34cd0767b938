/** The encoder interface: sessions that the app gives, and towers that run in them. */

import { damaged } from "../errors.js";

/** @typedef {Uint8Array | Int32Array | BigInt64Array | Float32Array} Numbers */
/** @typedef {{type: string, data: Numbers, dims: readonly number[]}} Tensor `type` is uint8, int64 or float32. */
/** @typedef {{run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>}} Session A loaded graph. */
/** @typedef {(model: Uint8Array) => Promise<Session>} CreateSession From the bytes of an ONNX file. */
/** @typedef {import("../pack/manifest.js").Variant} Variant */
/** @typedef {import("../pack/pack_reader.js").Pack} Pack */

/** An image or text tower of a pack. */
export class Encoder {
  /**
   * @param {Session} session
   * @param {Variant} variant
   */
  constructor(session, variant) {
    this._session = session;
    this._variant = variant;
  }

  get variantName() {
    return this._variant.name;
  }

  /**
   * Return the embeddings of a batch, one after the other.
   *
   * @param {"uint8" | "int64"} type
   * @param {Numbers} data Pixels [n, size, size, 3] for an image tower, token ids [n, context length] for a text tower.
   * @param {number[]} dims
   * @returns {Promise<Float32Array[]>} Unit vectors.
   */
  async embed(type, data, dims) {
    const { input, output, model } = this._variant;
    const found = (await runGraph(this._session, { [input.name]: { type, data, dims } }, model))[output.name];
    const isRight = found?.dims.length === 2 && found.dims[0] === dims[0];
    if (!isRight || !(found.data instanceof Float32Array) || !found.data.every(Number.isFinite)) {
      throw damaged(`${model}: returns shape [${found?.dims.join(", ")}] or NaN for ${dims[0]} inputs`);
    }
    const all = found.data;
    return Array.from({ length: dims[0] }, (_, at) => all.slice(at * found.dims[1], (at + 1) * found.dims[1]));
  }
}

/**
 * Load a variant of a tower; its file's hash is checked first.
 *
 * @param {Pack} pack
 * @param {Variant} variant
 * @param {CreateSession} createSession
 */
export async function loadEncoder(pack, variant, createSession) {
  return new Encoder(await loadGraph(pack, variant.model, createSession), variant);
}

/**
 * @param {Pack} pack
 * @param {string} model
 * @param {CreateSession} createSession
 * @returns {Promise<Session>}
 */
export async function loadGraph(pack, model, createSession) {
  const data = await pack.file(model);
  try {
    return await createSession(data);
  } catch (error) {
    throw damaged(`${model}: ONNX Runtime cannot load this model (${firstLine(error)})`, { cause: error });
  }
}

/**
 * @param {Session} session
 * @param {Record<string, Tensor>} feeds
 * @param {string} model
 */
export async function runGraph(session, feeds, model) {
  try {
    return await session.run(feeds);
  } catch (error) {
    throw damaged(`${model}: does not run as the manifest says (${firstLine(error)})`, { cause: error });
  }
}

/** @param {unknown} error */
function firstLine(error) {
  return String(error instanceof Error ? error.message : error).split("\n")[0];
}
