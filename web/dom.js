// Small helpers. Text from the run reaches the page through textContent alone.

// make("p.quiet", {dir: "auto", onclick: fn}, "text", child...)
export function make(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) element.style.setProperty(key, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity))
    if (child !== null && child !== undefined && child !== false)
      element.append(child instanceof Node ? child : document.createTextNode(child));
  return element;
}

export const find = (id) => document.getElementById(id);

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

const whole = new Intl.NumberFormat();
export const count = (n) => whole.format(n);
export const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many ?? one + "s"}`;

export function percent(share) {
  if (share === null || share === undefined) return "–";
  const p = share * 100;
  if (p > 0 && p < 0.1) return "<0.1%";
  return (p >= 9.95 || p === 0 ? Math.round(p) : p.toFixed(1)) + "%";
}

export function times(ratio) {
  if (ratio === null || ratio === undefined) return "";
  return (ratio >= 9.95 ? Math.round(ratio) : ratio.toFixed(1)) + "×";
}

export function duration(seconds) {
  if (!(seconds >= 0)) return "";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export const week = (day) =>
  new Date(day + "T00:00:00Z").toLocaleDateString(undefined, { timeZone: "UTC", year: "numeric", month: "short", day: "numeric" });

// "request" -> "Request"
export const title = (name) => (name ? name[0].toUpperCase() + name.slice(1).replaceAll("_", " ") : "");

export function bar(part, options = {}) {
  return make("span.bar", { "aria-hidden": "true" },
    part > 0 && make("i", { "--part": `${Math.min(100, Math.max(0, part * 100))}%`, ...(options.fill ? { "--fill": options.fill } : {}) }),
    options.base === undefined || options.base === null ? null : make("b", { "--base-at": `${Math.min(100, options.base * 100)}%` }));
}

export async function load(path) {
  const reply = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await reply.json().catch(() => ({ cause: `the answer could not be read (${reply.status})`, hint: "" }));
  if (!reply.ok) throw new Error([body.cause, body.hint].filter(Boolean).join(": "));
  return body;
}
