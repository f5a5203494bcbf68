/** What the page draws: bars of classes, the crop, feature maps and the occlusion map. */

const DARK_TO_BRIGHT = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]; // matplotlib's inferno
const LESS_PROBABLE = [230, 97, 1]; // orange and purple, which color-blind people can tell apart
const MORE_PROBABLE = [118, 88, 190];
const MOST_COLUMNS = 16; // of feature maps, in a wide window
const BRIGHTEST = 0.99; // the fraction of the values that do not exceed the brightest color

/** Create an element with text. Names of classes and files become text and never markup. */
function element(tag, text = "", properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text, ...properties });
}

export function percent(fraction) {
  return `${(100 * fraction).toFixed(1)}%`;
}

/** List classes, `[{name, probability}]`, with a bar for each. */
export function drawClasses(list, classes) {
  list.replaceChildren(
    ...classes.map(({ name, probability }) => {
      const bar = element("span", "", { className: "bar" });
      const filled = element("span");
      filled.style.width = percent(probability);
      bar.append(filled);
      const item = element("li");
      item.append(element("span", name), element("data", percent(probability), { value: probability }), bar);
      return item;
    }),
  );
}

/** Show RGBA pixels, a square of `side` pixels. */
export function drawPixels(canvas, pixels, side) {
  canvas.width = canvas.height = side;
  canvas.getContext("2d").putImageData(new ImageData(pixels, side, side), 0, 0);
}

/**
 * Draw each feature map on a canvas of its own, all with one scale.
 *
 * @param {HTMLElement} parent
 * @param {Float32Array} maps `(rows, columns, channels)`
 * @param {number[]} shape of `maps`
 * @param {number} towers number of halves of the network; each has an equal part of the channels
 */
export function drawMaps(parent, maps, [rows, columns, channels], towers) {
  const sorted = maps.slice().sort();
  const largest = Math.max(sorted[Math.floor(BRIGHTEST * (sorted.length - 1))], 1e-12);
  const inTower = channels / towers;
  const columnsOfMaps = Math.ceil(inTower / Math.ceil(inTower / MOST_COLUMNS)); // so that all lines are about full
  parent.replaceChildren();
  for (let tower = 0; tower < towers; tower++) {
    const grid = element("div", "", { className: "maps", ariaHidden: "true" });
    grid.style.setProperty("--columns", columnsOfMaps);
    const first = tower * inTower;
    for (let channel = first; channel < first + inTower; channel++) {
      const pixels = new Uint8ClampedArray(4 * rows * columns);
      for (let place = 0; place < rows * columns; place++) {
        pixels.set([...bright(maps[place * channels + channel] / largest), 255], 4 * place);
      }
      const canvas = element("canvas", "", { width: columns, height: rows });
      canvas.getContext("2d").putImageData(new ImageData(pixels, columns, rows), 0, 0);
      grid.append(canvas);
    }
    if (towers > 1) parent.append(element("h3", `Tower ${"ab"[tower]}`));
    parent.append(grid);
  }
}

/** The color of a value: dark for 0 or less, bright for 1 or more. */
function bright(value) {
  const place = Math.min(Math.max(value, 0), 1) * (DARK_TO_BRIGHT.length - 1);
  const index = Math.min(Math.floor(place), DARK_TO_BRIGHT.length - 2);
  return mix(DARK_TO_BRIGHT[index], DARK_TO_BRIGHT[index + 1], place - index);
}

function mix(from, to, part) {
  return from.map((value, index) => value + (to[index] - value) * part);
}

/**
 * Tint a grey copy of the crop: orange where a square made the class less probable, purple where more.
 *
 * @returns {number} the largest absolute value of `falls`
 */
export function drawOcclusion(canvas, crop, falls, side) {
  const limit = falls.reduce((largest, fall) => Math.max(largest, Math.abs(fall)), 1e-12);
  const pixels = crop.slice();
  falls.forEach((fall, place) => {
    const [red, green, blue] = crop.subarray(4 * place);
    const grey = 0.299 * red + 0.587 * green + 0.114 * blue;
    const tint = fall > 0 ? LESS_PROBABLE : MORE_PROBABLE;
    pixels.set(mix([grey, grey, grey], tint, (0.85 * Math.abs(fall)) / limit), 4 * place);
  });
  drawPixels(canvas, pixels, side);
  return limit;
}
