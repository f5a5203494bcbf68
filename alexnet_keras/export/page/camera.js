/** The camera: open it, take a photograph, close it. */

import { ImageError } from "./image.js";

const REASONS = {
  NotFoundError: "This device has no camera that the browser finds. Choose a file instead.",
  NotAllowedError: "The browser has no permission to use the camera. Allow it in the settings of this page, or choose a file.",
  NotReadableError: "The camera cannot be opened; another program may use it. Close that program, or choose a file.",
};

/**
 * Show the image of the camera.
 *
 * @param {HTMLVideoElement} video
 * @throws {ImageError} there is no camera, or it may not be used
 */
export async function openCamera(video) {
  if (!navigator.mediaDevices) {
    throw new ImageError("The browser opens the camera only on pages from https or from 127.0.0.1. Choose a file.");
  }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await video.play();
  } catch (error) {
    throw new ImageError(REASONS[error.name] ?? `The camera cannot be opened (${error.message}). Choose a file.`);
  }
}

/** @returns {Promise<ImageBitmap>} what the camera sees now */
export function takePhotograph(video) {
  return createImageBitmap(video);
}

export function closeCamera(video) {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}
