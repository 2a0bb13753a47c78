// The map: density below, points where the data is public, clusters as circles with area by size, labels that never overlap.
import { make, find, fill, count, percent, plural } from "/dom.js";
import { dark } from "/colour.js";

const canvas = find("map"), context = canvas.getContext("2d");
const camera = { x: 0.5, y: 0.5, zoom: 1 };
let frame = { x: 0, y: 0, w: 1, h: 1 }; // what "everything" is, in map units
let nodes = [], byId = new Map(), density = null, points = [], sizes = { w: 0, h: 0 }, selected = null, hover = null;
let style = { fill: () => null, ask: () => {} }, drawn = [], asked = false, walk = -1;

export function setMapHandlers(handlers) { style.ask = handlers.select; }

export function setMapData(tree, map) {
  nodes = tree.filter((node) => node.radius !== undefined);
  byId = new Map(nodes.map((node) => [node.id, node]));
  for (const node of nodes) {
    node.depth = 0;
    for (let up = byId.get(node.parent); up; up = byId.get(up.parent)) node.depth++;
    node.leaf = node.level === 0;
  }
  points = map.points;
  density = paintDensity(map);
  frame = bounds(map);
  fit();
  find("map-empty").hidden = nodes.length > 0;
  find("map-empty").textContent = tree.length ? "No cluster has a place on the map yet." : "Nothing to draw: no cluster passed every check.";
  redraw();
}

export function setMapFill(fillOf) { style.fill = fillOf; redraw(); }
export function setMapSelection(id) { selected = id; redraw(); }
export function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; draw(); });
}

// One pixel a cell; the browser's smoothing does the rest.
function paintDensity(map) {
  if (!map.density.length) return null;
  const picture = document.createElement("canvas");
  picture.width = picture.height = map.grid;
  const ink = picture.getContext("2d"), most = Math.max(...map.density.map((cell) => cell[2]));
  const image = ink.createImageData(map.grid, map.grid);
  for (const [x, y, n] of map.density) {
    const at = 4 * (y * map.grid + x), tone = dark() ? [150, 175, 205] : [70, 95, 130];
    image.data.set([...tone, Math.round(20 + 110 * Math.sqrt(n / most))], at);
  }
  ink.putImageData(image, 0, 0);
  return picture;
}

// Around the clusters and the cells that hold something, with room for circles and labels at the edge.
function bounds(map) {
  const xs = nodes.map((n) => n.x).concat(map.density.map((cell) => (cell[0] + 0.5) / map.grid));
  const ys = nodes.map((n) => n.y).concat(map.density.map((cell) => (cell[1] + 0.5) / map.grid));
  if (!xs.length) return { x: 0, y: 0, w: 1, h: 1 };
  const x = Math.min(...xs), y = Math.min(...ys);
  return { x, y, w: Math.max(0.1, Math.max(...xs) - x), h: Math.max(0.1, Math.max(...ys) - y) };
}

// Pixels to one map unit: at zoom 1 everything is in view.
const side = () => Math.min((sizes.w - Math.min(130, sizes.w * 0.2)) / frame.w, (sizes.h - Math.min(110, sizes.h * 0.2)) / frame.h) * camera.zoom;
const place = (x, y) => [(x - camera.x) * side() + sizes.w / 2, (y - camera.y) * side() + sizes.h / 2];

const inView = (node) => {
  const [x, y] = place(node.x, node.y);
  return x > 0 && y > 0 && x < sizes.w && y < sizes.h;
};

// The finest level of the tree that what is in view has room for.
function frontier() {
  const deepest = Math.max(0, ...nodes.map((node) => node.depth)), room = Math.max(12, (sizes.w * sizes.h) / (camera.zoom > 1.6 ? 6000 : 13000));
  for (let depth = deepest; depth > 0; depth--) {
    const at = nodes.filter((node) => node.depth === depth || (node.leaf && node.depth < depth));
    if (at.filter(inView).length <= room) return at;
  }
  return nodes.filter((node) => node.depth === 0);
}

function draw() {
  const box = canvas.getBoundingClientRect(), ratio = devicePixelRatio || 1;
  if (box.width < 10) return;
  sizes = { w: box.width, h: box.height };
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  if (density) {
    const [x, y] = place(0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(density, x, y, side(), side());
  }
  drawPoints();
  drawCircles();
  drawLabels();
}

function drawPoints() {
  const size = Math.max(1.6, Math.min(4, 1.6 * Math.sqrt(camera.zoom)));
  context.globalAlpha = points.length > 5000 ? 0.35 : 0.6;
  for (const [id, px, py] of points) {
    const [x, y] = place(px / 4096, py / 4096), node = byId.get(id);
    if (x < -4 || y < -4 || x > sizes.w + 4 || y > sizes.h + 4) continue;
    context.fillStyle = (node && style.fill(node)?.colour) || "#8a8f98";
    context.fillRect(x - size / 2, y - size / 2, size, size);
  }
  context.globalAlpha = 1;
}

function drawCircles() {
  const ink = getComputedStyle(document.documentElement), card = ink.getPropertyValue("--card"), strong = ink.getPropertyValue("--ink");
  const level = frontier(), most = Math.max(1, ...level.map((node) => node.conversations));
  const largest = Math.min(sizes.w, sizes.h) * 0.085 * Math.sqrt(Math.min(camera.zoom, 3));
  drawn = level.map((node) => {
    const [x, y] = place(node.x, node.y);
    return { node, x, y, r: Math.max(4, largest * Math.sqrt(node.conversations / most)) };
  }).filter((c) => c.x > -c.r && c.y > -c.r && c.x < sizes.w + c.r && c.y < sizes.h + c.r).sort((a, b) => b.r - a.r);
  for (const circle of drawn) {
    const fillOf = style.fill(circle.node), chosen = circle.node.id === selected;
    context.beginPath();
    context.arc(circle.x, circle.y, circle.r, 0, 2 * Math.PI);
    if (fillOf) {
      context.globalAlpha = points.length ? 0.55 : 0.8;
      context.fillStyle = fillOf.colour;
      context.fill();
    }
    context.globalAlpha = 1;
    context.setLineDash(fillOf ? [] : [3, 3]);
    context.lineWidth = chosen ? 3 : circle.node.id === hover ? 2.5 : 1.25;
    context.strokeStyle = chosen || circle.node.id === hover ? strong : fillOf ? card : strong;
    context.stroke();
    context.setLineDash([]);
  }
}

// At most two lines, broken at a space near the middle.
function lines(text) {
  if (text.length <= 17) return [text];
  let cut = -1;
  for (let i = text.indexOf(" "); i >= 0; i = text.indexOf(" ", i + 1))
    if (cut < 0 || Math.abs(i - text.length / 2) < Math.abs(cut - text.length / 2)) cut = i;
  return cut < 0 ? [text] : [text.slice(0, cut), text.slice(cut + 1)];
}

function drawLabels() {
  const ink = getComputedStyle(document.documentElement), taken = [];
  context.font = '600 12.5px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif';
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const circle of [...drawn].sort((a, b) => (b.node.id === selected) - (a.node.id === selected) || b.r - a.r)) {
    const text = lines(circle.node.short_name), w = Math.max(...text.map((part) => context.measureText(part).width)) + 5, h = 15 * text.length + 3;
    for (const [dx, dy] of [[0, 0], [0, circle.r + h / 2 + 1], [0, -circle.r - h / 2 - 1], [circle.r + w / 2, 0], [-circle.r - w / 2, 0]]) {
      const box = { x: circle.x + dx - w / 2, y: circle.y + dy - h / 2, w, h };
      const free = box.x > 2 && box.y > 2 && box.x + w < sizes.w - 2 && box.y + h < sizes.h - 2 &&
        taken.every((o) => box.x > o.x + o.w || o.x > box.x + w || box.y > o.y + o.h || o.y > box.y + h);
      if (!free) continue;
      taken.push(box);
      text.forEach((part, i) => {
        const y = box.y + 9 + 15 * i;
        context.lineWidth = 3.5;
        context.strokeStyle = ink.getPropertyValue("--card");
        context.strokeText(part, box.x + w / 2, y);
        context.fillStyle = ink.getPropertyValue("--ink");
        context.fillText(part, box.x + w / 2, y);
      });
      break;
    }
  }
}

// ---- Moving about ----

function zoomAt(factor, x = sizes.w / 2, y = sizes.h / 2) {
  const before = [(x - sizes.w / 2) / side() + camera.x, (y - sizes.h / 2) / side() + camera.y];
  camera.zoom = Math.min(40, Math.max(0.6, camera.zoom * factor));
  camera.x = before[0] - (x - sizes.w / 2) / side();
  camera.y = before[1] - (y - sizes.h / 2) / side();
  keepNear();
}
function moveBy(dx, dy) {
  camera.x -= dx / side();
  camera.y -= dy / side();
  keepNear();
}
function keepNear() {
  camera.x = Math.min(1.1, Math.max(-0.1, camera.x));
  camera.y = Math.min(1.1, Math.max(-0.1, camera.y));
  redraw();
}
function fit() {
  Object.assign(camera, { x: frame.x + frame.w / 2, y: frame.y + frame.h / 2, zoom: 1 });
  redraw();
}

const hit = (event) => {
  const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  return [...drawn].reverse().find((circle) => Math.hypot(circle.x - x, circle.y - y) <= Math.max(circle.r, 9));
};

const fingers = new Map();
let moved = 0;
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
  moved = 0;
});
canvas.addEventListener("pointermove", (event) => {
  const last = fingers.get(event.pointerId);
  if (!last) {
    const under = hit(event);
    canvas.classList.toggle("over", Boolean(under));
    canvas.title = under ? `${under.node.name}\n${plural(under.node.conversations, "conversation")}, ${percent(under.node.share)}` : "";
    if ((under?.node.id ?? null) !== hover) { hover = under?.node.id ?? null; redraw(); }
    return;
  }
  const others = [...fingers.values()].filter((finger) => finger.pointerId !== event.pointerId);
  if (others.length) {
    const box = canvas.getBoundingClientRect(), o = others[0], apart = (e) => Math.hypot(e.clientX - o.clientX, e.clientY - o.clientY);
    zoomAt(apart(event) / Math.max(1, apart(last)), (event.clientX + o.clientX) / 2 - box.left, (event.clientY + o.clientY) / 2 - box.top);
  } else moveBy(event.clientX - last.clientX, event.clientY - last.clientY);
  moved += Math.abs(event.clientX - last.clientX) + Math.abs(event.clientY - last.clientY);
  if (moved > 4) canvas.classList.add("dragging");
  fingers.set(event.pointerId, event);
});
const lift = (event) => {
  const was = fingers.delete(event.pointerId);
  canvas.classList.remove("dragging");
  if (was && event.type === "pointerup" && moved <= 4) {
    const under = hit(event);
    if (under) style.ask(under.node.id);
  }
};
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = canvas.getBoundingClientRect();
  zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });

function step(by) {
  if (!drawn.length) return;
  walk = (walk + by + drawn.length) % drawn.length;
  hover = drawn[walk].node.id;
  find("map-said").textContent = `${drawn[walk].node.name}: ${plural(drawn[walk].node.conversations, "conversation")}`;
  redraw();
}
const keys = {
  ArrowLeft: () => moveBy(60, 0), ArrowRight: () => moveBy(-60, 0), ArrowUp: () => moveBy(0, 60), ArrowDown: () => moveBy(0, -60),
  "+": () => zoomAt(1.4), "=": () => zoomAt(1.4), "-": () => zoomAt(1 / 1.4), 0: fit, "]": () => step(1), "[": () => step(-1),
  Enter: () => hover !== null && style.ask(hover), Escape: () => style.ask(null),
};
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
for (const button of document.querySelectorAll("[data-zoom]"))
  button.addEventListener("click", () => ({ in: () => zoomAt(1.5), out: () => zoomAt(1 / 1.5), fit })[button.dataset.zoom]());
new ResizeObserver(redraw).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

export function setMapLegend(parts, note) {
  fill(find("legend"), parts);
  find("map-note").textContent = note;
  canvas.setAttribute("aria-label", nodes.length
    ? `Map of ${plural(nodes.length, "cluster")}, largest: ${nodes.reduce((a, b) => (b.conversations > a.conversations ? b : a)).name} with ${count(Math.max(...nodes.map((n) => n.conversations)))} conversations`
    : "Map, empty");
}
