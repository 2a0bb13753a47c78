// The pane at the right: one cluster, or the whole run when none is chosen.
import { make, fill, find, count, plural, percent, times, week, title, bar } from "/dom.js";

const svg = (tag, attributes, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes ?? {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

const heading = (text, aside) => make("h3", null, text, aside ? make("span", null, aside) : null);
const fact = (name, value) => make("div", null, make("dt", null, name), make("dd", null, value));

// points: [week, n or null]. Withheld weeks are gaps, never noughts.
function spark(points, label) {
  const top = Math.max(1, ...points.map((p) => p[1] ?? 0)), n = points.length;
  const x = (i) => (n === 1 ? 50 : (i / (n - 1)) * 100), y = (v) => 66 - (v / top) * 60;
  const picture = svg("svg", { class: "spark", viewBox: "0 0 100 74", preserveAspectRatio: "none", role: "img", "aria-label": label });
  let run = [];
  const draw = () => {
    if (run.length === 0) return;
    const line = run.map((i) => `${x(i)} ${y(points[i][1])}`).join("L");
    picture.append(svg("path", { class: "area", d: `M${x(run[0])} 66L${line}L${x(run.at(-1))} 66Z` }),
      svg("path", { class: "line", d: run.length > 1 ? "M" + line : `M${x(run[0]) - 0.8} ${y(points[run[0]][1])}h1.6` }));
    run = [];
  };
  points.forEach((point, i) => {
    if (point[1] === null) {
      draw();
      picture.append(svg("rect", { class: "gap", x: x(i) - 0.6, y: 64.5, width: 1.2, height: 3 }));
    } else run.push(i);
  });
  draw();
  return picture;
}

function weeks(points) {
  const known = points.filter((p) => p[1] !== null);
  if (points.length < 2) return [];
  const hidden = points.length - known.length;
  if (!known.length) return [heading("By week"), make("p.quiet", null, "No week has enough accounts to be shown.")];
  const peak = known.reduce((a, b) => (b[1] > a[1] ? b : a));
  return [
    heading("By week", hidden ? `${plural(hidden, "week")} too small to show` : null),
    spark(points, `Conversations by week; most in the week of ${week(peak[0])}: ${count(peak[1])}`),
    make("div.spark-ends", null, make("span", null, week(points[0][0])), make("span", null, `most: ${count(peak[1])}`), make("span", null, week(points.at(-1)[0]))),
  ];
}

function timesCell(ratio) {
  if (ratio === null || ratio === undefined) return make("span.times", null, "");
  const kind = ratio >= 1.15 ? "more" : ratio <= 0.87 ? "less" : "same";
  return make(`span.times.${kind}`, { title: "Share here against the share in the whole run" }, kind === "same" ? "as run" : times(ratio));
}

function split(facet, value, scale, whole) {
  return make("div.split", { role: "listitem" },
    make("span.label", { dir: "auto", title: value.label }, value.label),
    bar(value.share / scale, { base: whole || value.base_share === null ? null : value.base_share / scale }),
    make("span.share", null, percent(value.share)),
    whole ? make("span") : timesCell(value.ratio));
}

function breakdown(b, publicRun, whole) {
  const shown = b.values.filter((value) => value.share !== null && value.share !== undefined);
  const aside = b.mean !== undefined ? `mean ${b.mean.toFixed(2)}${b.base_mean !== undefined && !whole ? `, run ${b.base_mean.toFixed(2)}` : ""}` : null;
  if (!shown.length)
    return [heading(title(b.facet)), make("p.quiet", null, publicRun ? "No values." : "Too few accounts behind each value to show any.")];
  const ordered = b.kind === "categorical" || b.kind === "metadata" ? [...shown].sort((x, y) => y.share - x.share) : shown;
  const scale = Math.max(...ordered.map((value) => Math.max(value.share, whole ? 0 : value.base_share ?? 0)));
  const first = ordered.slice(0, 8), rest = ordered.slice(8);
  const list = make("div", { role: "list" }, first.map((value) => split(b.facet, value, scale, whole)));
  const parts = [heading(title(b.facet), aside), list];
  if (rest.length)
    parts.push(make("button.link.quiet", { type: "button", onclick: (event) => {
      list.append(...rest.map((value) => split(b.facet, value, scale, whole)));
      event.target.remove();
    } }, `${count(rest.length)} more`));
  const hidden = b.values.length - shown.length;
  if (hidden && !publicRun) parts.push(make("p.quiet", null, `${plural(hidden, "value")} with no or too few accounts not shown`));
  return parts;
}

function kids(nodes, select) {
  if (!nodes.length) return [];
  const most = Math.max(...nodes.map((node) => node.conversations));
  const line = (node) => make("li", null, make("button", { type: "button", onclick: () => select(node.id) },
    make("span", { dir: "auto" }, node.name), make("span.share", null, percent(node.share)), bar(node.conversations / most)));
  const list = make("ul.kids", null, nodes.slice(0, 12).map(line));
  return [heading("Inside", plural(nodes.length, "cluster")), list, nodes.length > 12
    ? make("button.link.quiet", { type: "button", onclick: (event) => { list.append(...nodes.slice(12).map(line)); event.target.remove(); } }, `${count(nodes.length - 12)} more`)
    : null];
}

export function showNode(node, run, select) {
  fill(find("detail"),
    make("nav.path", { "aria-label": "Path" }, make("button", { type: "button", onclick: () => select(null) }, "Whole run"),
      [...node.path].reverse().map((up) => ["›", make("button", { type: "button", dir: "auto", onclick: () => select(up.id) }, up.name)])),
    make("h2", { dir: "auto", tabindex: "-1" }, node.name),
    node.description ? make("p.text", { dir: "auto" }, node.description) : null,
    make("dl.facts", null, fact("Conversations", count(node.conversations)), fact("Share", percent(node.share)), fact("Accounts", count(node.accounts))),
    weeks(node.weeks.map(([day, n]) => [day, n])),
    kids(node.children, select),
    node.breakdowns.flatMap((b) => breakdown(b, run.privacy.public, false)),
    node.breakdowns.length ? make("p.key", null, make("b"), "share in the whole run") : null);
}

const line = (name, value) => make("tr", null, make("th", { scope: "row" }, name), make("td", null, value));

export function showRun(run, tree) {
  const t = run.trees[tree];
  fill(find("detail"),
    make("h2", null, "The whole run"),
    make("p.text", null, "Choose a cluster in the tree or on the map to see what it is about and how it differs from the run."),
    make("dl.facts", null, fact("Conversations", about(run.totals.rounded, count(run.totals.kept))), fact("Clusters", count(t.leaves_shown)), fact("Accounts", accounts(run))),
    weeks(run.weeks),
    run.facets.filter((f) => f.kind !== "text").flatMap((f) => breakdown({
      facet: f.name, kind: f.kind,
      values: f.values.map((v) => ({ ...v, share: v.conversations === null ? null : v.conversations / run.totals.kept })),
    }, run.privacy.public, true)),
    heading("Not shown"), withheld(run, t));
}

/* Totals are rounded where they would tell the size of something small; then they are never shown as exact. */
const about = (rounded, text) => (rounded ? "about " : "") + text;
export const kept = (run) => about(run.totals.rounded, plural(run.totals.kept, "conversation"));
const accounts = (run) => about(run.totals.accounts_rounded, count(run.totals.accounts));

/* A number that is withheld would tell the size of something small. */
const known = (n) => n === null ? "not told" : count(n);

function withheld(run, t) {
  const w = t.withheld, of = (part) => part.conversations === null ? known(part.clusters) : `${count(part.clusters)} (${plural(part.conversations, "conversation")})`;
  return make("table.table", null, make("tbody", null,
    line("In clusters shown", `${count(t.shown)} of ${kept(run)}`),
    line("Clusters too small", of(w.too_small)), line("Clusters the audit withheld, or no name fitted", of(w.audit)),
    line("In no cluster", known(t.placed === null ? null : Math.max(0, run.totals.kept - t.placed)))));
}

export function showAbout(run, tree) {
  const p = run.privacy, s = run.sampling;
  fill(find("view-about"),
    make("h2", null, "About this run"),
    make("p.lead", null, "What stands behind the numbers, and what they leave out."),
    make("h3", null, "What this cannot see"),
    make("ul.limits", null, run.limits.map((text) => make("li", null, text))),
    make("h3", null, "What is shown"),
    make("table.table", null, make("tbody", null,
      line("Smallest cluster shown", `${plural(p.min_accounts, "account")} and ${plural(p.min_conversations, "conversation")}`),
      line("Smallest breakdown, week or map cell", p.public ? "any: the data is declared public" : plural(p.min_cell_accounts, "account")),
      line("Accounts", p.account_per_conversation ? "the data has none: every conversation counts as one" : accounts(run)),
      line("Data", p.public ? "declared public by whoever made this run" : "not public"),
      line("Names and descriptions", run.audit.label),
      line("Lowest rating shown", `${p.audit_min} of 5`),
      p.public ? null : line("Cells withheld", count(run.totals.cells_withheld)))),
    make("h3", null, "What was held back"), withheld(run, run.trees[tree]),
    make("h3", null, "How it was made"),
    make("table.table", null, make("tbody", null,
      line("Read", about(run.totals.rounded, plural(run.totals.imported, "conversation"))),
      line("Kept", kept(run)),
      line("Sampling", s.sample ? `${count(s.sample)} drawn by ${s.by}` : `all ${s.by}`),
      s.screened ? line("Screened", "by a question to a model") : null,
      s.filtered ? line("Filtered", "by a regular expression") : null,
      line("Describes conversations", run.models.fast), line("Names and audits", run.models.strong), line("Embeds", run.models.embed),
      line("Map", run.trees[tree].map_sampled ? `drawn from ${count(run.trees[tree].map_points)} of ${plural(run.trees[tree].shown, "conversation")}` : "drawn from all placed conversations"),
      line("Seed", String(s.seed)), line("Program", `clio ${run.program_version}`))));
}
