// The stages of the run, live. Events hold numbers and stage names only.
import { make, find, fill, count, plural, duration, load } from "/dom.js";

let order = [], titles = {}; // as the program has them
load("/api/stages").then((list) => {
  order = list.map((stage) => stage.name);
  titles = Object.fromEntries(list.map((stage) => [stage.name, stage.title]));
  showProgress();
}, () => {}); // the names say enough
const marks = { done: "✓", failed: "!", now: "", waiting: "", kept: "✓" };

const stages = new Map(); // name -> latest event
let run = null;           // latest event of the run itself
let startedAt = null;

function take(event) {
  if (event.kind === "run_start") {
    stages.clear();
    startedAt = event.t;
  }
  if (event.stage) stages.set(event.stage, event);
  else run = event;
}

export function follow(changed, bundle) {
  const stream = new EventSource("/api/events");
  stream.addEventListener("state", (message) => {
    stages.clear();
    run = null;
    for (const event of JSON.parse(message.data)) take(event);
    if (run && run.t && !startedAt) startedAt = run.t;
    changed();
  });
  stream.addEventListener("event", (message) => {
    take(JSON.parse(message.data));
    changed();
  });
  stream.addEventListener("bundle", bundle);
  return stream;
}

export const isRunning = () => stages.size > 0 && !(run && /^run_(done|failed|stopped)$/.test(run.kind));
export const hasEvents = () => stages.size > 0 || run !== null;

const stateOf = (event) =>
  !event ? "waiting" : { stage_done: "done", stage_kept: "kept", stage_failed: "failed" }[event.kind] ?? (isRunning() ? "now" : "waiting");

function figures(event, state) {
  if (!event) return "";
  if (state === "kept") return "done before";
  if (event.total > 0 && event.total < 6) return state === "done" ? "done" : ""; // steps, not records
  if (event.total > 0) return state === "done" ? count(event.done ?? event.total) : `${count(event.done ?? 0)} of ${count(event.total)}`;
  return event.done > 0 ? count(event.done) : state === "done" ? "done" : "";
}

function more(event, state) {
  if (!event) return "";
  const parts = [];
  if (state === "now" && event.rate > 0)
    parts.push(event.rate >= 1 ? `${event.rate >= 10 ? Math.round(event.rate) : event.rate.toFixed(1)} a second` : `${(event.rate * 60).toFixed(1)} a minute`);
  if (state === "now" && event.eta_s > 0 && event.done < event.total) parts.push(`about ${duration(event.eta_s)} left`);
  if (event.calls > 0) parts.push(plural(event.calls, "model call"));
  if (event.tokens_in + event.tokens_out > 0) parts.push(`${count(event.tokens_in)} tokens read, ${count(event.tokens_out)} written`);
  if (event.quarantined > 0) parts.push(`${count(event.quarantined)} set aside`);
  return parts.join(" · ");
}

function row(name) {
  const event = stages.get(name), state = stateOf(event), css = state === "kept" ? "done" : state;
  const part = event && event.total > 0 ? Math.min(1, (event.done ?? 0) / event.total) : 0;
  const details = more(event, state);
  return make(`li.${css}`, state === "now" ? { "aria-current": "step" } : null,
    make("span.mark", { "aria-hidden": "true" }, marks[state]),
    make("span.title", null, titles[name] ?? name, make("span.unseen", null, { done: ", done", kept: ", done before", failed: ", failed" }[state] ?? "")),
    make("span.figures", null, figures(event, state)),
    state === "now" && event.total > 0
      ? make("span.track", { role: "progressbar", "aria-valuenow": Math.round(part * 100), "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": titles[name] ?? name }, make("i", { "--part": `${part * 100}%` }))
      : null,
    details && (state === "now" || state === "done" || state === "failed") ? make("span.more", null, details) : null);
}

function heading() {
  if (!hasEvents()) return ["Waiting for the run", "Nothing has been reported yet. This page fills by itself when the run starts."];
  if (run?.kind === "run_failed") return ["The run stopped with an error", "What was done is kept. The terminal says what went wrong; the same command goes on from here."];
  if (run?.kind === "run_stopped") return ["The run was stopped", "What was done is kept. The same command goes on from here."];
  if (run?.kind === "run_done") return ["The run is done", "Every stage has finished."];
  const now = [...stages.values()].reverse().find((event) => stateOf(event) === "now");
  return ["The run is going on", now?.eta_s > 0 ? `${titles[now.stage] ?? now.stage}: about ${duration(now.eta_s)} left in this stage.` : "The tree and the map appear here when the last stage has finished."];
}

export function showProgress() {
  const [head, note] = heading();
  find("progress-title").textContent = head;
  find("progress-note").textContent = note;
  const names = [...order, ...[...stages.keys()].filter((name) => !order.includes(name))];
  fill(find("stages"), names.map(row));
  let last = 0;
  for (const event of [...stages.values(), ...(run ? [run] : [])]) last = Math.max(last, event.t ?? 0);
  find("progress-foot").textContent = startedAt && last > startedAt ? `${isRunning() ? "Running for" : "Took"} ${duration((last - startedAt) / 1000)}.` : "";
}
