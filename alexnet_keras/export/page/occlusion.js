/** Occlusion maps, as in alexnet_keras.figures.evidence (Zeiler and Fergus 2014). */

import { roundHalfEven } from "./resize.js";

const SIZE = 40 / 227; // sides of the square and of its step, as fractions of the image
const STRIDE = 12 / 227;

/** The side of the square in pixels. */
export function squareSize(side) {
  return Math.round(SIZE * side);
}

/** The first rows (or columns) of the squares. The last square touches the border. */
function places(side, size, stride) {
  const steps = Math.ceil((side - size) / stride);
  return Array.from({ length: steps + 1 }, (_, index) => roundHalfEven((index * (side - size)) / steps));
}

/**
 * Compute how much the probability of a class falls when a grey square covers a pixel.
 *
 * @param {function(number, number, number): Promise<number>} probability of the class with a square on the image:
 *   `probability(top, left, size)`
 * @param {number} whole the probability without a square
 * @param {number} side of the image in pixels
 * @param {{signal: AbortSignal, onProgress: function(number): void}} options
 * @returns {Promise<Float32Array>} for each pixel, the mean fall over all squares that cover it
 * @throws the reason of `signal` if it is aborted
 */
export async function occlusionMap(probability, whole, side, { signal, onProgress }) {
  const size = squareSize(side);
  const starts = places(side, size, Math.max(1, Math.round(STRIDE * side)));
  const falls = new Float32Array(side * side);
  const counts = new Float32Array(side * side);
  let done = 0;
  for (const top of starts) {
    for (const left of starts) {
      signal.throwIfAborted();
      const fall = whole - (await probability(top, left, size));
      for (let y = top; y < top + size; y++) {
        for (let x = left; x < left + size; x++) {
          falls[y * side + x] += fall;
          counts[y * side + x] += 1;
        }
      }
      onProgress(++done / starts.length ** 2);
    }
  }
  signal.throwIfAborted();
  return falls.map((fall, index) => fall / counts[index]);
}
