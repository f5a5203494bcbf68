/** The camera: open it, take a photograph, close it. */

import { ImageError } from "./image.js";

const REASONS = {
  NotFoundError: "This device has no camera that the browser finds. Choose a file instead.",
  NotAllowedError: "The browser has no permission to use the camera. Allow it in the settings of this page, or choose a file.",
  NotReadableError: "The camera cannot be opened; another program may use it. Close that program, or choose a file.",
};

let last = 0; // number of the last request to open or close the camera

/**
 * Show the image of the camera.
 *
 * @param {HTMLVideoElement} video
 * @returns {Promise<boolean>} whether the video runs; false if the camera was closed while the browser asked the user
 * @throws {ImageError} there is no camera, or it may not be used
 */
export async function openCamera(video) {
  if (!navigator.mediaDevices) {
    throw new ImageError("The browser opens the camera only on pages from https or from 127.0.0.1. Choose a file.");
  }
  const request = ++last;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (request !== last) {
      stop(stream); // otherwise it would record, and nobody would see it
      return false;
    }
    video.srcObject = stream;
    await video.play();
    return request === last;
  } catch (error) {
    if (request !== last) return false;
    throw new ImageError(REASONS[error.name] ?? `The camera cannot be opened (${error.message}). Choose a file.`);
  }
}

/**
 * @returns {Promise<ImageBitmap>} what the camera sees now
 * @throws {ImageError} the video has no image
 */
export async function takePhotograph(video) {
  try {
    return await createImageBitmap(video);
  } catch (error) {
    throw new ImageError(`The camera gives no image (${error.message}). Close it and open it again, or choose a file.`);
  }
}

export function closeCamera(video) {
  last++;
  if (video.srcObject) stop(video.srcObject);
  video.srcObject = null;
}

function stop(stream) {
  stream.getTracks().forEach((track) => track.stop());
}
