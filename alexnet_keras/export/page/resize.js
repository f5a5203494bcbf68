/**
 * The resizing of alexnet_keras.data.image_ops: bilinear, with a filter that widens where the image shrinks.
 *
 * Only the pixels of the crop are computed. This module needs neither a page nor a worker.
 */

/** Round to the nearest integer, halves to the even one, as NumPy and TensorFlow do. */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

/**
 * Find which of `length` pixels of a line contribute to each of `count` resized pixels, and with which weights.
 *
 * @param {number} count number of resized pixels
 * @param {number} scale resized length divided by `length`
 * @param {number} corner index of the first resized pixel
 * @param {number} length number of pixels of the line
 * @returns {{starts: Int32Array, weights: Float32Array, taps: number}} for each resized pixel, the first contributing
 *   pixel, and `taps` weights whose sum is 1
 */
export function spans(count, scale, corner, length) {
  const radius = Math.max(1, 1 / scale);
  const taps = Math.min(Math.floor(2 * radius) + 1, length);
  const starts = new Int32Array(count);
  const weights = new Float32Array(count * taps);
  for (let index = 0; index < count; index++) {
    const center = (corner + index + 0.5) / scale;
    const start = Math.min(Math.max(Math.ceil(center - radius - 0.5), 0), length - taps);
    const triangle = Array.from({ length: taps }, (_, tap) =>
      Math.max(0, 1 - Math.abs(start + tap + 0.5 - center) / radius),
    );
    const total = triangle.reduce((sum, weight) => sum + weight);
    weights.set(triangle.map((weight) => weight / total), index * taps);
    starts[index] = start;
  }
  return { starts, weights, taps };
}

/**
 * Resize the shorter side of an image to `storedSize` pixels, and crop the center.
 *
 * @param {number} height of the image
 * @param {number} width of the image
 * @param {number} storedSize the shorter side after resizing
 * @param {number} side of the crop, at most `storedSize`
 * @param {function(number, number, number, number): Uint8ClampedArray} read returns the RGBA pixels of a part of the
 *   image: `read(left, top, width, height)`. It is called for a few rows at a time, from top to bottom.
 * @returns {Uint8ClampedArray} RGBA, `side` x `side` pixels
 */
export function resizeAndCrop(height, width, storedSize, side, read) {
  const factor = Math.fround(storedSize / Math.min(height, width));
  const [rows, columns] = [height, width].map((length) => {
    const resized = roundHalfEven(Math.fround(length * factor));
    const corner = Math.floor((resized - storedSize) / 2) + Math.floor((storedSize - side) / 2);
    return spans(side, resized / length, corner, length);
  });
  const left = columns.starts[0];
  const values = columns.starts[side - 1] + columns.taps - left;
  const lines = resizeRows(rows, side, left, values, read);
  return resizeColumns(columns, side, left, lines);
}

const STRIP = 64; // rows of the image that are read at once, which bounds the memory

/** Resize the rows: return one Float32Array of RGB for each row of the crop. */
function resizeRows(rows, side, left, width, read) {
  const lines = Array.from({ length: side }, () => new Float32Array(3 * width));
  const bottom = rows.starts[side - 1] + rows.taps;
  for (let top = rows.starts[0]; top < bottom; top += STRIP) {
    const height = Math.min(STRIP, bottom - top);
    const pixels = read(left, top, width, height);
    for (let y = 0; y < side; y++) {
      const first = Math.max(rows.starts[y], top);
      const last = Math.min(rows.starts[y] + rows.taps, top + height);
      for (let row = first; row < last; row++) {
        addRow(lines[y], pixels, (row - top) * width * 4, rows.weights[y * rows.taps + row - rows.starts[y]]);
      }
    }
  }
  return lines;
}

function addRow(line, pixels, start, weight) {
  if (weight === 0) return;
  for (let to = 0, from = start; to < line.length; to += 3, from += 4) {
    line[to] += weight * pixels[from];
    line[to + 1] += weight * pixels[from + 1];
    line[to + 2] += weight * pixels[from + 2];
  }
}

/** Resize the columns, and round: an array of this type clamps to 0..255 and rounds halves to the even integer. */
function resizeColumns(columns, side, left, lines) {
  const crop = new Uint8ClampedArray(4 * side * side).fill(255);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let tap = 0; tap < columns.taps; tap++) {
          const from = 3 * (columns.starts[x] - left + tap) + channel;
          sum += columns.weights[x * columns.taps + tap] * lines[y][from];
        }
        crop[4 * (y * side + x) + channel] = sum;
      }
    }
  }
  return crop;
}
