// Decoding of sprites and drawing on canvases; knows nothing of the page's state.

const RED = [222, 36, 50], BLUE = [30, 110, 232], AMBER = [255, 178, 24], ENDS = [[5, 48, 97], [103, 0, 31]];
const SHARP = 4; // pixels of a canvas for each of an image of 64, smoothed in between; 1: the image's own

async function tiles(uri, count, side) {
  // Levels of `count` tiles, row by row as dirvae.report.explorer.page lays them out; Uint8Array [count, H, W].
  const image = new Image();
  image.src = uri;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const [height, width] = side, columns = image.width / width;
  const found = new Uint8Array(count * height * width);
  for (let tile = 0; tile < count; tile++) {
    const left = (tile % columns) * width, top = Math.floor(tile / columns) * height;
    const pixels = context.getImageData(left, top, width, height).data;
    for (let i = 0; i < height * width; i++) found[tile * height * width + i] = pixels[4 * i];
  }
  return found;
}

function split(levels, count, read) {
  const size = levels.length / count;
  return Array.from({ length: count }, (_, tile) =>
    Float32Array.from(levels.subarray(tile * size, (tile + 1) * size), (level) => read(level, tile)));
}

async function greys(uri, count, side) { // [count][H W], grey levels of [0, 1]
  return split(await tiles(uri, count, side), count, (level) => level / 255);
}

async function maps(stored, side) { // [M][H W], in the units of their scales
  const { tiles: uri, scales } = stored;
  return split(await tiles(uri, scales.length, side), scales.length, (level, tile) => ((level - 128) / 127) * scales[tile]);
}

async function walk(stored, side) { // the first frame, and what each frame adds to it
  const levels = await tiles(stored.frames, stored.scales.length, side), size = side[0] * side[1];
  const first = Float32Array.from(levels.subarray(0, size), (level) => level / 255);
  const gone = split(levels, stored.scales.length, (level, tile) => ((level - 128) / 127) * stored.scales[tile]);
  return { first, gone };
}

function composition(stored, count) { // [T][D]
  const text = atob(stored.levels), width = text.length / count;
  return Array.from({ length: count }, (_, t) => Float32Array.from({ length: width }, (_, d) =>
    stored.low + ((stored.high - stored.low) * text.charCodeAt(t * width + d)) / 255));
}

function colour(value, signed, over) { // of a map in [-1, 1]: [red, green, blue, opacity]
  const amount = Math.min(1, Math.abs(value));
  if (over) return [...(signed ? (value > 0 ? RED : BLUE) : AMBER), amount ** 0.75];
  const end = signed ? ENDS[value > 0 ? 1 : 0] : [120, 62, 0];
  return [...end.map((c) => 255 + (c - 255) * amount), 1];
}

function smooth(canvas, side, paint, sharp = SHARP) { // paint(i) -> [red, green, blue], 0 to 255
  const [height, width] = side, small = new OffscreenCanvas(width, height), context = small.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    const [r, g, b] = paint(i);
    pixels.data.set([r, g, b, 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
  const large = sharp > 1 ? Math.max(1, Math.round((sharp * 64) / width)) : 1;
  if (canvas.width !== large * width) [canvas.width, canvas.height] = [large * width, large * height];
  const shown = canvas.getContext("2d");
  shown.imageSmoothingEnabled = true;
  shown.imageSmoothingQuality = "high";
  shown.drawImage(small, 0, 0, canvas.width, canvas.height);
}

function drawGrey(canvas, side, image, added = null, sharp = SHARP) {
  const grey = (i) => 255 * Math.min(1, Math.max(0, image[i] + (added ? added[i] : 0)));
  smooth(canvas, side, (i) => Array(3).fill(grey(i)), sharp);
}

function drawMap(canvas, side, map, scale, image, signed = true) { // over `image` where there is one
  smooth(canvas, side, (i) => {
    const [r, g, b, a] = colour(map[i] / (scale || 1), signed, image !== null), below = image === null ? 0 : 255 * image[i] * (1 - a);
    return [r * a + below, g * a + below, b * a + below];
  });
}

function drawBoxes(canvas, boxes) {
  const context = canvas.getContext("2d");
  context.strokeStyle = "#ffd21f";
  context.lineWidth = 2;
  for (const [top, left, bottom, right] of boxes)
    context.strokeRect(left * canvas.width, top * canvas.height, (right - left) * canvas.width, (bottom - top) * canvas.height);
}

function drawLegend(canvas, over) {
  [canvas.width, canvas.height] = [256, 12];
  const context = canvas.getContext("2d");
  for (let x = 0; x < 256; x++) {
    const [r, g, b, a] = colour((x - 127.5) / 127.5, true, over), below = over ? 110 * (1 - a) : 0;
    context.fillStyle = `rgb(${r * a + below}, ${g * a + below}, ${b * a + below})`;
    context.fillRect(x, 0, 1, 12);
  }
}

function drawBars(canvas, values, start, range, mark, inks) {
  // One bar a component from 0; a line where it began; mark(d): "own", "other" (another finding's) or "".
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width) return;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const context = canvas.getContext("2d"), [low, high] = range;
  context.scale(ratio, ratio);
  const y = (value) => 1 + ((height - 2) * (high - value)) / (high - low || 1), each = width / values.length;
  const thick = Math.max(each - (each > 3 ? 1 : 0), 0.5);
  values.forEach((value, d) => {
    context.fillStyle = inks[mark(d) || "rest"];
    context.fillRect(d * each, Math.min(y(value), y(0)), thick, Math.max(1, Math.abs(y(value) - y(0))));
    context.fillStyle = inks.start;
    context.fillRect(d * each, y(start[d]) - 0.75, thick, 1.5);
  });
  context.fillStyle = inks.axis;
  context.fillRect(0, y(0) - 0.5, width, 1);
}
