/** The network, as the page sees it: each method sends a task to the worker and returns a promise of its result. */

import { ImageError } from "./image.js";

export class Network {
  /** @param {function(number): void} onProgress takes the fraction of the model that has been downloaded */
  constructor(settings, onProgress) {
    this.settings = settings;
    this.sent = 0;
    this.waiting = new Map(); // number of a task -> the functions that settle its promise
    this.worker = new Worker("worker.js");
    this.worker.addEventListener("message", ({ data }) => {
      if (data.progress !== undefined) onProgress(data.progress);
      else this.#settle(data);
    });
    this.worker.addEventListener("error", (event) => {
      const error = { message: event.message || "its program cannot be loaded" };
      for (const id of [...this.waiting.keys()]) this.#settle({ id, error });
    });
  }

  #settle({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (!error) resolve(result);
    else reject(error.name === "ImageError" ? new ImageError(error.message) : new Error(error.message));
  }

  #send(task, options, transfer = []) {
    const id = this.sent++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, task, options }, transfer);
    });
  }

  /** @returns {Promise<{numThreads: number, isolated: boolean}>} */
  load() {
    return this.#send("load", { settings: this.settings });
  }

  /** @returns {Promise<{crop: Uint8ClampedArray, probabilities: Float32Array, milliseconds: object}>} */
  classifyFile(file) {
    return this.#send("classify", { file, name: file.name });
  }

  classifyBitmap(bitmap, name) {
    return this.#send("classify", { bitmap, name }, [bitmap]);
  }

  /** @returns {Promise<{maps: Float32Array, shape: number[]}>} of the last image */
  conv1() {
    return this.#send("conv1");
  }

  /** @returns {Promise<Float32Array>} the probabilities of the last image with a grey square on it */
  occlude(top, left, size) {
    return this.#send("occlude", { top, left, size });
  }
}
