// @ts-check
/** Calls from the page to the worker, where everything heavy happens. */

import { AppError } from "./app_error.js";

/** @typedef {{resolve: (value: any) => void, reject: (error: Error) => void, onProgress: (progress: any) => void}} Waiting */

export class WorkerClient {
  /** @param {() => Worker} start Called before the first call, so that the first screen does not wait for it. */
  constructor(start) {
    this.start = start;
    this.next = 1;
    /** @type {Map<number, Waiting>} */
    this.waiting = new Map();
    /** @type {Worker | null} */
    this.started = null;
  }

  /** The running worker. */
  get worker() {
    if (!this.started) {
      this.started = this.start();
      this.started.onmessage = (event) => this.#received(event.data);
      this.started.onerror = (event) => this.#failed(event.message || "the worker could not start");
    }
    return this.started;
  }

  /**
   * Call a method of the worker.
   *
   * @param {string} method
   * @param {object} [values]
   * @param {{onProgress?: (progress: any) => void, signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  call(method, values = {}, { onProgress = () => {}, signal } = {}) {
    const id = this.next++;
    const { worker } = this;
    signal?.addEventListener("abort", () => worker.postMessage({ id, cancel: true }));
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, onProgress });
      worker.postMessage({ id, method, values });
    });
  }

  /** @param {{id: number, result?: any, error?: {code: string, message: string, detail: string}, progress?: any}} message */
  #received({ id, result, error, progress }) {
    const call = this.waiting.get(id);
    if (!call) return;
    if (progress !== undefined) return call.onProgress(progress);
    this.waiting.delete(id);
    if (error) call.reject(new AppError(error.code, error.message, error.detail));
    else call.resolve(result);
  }

  /** @param {string} reason */
  #failed(reason) {
    for (const call of this.waiting.values()) call.reject(new AppError("worker-failed", reason));
    this.waiting.clear();
    this.started = null; // the next call tries again
  }
}
