/** Sessions by ONNX Runtime: onnxruntime-web, onnxruntime-node or onnxruntime-react-native, whichever the app gives. */

/** @typedef {import("./encoder.js").CreateSession} CreateSession */
/** @typedef {import("./encoder.js").Tensor} Tensor */
/**
 * @typedef {object} OnnxRuntime The part of the library's module that is used.
 * @property {{create(model: Uint8Array, options?: object): Promise<any>}} InferenceSession
 * @property {new (type: any, data: any, dims: readonly number[]) => any} Tensor
 */

/**
 * @param {OnnxRuntime} ort The library's module. For the web, set `ort.env.wasm.wasmPaths` and `numThreads` before.
 * @param {object} [options] Options of its sessions, such as `executionProviders`.
 * @returns {CreateSession}
 */
export function onnxSessions(ort, options = {}) {
  return async (model) => {
    const session = await ort.InferenceSession.create(model, options);
    return {
      run(feeds) {
        const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [
          name,
          new ort.Tensor(type, data, dims),
        ]);
        return session.run(Object.fromEntries(tensors));
      },
    };
  };
}
