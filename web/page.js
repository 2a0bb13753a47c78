// The page: what is loaded, what is chosen, and who has to hear of it. One state, one address.
import { make, find, fill, count, plural, percent, times, title, bar, load } from "/dom.js";
import { kindColour, shareColour, ratioColour, gradient } from "/colour.js";
import { follow, showProgress } from "/progress.js";
import { showNode, showRun, showAbout, kept } from "/detail.js";
import { setMapData, setMapFill, setMapLegend, setMapSelection, setMapHandlers, redraw } from "/map.js";

const state = { view: null, tree: null, by: "size", measure: "share", node: null };
let run = null, nodes = [], byId = new Map(), overlay = null, opened = new Set(), serial = 0;

function complain(error) {
  find("notice").textContent = error ? `Something went wrong: ${error.message}` : "";
  find("notice").hidden = !error;
}
const guarded = (action) => async (...values) => {
  try { await action(...values); complain(null); } catch (error) { complain(error); }
};

// ---- Address: #request/12?by=language:Spanish&measure=ratio ----

function readAddress() {
  const [path, search] = decodeURI(location.hash.slice(1)).split("?");
  const [tree, id] = path.split("/"), values = new URLSearchParams(search ?? "");
  if (tree) state.tree = tree;
  state.node = id ? Number(id) : null;
  state.by = values.get("by") ?? "size";
  state.measure = values.get("measure") === "ratio" ? "ratio" : "share";
}
function writeAddress() {
  const values = new URLSearchParams();
  if (state.by !== "size") values.set("by", state.by);
  if (state.measure === "ratio") values.set("measure", "ratio");
  const hash = `#${state.tree ?? ""}${state.node !== null ? "/" + state.node : ""}${values.size ? "?" + values : ""}`;
  if (hash !== location.hash) history.pushState(null, "", hash);
}

// ---- Views ----

function go(view) {
  if (view !== "progress" && !run) view = "progress";
  state.view = view;
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll("nav [data-go]"))
    button.toggleAttribute("aria-current", button.dataset.go === view);
  if (view === "progress") showProgress();
  if (view === "explore") redraw();
}
for (const button of document.querySelectorAll("[data-go]"))
  button.addEventListener("click", () => go(button.dataset.go));
for (const button of document.querySelectorAll("[data-pane]"))
  if (button.tagName === "BUTTON") button.addEventListener("click", () => showPane(button.dataset.pane));

function showPane(pane) {
  find("panes").dataset.pane = pane;
  for (const button of document.querySelectorAll(".panes [data-pane]"))
    button.setAttribute("aria-selected", button.dataset.pane === pane);
  redraw();
}

// ---- Head ----

function showHead() {
  const p = run.privacy, t = run.trees[state.tree];
  document.title = `Clio: ${plural(t.leaves_shown, "cluster")} of ${kept(run)}`;
  const all = kept(run);
  find("headline").textContent = `${all[0].toUpperCase()}${all.slice(1)} in ${plural(t.leaves_shown, "cluster")}`;
  find("scripted").hidden = !run.scripted;
  const badge = (text, tip, strong) => make(strong ? "li.strong" : "li", { title: tip }, text);
  fill(find("badges"),
    p.public ? badge("public data declared", "Whoever made this run declared the data public, which lowers the thresholds and shows single points", true) : null,
    badge(`≥ ${plural(p.min_accounts, "account")} a cluster`, `A cluster is shown from ${plural(p.min_accounts, "account")} and ${plural(p.min_conversations, "conversation")} on`),
    p.account_per_conversation ? badge("no accounts in the data", "Every conversation counts as an account of its own") : null,
    badge(run.audit.label, "The privacy ratings come from a model. How often it is right has not been measured."));
  find("limit").textContent = run.limits[0];
}

// ---- What the order and the colours follow ----

function fillTools() {
  const trees = run.facets.filter((f) => f.clustered);
  fill(find("facet"), trees.map((f) => make("option", { value: f.name }, title(f.name))));
  find("facet").value = state.tree;
  find("tree-choice").hidden = trees.length < 2;
  const groups = run.facets.filter((f) => f.kind !== "text" && f.values.length).map((f) => make("optgroup", { label: title(f.name) },
    f.kind === "ordinal" ? make("option", { value: `${f.name}:` }, `${title(f.name)}: mean`) : null,
    f.values.map((v) => make("option", { value: `${f.name}:${v.value}` }, `${title(f.name)}: ${v.label}`))));
  fill(find("by"), make("option", { value: "size" }, "Size"), make("option", { value: "name" }, "Name"), groups);
  find("by").value = state.by;
  if (find("by").selectedIndex < 0) find("by").value = state.by = "size";
}

async function loadOverlay() {
  overlay = null;
  const at = state.by.indexOf(":");
  find("measure").hidden = at < 0 || at === state.by.length - 1;
  for (const button of find("measure").children) button.setAttribute("aria-checked", button.dataset.measure === state.measure);
  if (at < 0) return;
  const facet = state.by.slice(0, at), value = state.by.slice(at + 1);
  const query = new URLSearchParams({ facet, tree: state.tree, ...(value ? { value } : {}) });
  const data = await load(`/api/overlay?${query}`);
  const def = run.facets.find((f) => f.name === facet);
  overlay = { ...data, mean: !value, at: new Map(data.nodes.map((n) => [n.id, n])), label: find("by").selectedOptions[0]?.textContent ?? "",
    low: def?.kind === "ordinal" ? Number(def.values[0].value) : 0 };
  overlay.high = overlay.mean ? Math.max(overlay.low + 0.5, overlay.base ?? 0, ...data.nodes.map((n) => n.mean)) : 1;
  overlay.most = Math.max(0.0001, overlay.base ?? 0, ...data.nodes.map((n) => n.share ?? 0));
}

const ratioMode = () => overlay && !overlay.mean && state.measure === "ratio";
const figure = (node) => {
  if (!overlay) return node.conversations;
  const here = overlay.at.get(node.id);
  return !here ? null : overlay.mean ? here.mean : ratioMode() ? here.ratio : here.share;
};

function compare(a, b) {
  if (state.by === "name") return a.name.localeCompare(b.name);
  const x = figure(a), y = figure(b);
  if (x === null || y === null) return (x === null) - (y === null) || b.conversations - a.conversations;
  return y - x || b.conversations - a.conversations || a.id - b.id;
}

const topOf = (node) => { while (byId.get(node.parent)) node = byId.get(node.parent); return node; };

function colourOf(node) {
  if (!overlay) return { colour: kindColour(topOf(node).kind) };
  const value = figure(node);
  if (value === null) return null;
  if (overlay.mean) return { colour: shareColour((value - overlay.low) / (overlay.high - overlay.low)) };
  return { colour: ratioMode() ? ratioColour(value) : shareColour(value / overlay.most) };
}

function showLegend() {
  const parts = [], t = run.trees[state.tree];
  if (overlay) {
    const ends = overlay.mean ? [String(overlay.low), overlay.high.toFixed(1)] : ratioMode() ? ["¼× the run", "same", "4×"] : ["0%", percent(overlay.most)];
    const ramp = gradient(ratioMode() ? (x) => ratioColour(2 ** (4 * x - 2)) : shareColour);
    parts.push(make("strong", { dir: "auto" }, overlay.label), make("div.ramp", { "--ramp": ramp }), make("div.ends", null, ends.map((end) => make("span", null, end))));
    if (overlay.base !== null && overlay.base !== undefined && !ratioMode())
      parts.push(make("div", null, `whole run: ${overlay.mean ? overlay.base.toFixed(2) : percent(overlay.base)}`));
    if (nodes.some((node) => figure(node) === null))
      parts.push(make("div", null, run.privacy.public ? "dashed: none" : "dashed: too few to show, or none"));
  }
  setMapLegend(parts, `Distances are approximate. ${t.map_sampled ? `Drawn from ${count(t.map_points)} of ${plural(t.shown, "conversation")}.` : "Circle area is the number of conversations."}`);
  setMapFill(colourOf);
}

// ---- Tree ----

const ROWS = 100;

function values(node) {
  const here = overlay?.at.get(node.id);
  if (!overlay) return [percent(node.share), count(node.conversations), bar(node.conversations / most(), { fill: kindColour(topOf(node).kind) })];
  if (!here) return ["–", run.privacy.public ? "none" : "too few", bar(0)];
  const colour = colourOf(node)?.colour;
  if (overlay.mean)
    return [here.mean.toFixed(2), count(node.conversations), bar((here.mean - overlay.low) / (overlay.high - overlay.low), { fill: colour, base: overlay.base === undefined ? null : (overlay.base - overlay.low) / (overlay.high - overlay.low) })];
  const length = bar(here.share / overlay.most, { fill: colour, base: overlay.base === null ? null : overlay.base / overlay.most });
  return ratioMode() ? [times(here.ratio) || "–", percent(here.share), length] : [percent(here.share), times(here.ratio) || count(here.conversations), length];
}
const most = () => Math.max(1, ...nodes.filter((node) => !byId.has(node.parent)).map((node) => node.conversations));

function item(node, depth, place, siblings) {
  const children = node.children, open = opened.has(node.id), [main, small, picture] = values(node);
  const li = make("li", { role: "treeitem", "data-id": node.id, tabindex: "-1", "aria-level": depth + 1, "aria-setsize": siblings, "aria-posinset": place + 1,
    "aria-selected": node.id === state.node ? "true" : "false", ...(children.length ? { "aria-expanded": open ? "true" : "false" } : {}) },
    make("div.row", { "--depth": depth },
      make("span.twist", { "aria-hidden": "true" }, children.length ? "▶" : ""),
      make("span.name", { dir: "auto" }, depth === 0 ? make("span.dot", { "--dot": overlay ? colourOf(node)?.colour ?? "transparent" : kindColour(node.kind) }) : null, node.name),
      make("span.value", null, main, make("small", null, small)),
      picture));
  if (open && children.length) li.append(make("ul", { role: "group" }, rows(children, depth + 1)));
  return li;
}

function rows(list, depth) {
  const sorted = [...list].sort(compare), shown = sorted.slice(0, ROWS).map((node, i) => item(node, depth, i, sorted.length));
  if (sorted.length > ROWS)
    shown.push(make("li", { role: "none" }, make("button.link.more-rows", { type: "button", onclick: (event) => {
      const at = event.target.parentElement;
      at.before(...sorted.slice(ROWS).map((node, i) => item(node, depth, ROWS + i, sorted.length)));
      at.remove();
    } }, `${count(sorted.length - ROWS)} more`)));
  return shown;
}

function showTree() {
  const tops = nodes.filter((node) => !byId.has(node.parent)), tree = find("tree"), had = tree.contains(document.activeElement), scroll = tree.scrollTop;
  find("tree-count").textContent = nodes.length ? `${count(run.trees[state.tree].shown)} conversations` : "";
  if (!nodes.length) {
    const t = run.trees[state.tree];
    fill(tree, make("li.empty", { role: "none" }, make("strong", null, "No cluster passed every check"),
      `${plural(t.withheld.too_small.clusters, "cluster")} had too few accounts or conversations, ${count(t.withheld.audit.clusters)} did not pass the audit. More data, or data declared public, shows more.`));
    return;
  }
  fill(tree, rows(tops, 0));
  tree.scrollTop = scroll;
  const focus = tree.querySelector(`[data-id="${state.node}"]`) ?? tree.querySelector("[role=treeitem]");
  if (focus) focus.tabIndex = 0;
  if (had) focus?.focus();
}

function toggle(id, open) {
  if (open) opened.add(id); else opened.delete(id);
  showTree();
  focusItem(id);
}
function focusItem(id) {
  const next = find("tree").querySelector(`[data-id="${id}"]`);
  if (!next) return;
  for (const other of find("tree").querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  next.tabIndex = 0;
  next.focus({ preventScroll: true });
  next.firstChild.scrollIntoView({ block: "nearest" });
}

find("tree").addEventListener("click", (event) => {
  const at = event.target.closest("[role=treeitem]"), id = Number(at?.dataset.id);
  if (!at || event.target.closest("button")) return;
  const node = byId.get(id);
  if (event.target.closest(".twist") && node.children.length) toggle(id, !opened.has(id));
  else {
    if (node.children.length) opened.has(id) && state.node === id ? opened.delete(id) : opened.add(id);
    select(id);
  }
});

let typed = "", typedAt = 0;
find("tree").addEventListener("keydown", (event) => {
  const at = event.target.closest("[role=treeitem]");
  if (!at || event.ctrlKey || event.metaKey || event.altKey) return;
  const items = [...find("tree").querySelectorAll("[role=treeitem]")], i = items.indexOf(at), id = Number(at.dataset.id), node = byId.get(id);
  const to = (other) => other && focusItem(other.dataset.id);
  const actions = {
    ArrowDown: () => to(items[i + 1]), ArrowUp: () => to(items[i - 1]), Home: () => to(items[0]), End: () => to(items.at(-1)),
    ArrowRight: () => (node.children.length && !opened.has(id) ? toggle(id, true) : node.children.length && to(items[i + 1])),
    ArrowLeft: () => (opened.has(id) ? toggle(id, false) : byId.has(node.parent) && focusItem(node.parent)),
    Enter: () => select(id), " ": () => select(id),
    "*": () => { for (const other of nodes) if (other.parent === node.parent && other.children.length) opened.add(other.id); showTree(); focusItem(id); },
  };
  if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  } else if (event.key.length === 1) {
    typed = Date.now() - typedAt > 700 ? event.key : typed + event.key;
    typedAt = Date.now();
    const from = [...items.slice(i + (typed.length === 1)), ...items];
    to(from.find((other) => byId.get(Number(other.dataset.id)).name.toLowerCase().startsWith(typed.toLowerCase())));
  }
});

// ---- Choosing ----

const select = guarded(async (id, options = {}) => {
  const mine = ++serial;
  state.node = id !== null && byId.has(id) ? id : null;
  for (let up = byId.get(byId.get(state.node)?.parent); up; up = byId.get(up.parent)) opened.add(up.id);
  if (!options.quiet) writeAddress();
  showTree();
  if (!options.quiet) focusRow();
  setMapSelection(state.node);
  if (state.node === null) return showRun(run, state.tree);
  const node = await load(`/api/node/${state.node}`);
  if (mine !== serial) return; // something else was chosen meanwhile
  showNode(node, run, (next) => select(next));
  find("pane-detail").scrollTop = 0;
  if (!options.quiet && matchMedia("(max-width: 800px)").matches && !byId.get(state.node).children.length) showPane("detail");
});
function focusRow() {
  find("tree").querySelector(`[data-id="${state.node}"]`)?.firstChild.scrollIntoView({ block: "nearest" });
}
setMapHandlers({ select: (id) => select(id) });

const reorder = guarded(async () => {
  writeAddress();
  await loadOverlay();
  showTree();
  showLegend();
});
find("by").addEventListener("change", () => { state.by = find("by").value; reorder(); });
find("facet").addEventListener("change", guarded(async () => {
  state.tree = find("facet").value;
  state.node = null;
  writeAddress();
  await loadTree();
}));
for (const button of find("measure").children)
  button.addEventListener("click", () => { state.measure = button.dataset.measure; reorder(); });

// ---- Loading ----

async function loadTree() {
  const query = new URLSearchParams({ facet: state.tree });
  const [tree, map] = await Promise.all([load(`/api/tree?${query}`), load(`/api/map?${query}`)]);
  nodes = tree.nodes;
  byId = new Map(nodes.map((node) => [node.id, node]));
  for (const node of nodes) node.children = [];
  for (const node of nodes) byId.get(node.parent)?.children.push(node);
  const tops = nodes.filter((node) => !byId.has(node.parent)).sort((a, b) => b.conversations - a.conversations);
  tops.forEach((node, i) => { node.kind = i; });
  opened = new Set(tops.length <= 3 ? tops.map((node) => node.id) : tops.slice(0, 1).map((node) => node.id));
  fillTools();
  showHead();
  await loadOverlay();
  setMapData(nodes, map);
  showLegend();
  showAbout(run, state.tree);
  await select(state.node, { quiet: true });
}

const loadRun = guarded(async () => {
  const fresh = await load("/api/run");
  if (!fresh.published) {
    if (state.view !== "progress") go("progress");
    return;
  }
  const first = !run, trees = fresh.facets.filter((f) => f.clustered).map((f) => f.name);
  run = fresh;
  document.body.dataset.run = "";
  if (!trees.includes(state.tree)) state.tree = trees[0];
  await loadTree();
  if (first) go("explore");
});

addEventListener("popstate", guarded(async () => {
  const before = state.tree;
  readAddress();
  if (!run) return;
  if (state.tree !== before) return loadTree();
  find("by").value = state.by;
  await loadOverlay();
  showLegend();
  await select(state.node, { quiet: true });
}));

readAddress();
const stream = follow(() => state.view === "progress" && showProgress(), loadRun);
stream.addEventListener("error", () => {
  if (stream.readyState === EventSource.CONNECTING) find("progress-foot").textContent = "The connection was lost. Trying again…";
});
loadRun();
