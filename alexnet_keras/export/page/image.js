/** From an image file to the crop that the network sees. This module works in a page and in a worker. */

import { resizeAndCrop } from "./resize.js";

const MAX_PIXELS = 2 ** 26; // as in alexnet_keras.data.decode
const MIN_SIDE = 2;
const HEAD_BYTES = 64;
const UNREAD = [
  [/^....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)/s, "a HEIC"],
  [/^....ftypavi[fs]/s, "an AVIF"],
  [/^(II[*+]\0|MM\0[*+])/, "a TIFF or raw camera"],
  [/^(\0\0\0\x0cJXL |\xff\x0a)/, "a JPEG XL"],
];

/** An image that cannot be used; the message is for the user. */
export class ImageError extends Error {
  name = "ImageError";
}

/**
 * Decode an image file.
 *
 * @param {File} file
 * @param {boolean} upright whether to turn the image as its EXIF orientation says
 * @returns {Promise<ImageBitmap>} with the colors as they are stored, as in Python: color profiles are ignored
 */
export async function decode(file, upright) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!bytes.length) throw new ImageError(`${file.name} is empty. Choose another file.`);
  if (isTruncated(bytes)) throw new ImageError(`${file.name} is incomplete. Copy or download it again.`);
  try {
    return await createImageBitmap(file, {
      imageOrientation: upright ? "from-image" : "none",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new ImageError(`${file.name} ${whyRefused(bytes)}`);
  }
}

function whyRefused(bytes) {
  const head = String.fromCharCode(...bytes.subarray(0, HEAD_BYTES));
  const known = UNREAD.find(([signature]) => signature.test(head));
  if (known) return `is ${known[1]} image, which this browser does not read. Convert it to JPEG or PNG.`;
  return "is not an image that this browser reads, or it is damaged. Choose a JPEG, PNG, GIF, BMP or WebP file.";
}

/** Whether the end of a JPEG or PNG is missing. Browsers show the beginning of such a file without an error. */
function isTruncated(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return !hasEndOfJpeg(bytes);
  if (bytes[0] === 0x89 && bytes[1] === 0x50) {
    return !String.fromCharCode(...bytes.subarray(-4096)).includes("IEND");
  }
  return false;
}

/** Whether the marker of the end (0xFFD9) follows the first scan. A thumbnail before the scan has such a marker, too. */
function hasEndOfJpeg(bytes) {
  let start = 2;
  while (start + 4 <= bytes.length && bytes[start + 1] !== 0xda) {
    if (bytes[start] !== 0xff) return true; // no segment begins here: the decoder will refuse the file
    start += 2 + 256 * bytes[start + 2] + bytes[start + 3];
  }
  for (let index = bytes.length - 1; index > start; index--) {
    if (bytes[index] === 0xd9 && bytes[index - 1] === 0xff) return true;
  }
  return false;
}

/**
 * Resize the shorter side of an image, and crop the center.
 *
 * @param {ImageBitmap} bitmap
 * @param {string} name of the image, for messages
 * @param {{storedSize: number, inputSize: number}} settings
 * @returns {Uint8ClampedArray} RGBA, `inputSize` x `inputSize` pixels
 */
export function cropCenter(bitmap, name, { storedSize, inputSize }) {
  const { height, width } = bitmap;
  if (Math.min(height, width) < MIN_SIDE || height * width > MAX_PIXELS) {
    const most = (MAX_PIXELS / 1e6).toFixed(0);
    throw new ImageError(
      `${name} has ${width} x ${height} pixels. Choose an image with sides of at least ${MIN_SIDE} pixels ` +
        `and at most ${most} million pixels.`,
    );
  }
  const read = (left, top, columns, rows) => {
    const canvas = new OffscreenCanvas(columns, rows);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    context.drawImage(bitmap, left, top, columns, rows, 0, 0, columns, rows);
    return context.getImageData(0, 0, columns, rows).data;
  };
  return resizeAndCrop(height, width, storedSize, inputSize, read);
}
