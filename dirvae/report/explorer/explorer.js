// The page: one state, drawn whole whenever it changes, and written to the address.

const data = JSON.parse(document.getElementById("data").textContent);
const side = data.side, $ = (id) => document.getElementById(id);
const state = { item: 0, path: 0, step: 0, shown: new Set(data.arms.keys()), over: true, decoded: false, gain: 1 };
const still = matchMedia("(prefers-reduced-motion: reduce)");
const known = new Map(); // decoded paths by "item.path", the latest last
let images = [], now = null, asked = 0, timer = 0, columns = [];

const make = (tag, attributes = {}, ...content) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...content);
  return made;
};
const number = (value, digits = 2) => value.toFixed(digits).replace(/^(-?)0\./, "$1.").replace("-", "−");
const signed = (value, digits = 2) => (value >= 0 ? "+" : "") + number(value, digits);
const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-");
const here = () => data.cases[state.item].paths[state.path];
const verb = (path) => (path.sign < 0 ? "lowered" : "raised");
const verdict = (path, p, threshold) => { // what the picture at the end of a path is read as
  if (path.sign < 0) return p < threshold ? "read as absent" : "still read as present";
  return p >= threshold ? "read as present" : "still read as absent";
};
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const last = () => Math.max(1, ...[...state.shown].map((arm) => here().arms[arm].scales.length - 1));

async function decoded(item, path) {
  const name = `${item}.${path}`;
  if (!known.has(name)) {
    const stored = data.cases[item].paths[path];
    known.set(name, Promise.all([
      stored.effect && maps(stored.effect, side),
      ...stored.arms.map(async (arm) => ({
        ...(await walk(arm, side)), maps: await maps(arm.maps, side), composition: composition(arm.composition, arm.scales.length),
      })),
    ]).then(([effect, ...arms]) => ({ effect: effect && effect[0], arms })));
    if (known.size > 12) known.delete(known.keys().next().value);
  }
  return known.get(name);
}

function extent(map) { // the 99.5th percentile of |map|
  const sizes = Float32Array.from(map, Math.abs).sort();
  return sizes[Math.floor(0.995 * (sizes.length - 1))];
}

function scale() { // of all maps of changes: the exact effect's where it is known, otherwise the largest change's
  const ends = now.effect ? [now.effect] : [...state.shown].map((arm) => now.arms[arm].gone.at(-1));
  return Math.max(0.01, ...ends.map(extent)) / state.gain;
}

async function show() { // a state whose path may have changed
  const mine = ++asked;
  state.step = clamp(state.step, 0, last());
  const found = await decoded(state.item, state.path);
  if (mine !== asked) return;
  now = found;
  choices();
  truth();
  columns.forEach((column, arm) => { column.root.hidden = !state.shown.has(arm); });
  for (const arm of state.shown) fixed(arm);
  draw();
  document.documentElement.dataset.ready = "true";
}

function choices() {
  const item = data.cases[state.item];
  for (const button of $("cases").children) button.setAttribute("aria-selected", String(+button.dataset.item === state.item));
  const chosen = $("cases").children[state.item];
  $("cases").scrollLeft = chosen.offsetLeft - $("cases").clientWidth / 2 + chosen.clientWidth / 2;
  $("cases").setAttribute("aria-activedescendant", chosen.id);
  $("classes").replaceChildren(...item.paths.map((path, index) => {
    const button = make("button", { type: "button", onclick: () => go({ path: index }) },
      make("b", {}, data.labels[path.label]), make("small", {}, verb(path)));
    if (item.target[path.label]) button.append(make("span", { className: "dot", title: "positive" }));
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", String(index === state.path));
    button.tabIndex = index === state.path ? 0 : -1;
    return button;
  }));
}

function truth() {
  const item = data.cases[state.item], path = here(), name = data.labels[path.label];
  const positive = data.labels.filter((_, label) => item.target[label]), image = images[state.item];
  $("case").textContent = `Image ${item.index} of ${data.split}`;
  $("positives").textContent = positive.length ? `labelled ${positive.join(", ")}` : "no label is positive";
  drawGrey($("image"), side, image);
  drawBoxes($("image"), path.boxes);
  $("image").ariaLabel = `image ${item.index}${path.boxes.length ? `, ${path.boxes.length} boxes of ${name}` : ""}`;
  $("exact").hidden = !now.effect;
  if (now.effect) {
    drawMap($("effect"), side, now.effect, scale(), state.over ? image : null);
    $("effectline").textContent = `exact effect, largest ${number(Math.max(...now.effect.map(Math.abs)))}`;
    $("effect").ariaLabel = `exact effect of ${name}`;
  }
  drawLegend($("bar"), state.over);
  [$("low").textContent, $("high").textContent] = [`−${number(scale())}`, `+${number(scale())}`];
}

function build(arm, index) { // the elements of one run's column
  const figure = (text, kind) => {
    const canvas = make("canvas"), caption = make("figcaption", {}, text);
    canvas.setAttribute("role", "img");
    return { canvas, caption, root: make("figure", { className: kind }, canvas, caption) };
  };
  const frame = figure("", "drag"), change = figure("", "drag"), bars = figure("", "bars");
  const rows = data.labels.map((label) => {
    const [fill, start, value] = [make("i", { className: "fill" }), make("i", { className: "start" }), make("span")];
    const threshold = make("i", { className: "threshold", title: `threshold ${number(arm.threshold[data.labels.indexOf(label)])}` });
    return { fill, start, threshold, value, name: make("span"), track: make("span", { className: "track" }, fill, start, threshold) };
  });
  const list = make("ul", { className: "probabilities" }, ...rows.map((row) => make("li", {}, row.name, row.track, row.value)));
  list.setAttribute("aria-label", `probabilities, ${arm.name}`);
  const maps = data.methods.map((method) => figure(method.title, "small"));
  maps.forEach((map, m) => { map.root.title = data.methods[m].says; });
  const line = make("p", { className: "line" });
  bars.canvas.onpointermove = (event) => point(index, event);
  bars.canvas.onpointerleave = () => draw();
  const root = make("article", {},
    make("h2", {}, arm.name, " ", make("small", {}, arm.family === arm.name ? "" : arm.family)), line,
    make("div", { className: "pair" }, frame.root, change.root),
    make("div", { className: "numbers" }, list, bars.root),
    make("h3", {}, "explanations of the start"), make("div", { className: "row" }, ...maps.map((map) => map.root)));
  root.setAttribute("aria-label", arm.name);
  return { root, frame, change, bars, rows, maps, line };
}

function fixed(arm) { // what does not change with the step
  const { maps, line, rows } = columns[arm], stored = here().arms[arm], item = data.cases[state.item], label = here().label;
  const image = images[state.item], path = here(), end = stored.probability.length - 1;
  maps.forEach(({ canvas, caption }, m) => {
    const method = data.methods[m], largest = stored.maps.scales[m];
    drawMap(canvas, side, now.arms[arm].maps[m], Math.max(largest, method.least), state.over ? image : null, method.signed);
    caption.textContent = method.title + (largest <= method.least ? ": none" : "");
    canvas.ariaLabel = `${method.title} of ${data.labels[label]}: ${method.says}`;
  });
  const [from, to] = [0, end].map((t) => stored.probability[t][label]);
  const others = stored.probability[end].map((p, l) => (l === label ? 0 : p - stored.probability[0][l]));
  const most = others.reduce((best, p, l) => (Math.abs(p) > Math.abs(others[best]) ? l : best), 0);
  const [before, after] = [0, end].map((t) => stored.code[t][label]);
  line.textContent = `P(${data.labels[label]}) ${number(from)} → ${number(to)} in ${end} of ${data.steps} steps, ${verdict(path, to, data.arms[arm].threshold[label])}; ` +
    `of the code ${number(before)} → ${number(after)}, distance ${number(stored.distance[end], 1)}; ` +
    (Math.abs(others[most]) < 0.005 ? "no other finding moves" : `most beside it: ${data.labels[most]} ${signed(others[most])}`);
  rows.forEach((row, l) => {
    row.name.textContent = data.labels[l];
    row.name.className = `name${l === label ? " current" : ""}${item.target[l] ? " positive" : ""}`;
    row.start.style.left = `${100 * stored.probability[0][l]}%`;
    row.threshold.style.left = `${100 * data.arms[arm].threshold[l]}%`;
  });
}

function draw() { // what changes with the step
  const path = here(), name = data.labels[path.label], limit = scale();
  for (const arm of state.shown) {
    const { frame, change, bars, rows } = columns[arm], stored = path.arms[arm], { first, gone, composition: z } = now.arms[arm];
    const t = Math.min(state.step, gone.length - 1), stopped = state.step > t ? ", stopped" : "";
    const kind = state.decoded ? "decoded" : "on the image";
    drawGrey(frame.canvas, side, state.decoded ? first : images[state.item], gone[t]);
    frame.canvas.ariaLabel = `${data.arms[arm].name}, ${kind}, step ${t}`;
    const of = state.decoded ? `: code ${number(stored.code[t][path.label])}; bars are of the picture on the image` : "";
    frame.caption.textContent = `${kind}, step ${t}${stopped}${of}`;
    drawMap(change.canvas, side, gone[t].map((d) => path.sign * d), limit, state.over ? images[state.item] : null);
    change.canvas.ariaLabel = `${data.arms[arm].name}, what ${name} adds by step ${t}, largest ${number(stored.scales[t])} grey levels`;
    change.caption.textContent = `change, largest ${number(stored.scales[t])}`;
    rows.forEach((row, l) => {
      const p = stored.probability[t][l];
      row.fill.style.width = `${100 * p}%`;
      row.fill.className = l === path.label ? "fill current" : "fill";
      row.value.textContent = number(p);
      row.track.title = `read from the picture ${number(p)}, from the code ${number(stored.code[t][l])}`;
    });
    strip(arm, t, z);
    bars.caption.textContent = moved(arm, t, z);
  }
  const end = last();
  Object.assign($("step"), { max: end, value: state.step, ariaValueText: `step ${state.step} of ${end}` });
  $("step").setAttribute("aria-valuetext", `step ${state.step} of ${end}`);
  $("at").textContent = `${name} ${verb(path)}: step ${state.step} of ${end}`;
  if (!timer) $("status").textContent = [...state.shown].map((arm) => {
    const p = path.arms[arm].probability;
    return `${data.arms[arm].name} ${number(p[Math.min(state.step, p.length - 1)][path.label])}`;
  }).join(" · ");
  remember();
}

function owner(arm, d) { // the label that alone reads component d, or -1
  return data.arms[arm].own.findIndex((own) => own.includes(d));
}

function strip(arm, t, z) {
  const style = getComputedStyle(document.documentElement), ink = (name) => style.getPropertyValue(name);
  const inks = { own: ink("--accent"), other: ink("--second"), rest: ink("--bar"), start: ink("--ink"), axis: ink("--line") };
  const { kind } = data.arms[arm], all = here().arms[arm].composition;
  const range = kind === "pairs" ? [0, 1] : [Math.min(0, all.low), Math.max(0, all.high)];
  const mark = (d) => { const l = owner(arm, d); return l < 0 ? "" : l === here().label ? "own" : "other"; };
  drawBars(columns[arm].bars.canvas, z[t], z[0], range, mark, inks);
}

function titled(arm, d) {
  const what = { pairs: "pair", shares: "component", coordinates: "coordinate" }[data.arms[arm].kind], l = owner(arm, d);
  return `${what} ${d + 1}${l < 0 ? "" : ` (${data.labels[l]}'s own)`}`;
}

function moved(arm, t, z) {
  const { canvas } = columns[arm].bars, kinds = { pairs: "second share of each pair", shares: "shares", coordinates: "coordinates" };
  const by = [...z[t].keys()].sort((a, b) => Math.abs(z[t][b] - z[0][b]) - Math.abs(z[t][a] - z[0][a])).slice(0, 2);
  const told = by.map((d) => `${titled(arm, d)} ${number(z[0][d])} → ${number(z[t][d])}`).join("; ");
  const text = `latent, ${kinds[data.arms[arm].kind]}; most moved: ${told}`;
  canvas.ariaLabel = text;
  return text;
}

function point(arm, event) { // tells the component under the pointer
  const { canvas, caption } = columns[arm].bars, z = now.arms[arm].composition, t = Math.min(state.step, z.length - 1);
  const d = clamp(Math.floor((event.offsetX / canvas.clientWidth) * z[t].length), 0, z[t].length - 1);
  caption.textContent = `${titled(arm, d)}: ${number(z[0][d])} → ${number(z[t][d])}`;
}

function remember() {
  const arms = [...state.shown].sort((a, b) => a - b).map((arm) => data.arms[arm].name);
  const query = new URLSearchParams({ image: data.cases[state.item].index, class: slug(data.labels[here().label]), step: state.step, arms });
  if (location.hash !== `#${query}`) history.replaceState(null, "", `#${query}`);
}

function restore() { // from the address; what it does not say, or says wrongly, stays as it is
  const query = new URLSearchParams(location.hash.slice(1));
  const item = data.cases.findIndex((each) => String(each.index) === query.get("image"));
  if (item >= 0) [state.item, state.path] = [item, 0];
  const path = data.cases[state.item].paths.findIndex((each) => slug(data.labels[each.label]) === query.get("class"));
  if (path >= 0) state.path = path;
  const arms = (query.get("arms") || "").split(",").map((name) => data.arms.findIndex((arm) => arm.name === name)).filter((a) => a >= 0);
  if (arms.length) state.shown = new Set(arms);
  const step = Number(query.get("step") ?? NaN);
  state.step = Number.isFinite(step) ? Math.round(step) : last();
  checks();
  show();
}

function first() { // a finding that is lowered and whose exact effect is known, if there is one
  const lowered = (path) => path.sign < 0 && path.effect;
  state.item = Math.max(0, data.cases.findIndex((item) => item.paths.some(lowered)));
  state.path = Math.max(0, data.cases[state.item].paths.findIndex(lowered));
}

function go(change) { // to a step, or the end of another path; a finding is kept where the next image has it
  if (change.step === undefined) stop();
  if (change.item !== undefined) {
    const label = here().label;
    state.item = (change.item + data.cases.length) % data.cases.length;
    state.path = Math.max(0, data.cases[state.item].paths.findIndex((path) => path.label === label));
    state.step = last();
  }
  if (change.path !== undefined) {
    const count = data.cases[state.item].paths.length;
    state.path = (change.path + count) % count;
    state.step = last();
  }
  if (change.step === undefined) return show();
  state.step = clamp(change.step, 0, last());
  if (now) draw();
}

function stop() {
  clearInterval(timer);
  timer = 0;
  $("play").textContent = "▶";
  $("play").ariaLabel = "play";
}

function play() { // there and back; once and slowly where motion is to be reduced
  if (timer) { stop(); return draw(); }
  let way = 1;
  if (state.step === last()) go({ step: 0 });
  timer = setInterval(() => {
    if (state.step >= last()) way = -1;
    if (state.step <= 0) way = 1;
    if (still.matches && way < 0) { stop(); return draw(); }
    go({ step: state.step + way });
  }, still.matches ? 500 : 130);
  $("play").textContent = "❚❚";
  $("play").ariaLabel = "pause";
}

function checks() {
  for (const box of $("arms").querySelectorAll("input")) box.checked = state.shown.has(+box.value);
}

function choose(arm, on) { // at least one run is shown
  if (on) state.shown.add(arm);
  else if (state.shown.size > 1) state.shown.delete(arm);
  checks();
  show();
}

function stronger(factor) {
  state.gain = clamp(state.gain * factor, 0.25, 16);
  if (now) { truth(); draw(); }
}

const KEYS = {
  ArrowLeft: () => go({ step: state.step - 1 }), ArrowRight: () => go({ step: state.step + 1 }),
  Home: () => go({ step: 0 }), End: () => go({ step: last() }),
  ArrowUp: () => go({ item: state.item - 1 }), ArrowDown: () => go({ item: state.item + 1 }),
  "[": () => go({ path: state.path - 1 }), "]": () => go({ path: state.path + 1 }),
  "+": () => stronger(2), "=": () => stronger(2), "-": () => stronger(0.5), " ": play,
};

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && event.target.closest("button, summary, [type=checkbox]")) return; // presses it
  const digit = /^[1-9]$/.test(event.key) && +event.key <= data.cases[state.item].paths.length;
  const act = digit ? () => go({ path: event.key - 1 }) : KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  if (event.key !== " " && !["+", "=", "-"].includes(event.key)) stop();
  const focused = $("classes").contains(document.activeElement);
  Promise.resolve(act()).then(() => { if (focused) $("classes").querySelector("[aria-checked=true]").focus(); });
}

function drag(event) { // sideways over a picture: its width is the whole path
  const canvas = event.target.closest(".drag canvas");
  if (!canvas) return;
  const [left, began] = [event.clientX, state.step];
  const move = (to) => go({ step: Math.round(began + ((to.clientX - left) / canvas.clientWidth) * last()) });
  const done = () => { canvas.removeEventListener("pointermove", move); };
  stop();
  canvas.setPointerCapture(event.pointerId);
  canvas.addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, done, { once: true });
}

function theme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  $("theme").textContent = dark ? "light" : "dark";
  if (now) draw();
}

async function begin() {
  columns = data.arms.map(build);
  $("columns").append(...columns.map((column) => column.root));
  $("arms").append(...data.arms.map((arm, index) => make("label", {},
    make("input", { type: "checkbox", value: index, onchange: (event) => choose(index, event.target.checked) }), ` ${arm.name}`)));
  $("arms").hidden = data.arms.length === 1;
  images = await greys(data.images, data.cases.length, side);
  $("cases").append(...data.cases.map((item, index) => {
    const canvas = make("canvas"), names = data.labels.filter((_, label) => item.target[label]).join(", ") || "nothing labelled";
    drawGrey(canvas, side, images[index], null, 1);
    const option = make("div", { id: `case${index}`, title: `image ${item.index}: ${names}`, onclick: () => go({ item: index }) }, canvas);
    option.dataset.item = index;
    option.setAttribute("role", "option");
    option.ariaLabel = option.title;
    return option;
  }));
  $("step").oninput = (event) => { stop(); go({ step: +event.target.value }); };
  $("play").onclick = play;
  [$("before").onclick, $("after").onclick] = [-1, 1].map((way) => () => go({ item: state.item + way }));
  [$("fainter").onclick, $("stronger").onclick] = [0.5, 2].map((factor) => () => stronger(factor));
  $("decoded").onchange = (event) => { state.decoded = event.target.checked; draw(); };
  $("overlay").onchange = (event) => { state.over = event.target.checked; show(); };
  $("theme").onclick = () => theme(document.documentElement.dataset.theme !== "dark");
  document.addEventListener("keydown", key);
  document.addEventListener("pointerdown", drag);
  window.addEventListener("hashchange", restore);
  window.addEventListener("resize", () => { if (now) draw(); });
  theme(matchMedia("(prefers-color-scheme: dark)").matches);
  first();
  restore();
}

begin();
