/** The page: it connects the buttons with the network and shows the results. */

import { closeCamera, openCamera, takePhotograph } from "./camera.js";
import { drawClasses, drawMaps, drawOcclusion, drawPixels, percent } from "./drawing.js";
import { ImageError } from "./image.js";
import { Network } from "./network.js";
import { occlusionMap, squareSize } from "./occlusion.js";

const TOP = 5;
const CAMERA = "The photograph";

const $ = (id) => document.getElementById(id);

/** Show a status, which screen readers read aloud. */
function say(text) {
  $("status").textContent = text;
}

function complain(error) {
  const failed = started ? "The classification failed" : "The page cannot start";
  $("problem").textContent =
    error instanceof ImageError ? error.message : `${failed}: ${error.message} Load the page again.`;
}

let network;
let ready; // resolves when the network is loaded
let started = false; // whether it is
let settings;
let shown = { id: 0 }; // the last image: its number, crop, and probabilities
let occluding = new AbortController();

async function start() {
  say("The network is being loaded.");
  const response = await fetch("network.json");
  if (!response.ok) throw new Error(`network.json cannot be loaded (${response.status} ${response.statusText}).`);
  settings = await response.json();
  network = new Network(settings, (fraction) => ($("loading").value = fraction));
  const { numThreads, isolated } = await network.load();
  const threads = numThreads > 1 ? `${numThreads} threads` : "one thread";
  const why = isolated ? "" : " (the server does not send the headers that browsers require for several threads)";
  $("facts").textContent =
    `AlexNet${settings.variant ? `, variant ${settings.variant}` : ""}: ${settings.classes.length.toLocaleString("en")} classes, ` +
    `${(settings.bytes / 1e6).toFixed(1)} MB, ${threads}${why}.`;
  $("loading").hidden = true;
  started = true;
  say("The network is ready.");
}

/** Classify one image: `classify` starts the task of the worker, and `name` is for messages. */
async function show(name, classify) {
  occluding.abort();
  const id = shown.id + 1;
  shown = { id };
  $("occlude").disabled = true; // until there is an answer: the page still shows the previous one
  $("problem").textContent = "";
  try {
    say(`${name} is being classified.`);
    await ready;
    const { crop, probabilities, milliseconds } = await classify();
    if (shown.id !== id) return; // a newer image has replaced it
    const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
    shown = { id, crop, probabilities, best: order[0] };
    const classes = order.slice(0, TOP).map((index) => ({
      name: settings.classes[index],
      probability: probabilities[index],
    }));
    drawResults(classes, milliseconds);
    say(`${name}: ${classes[0].name}, ${percent(classes[0].probability)}.`);
    const { maps, shape } = await network.conv1();
    if (shown.id === id) drawFirstLayer(maps, shape);
  } catch (error) {
    if (shown.id !== id) return;
    showResults(false);
    say("");
    complain(error);
  }
}

function showResults(visible) {
  document.querySelectorAll(".result").forEach((section) => (section.hidden = !visible));
  document.querySelector("main").classList.toggle("answered", visible);
}

function drawResults(classes, milliseconds) {
  const side = settings.inputSize;
  drawClasses($("best"), classes);
  drawPixels($("seen"), shown.crop, side);
  $("times").textContent =
    `The network took ${milliseconds.network.toFixed(1)} ms. ` +
    `Reading, resizing and cropping took ${milliseconds.read.toFixed(0)} ms.`;
  $("seen-caption").textContent =
    `The shorter side is resized to ${settings.storedSize} pixels, and the centre of ${side} x ${side} pixels is cropped.`;
  const square = squareSize(side);
  $("evidence-intro").textContent =
    `A grey square of ${square} x ${square} pixels covers each place in turn. Where it covers evidence, the ` +
    `probability of ${classes[0].name} falls.`;
  $("map-figure").hidden = true;
  $("occlude").disabled = false;
  showResults(true);
}

function drawFirstLayer(maps, shape) {
  const zeros = maps.filter((value) => value === 0).length / maps.length;
  $("layer-caption").textContent =
    `${shape[2]} feature maps of conv1, ${shape[0]} x ${shape[1]} values each. A bright place is a large value; ` +
    `black is zero or less. ${percent(zeros)} of the values are zero.`;
  drawMaps($("towers"), maps, shape, settings.towers);
}

async function occlude() {
  const { crop, probabilities, best } = shown;
  const side = settings.inputSize;
  const name = settings.classes[best];
  const { signal } = (occluding = new AbortController());
  $("map-figure").hidden = $("occlude").hidden = true;
  $("occluding").hidden = false;
  $("cancel").focus();
  try {
    const falls = await occlusionMap(
      async (...square) => (await network.occlude(...square))[best],
      probabilities[best],
      side,
      { signal, onProgress: (fraction) => ($("occluded").value = fraction) },
    );
    const limit = drawOcclusion($("map"), crop, falls, side);
    $("map-caption").textContent =
      `Orange: a square here makes ${name} less probable. Purple: more probable. ` +
      `The strongest colour is a change of ${(100 * limit).toFixed(1)} percentage points.`;
    $("map-figure").hidden = false;
    say("The occlusion map is ready.");
  } catch (error) {
    if (!signal.aborted) complain(error);
  }
  const hadFocus = document.activeElement === $("cancel"); // otherwise the user has gone elsewhere
  $("occluding").hidden = true;
  $("occlude").hidden = false;
  if (hadFocus) $("occlude").focus();
}

async function showCamera() {
  $("problem").textContent = "";
  $("camera").hidden = false;
  $("take").hidden = true; // until the video runs
  $("close-camera").focus();
  $("open-camera").disabled = true;
  try {
    if (!(await openCamera($("viewfinder")))) return;
    $("take").hidden = false;
    if (document.activeElement === $("close-camera")) $("take").focus(); // otherwise the user has gone elsewhere
  } catch (error) {
    hideCamera();
    complain(error);
  }
}

function hideCamera() {
  closeCamera($("viewfinder"));
  $("camera").hidden = true;
  $("open-camera").disabled = false;
  $("open-camera").focus();
}

async function photograph() {
  try {
    const bitmap = await takePhotograph($("viewfinder"));
    hideCamera();
    show(CAMERA, () => network.classifyBitmap(bitmap, CAMERA));
  } catch (error) {
    complain(error);
  }
}

function showFile(file) {
  if (file) show(file.name, () => network.classifyFile(file));
}

$("file").addEventListener("change", ({ target }) => {
  showFile(target.files[0]);
  target.value = ""; // the same file can be chosen again
});
$("open-camera").addEventListener("click", showCamera);
$("close-camera").addEventListener("click", hideCamera);
$("take").addEventListener("click", photograph);
$("occlude").addEventListener("click", occlude);
$("cancel").addEventListener("click", () => occluding.abort());

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dragging"));
document.addEventListener("drop", (event) => {
  event.preventDefault(); // otherwise the browser leaves the page and opens the file
  document.body.classList.remove("dragging");
  const [file] = event.dataTransfer.files;
  if (file) showFile(file);
  else complain(new ImageError("You dropped text or a link, not a file. Save the image as a file first, then drop the file here."));
});

ready = start();
ready.catch((error) => {
  say("");
  $("loading").hidden = true;
  complain(error);
});
