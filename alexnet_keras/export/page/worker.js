/**
 * The network, in a thread of its own, so that the page stays responsive.
 *
 * This is a classic worker, because LiteRT.js loads its WebAssembly with importScripts, which a module worker lacks.
 * Messages are `{id, task, options}`; answers are `{id, result}`, `{id, error}`, or `{progress}` while files are loaded.
 */

const RUNTIME = new URL("litert/", self.location.href).href;
const MOST_THREADS = 4; // more do not pay for one image
const GREY = 127; // covers a part of the image, as in alexnet_keras.figures.evidence

let image; // the module image.js
let litert; // the module litert/core.js
let settings; // network.json
let models; // {network, conv1}
let crop; // RGBA of the last image

const tasks = {
  /** Load the runtime and both models. */
  async load(options) {
    settings = options.settings;
    image = await import("./image.js");
    litert = await import("./litert/core.js");
    const isolated = self.crossOriginIsolated;
    const threaded = isolated && (await litert.supportsFeature("relaxedSimd")) && navigator.hardwareConcurrency > 1;
    self.Module = {
      locateFile: (name) => RUNTIME + name,
      mainScriptUrlOrBlob: `${RUNTIME}litert_wasm_threaded_internal.js`, // each further thread runs this script
    };
    await litert.loadLiteRt(RUNTIME, { threads: threaded });
    const numThreads = threaded ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
    const compile = (bytes) => litert.loadAndCompile(bytes, { accelerator: "wasm", cpuOptions: { numThreads } });
    models = {
      network: await compile(await download("model.tflite", settings.bytes)),
      conv1: await compile(await download("conv1.tflite")),
    };
    const grey = new Uint8ClampedArray(4 * settings.inputSize ** 2).fill(GREY);
    await run(models.network, grey); // the first call allocates, so its time is longer
    return { numThreads, isolated };
  },

  /** Classify an image: a file, or pixels of the camera. */
  async classify({ file, bitmap, name }) {
    const start = performance.now();
    const decoded = bitmap ?? (await image.decode(file, settings.upright));
    try {
      crop = image.cropCenter(decoded, name, settings);
    } finally {
      decoded.close();
    }
    const read = performance.now() - start;
    const { output, milliseconds } = await run(models.network, crop);
    return { crop, probabilities: output, milliseconds: { read, network: milliseconds } };
  },

  /** Compute the feature maps of conv1 for the last image: `(rows, columns, channels)` in one array. */
  async conv1() {
    const { output, shape } = await run(models.conv1, crop);
    return { maps: output, shape };
  },

  /** Return the probabilities of the last image with a grey square on it. */
  async occlude({ top, left, size }) {
    const side = settings.inputSize;
    const covered = crop.slice();
    for (let y = top; y < top + size; y++) covered.fill(GREY, 4 * (y * side + left), 4 * (y * side + left + size));
    return (await run(models.network, covered)).output;
  },
};

/** Download a file, and report its progress if its size is known. */
async function download(name, total) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name} cannot be loaded (${response.status} ${response.statusText}).`);
  const chunks = [];
  let received = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    received += value.length;
    if (total) self.postMessage({ progress: received / total });
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** Run a model on RGBA pixels, whose colors it takes as float32 from 0 to 255. */
async function run(model, pixels) {
  const side = settings.inputSize;
  const colors = new Float32Array(3 * side * side);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    colors[to++] = pixels[from];
    colors[to++] = pixels[from + 1];
    colors[to++] = pixels[from + 2];
  }
  const start = performance.now();
  const input = new litert.Tensor(colors, [1, side, side, 3]);
  const [tensor] = await model.run([input]);
  const output = await tensor.data();
  const milliseconds = performance.now() - start;
  const shape = tensor.type.layout.dimensions.slice(1);
  input.delete();
  tensor.delete();
  return { output, shape, milliseconds };
}

let last = Promise.resolve(); // tasks are done one after the other

self.addEventListener("message", ({ data: { id, task, options } }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id, result: await tasks[task](options) });
    } catch (error) {
      self.postMessage({ id, error: { name: error.name, message: error.message || String(error) } });
    }
  });
});
