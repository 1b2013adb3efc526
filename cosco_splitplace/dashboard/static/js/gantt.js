// One task's pipeline over time: a row a fragment, its phases as bars; the same as a table.
import { duration, el, table } from "./dom.js";

const PHASES = [
  ["wait", "waits for a host"], ["transfer", "input on its way"], ["run", "runs"], ["migrate", "is moved"], ["deliver", "result on its way"],
];

export function phases(fragment, now) {
  const spans = [];
  const add = (kind, from, to, text) => {
    if (from === null || from === undefined) return;
    const end = to ?? now;
    if (end > from) spans.push({ kind, from, to: end, text });
  };
  add("wait", fragment.ready_s, fragment.placed_s, "waits for a host");
  add("transfer", fragment.placed_s, fragment.started_s ?? fragment.finished_s, `input of ${fragment.input_mb.toFixed(1)} MB on its way`);
  let from = fragment.started_s;
  for (const move of fragment.moves.filter((one) => one.kind === "migrated")) {
    add("run", from, move.ordered_s, `runs on host ${move.source}`);
    add("migrate", move.ordered_s, move.ended_s, `is moved from host ${move.source} to ${move.target}`);
    from = move.ended_s;
  }
  add("run", from, fragment.finished_s, `runs on host ${fragment.host}`);
  if (fragment.is_last) add("deliver", fragment.finished_s, fragment.delivered_s, `result of ${fragment.output_mb.toFixed(1)} MB on its way`);
  return spans;
}

export function gantt(task, openFragment) {
  const rows = task.fragments.map((one) => [one, phases(one, task.now_s)]);
  const ends = rows.flatMap(([, spans]) => spans.map((one) => one.to));
  const start = task.arrival_s;
  const end = Math.max(task.deadline_s, ...ends) + task.interval_s * 0.15;
  const place = (node, from, to) => {
    node.style.left = `${(100 * (from - start)) / (end - start)}%`;
    if (to !== undefined) node.style.width = `${(100 * (to - from)) / (end - start)}%`;
    return node;
  };
  const ticks = [];
  const step = Math.max(1, Math.ceil((end - start) / task.interval_s / 10)) * task.interval_s;
  for (let t = Math.ceil(start / step) * step; t < end; t += step) {
    ticks.push(place(el("span", { class: "tick" }, String(Math.round(t / task.interval_s))), t));
  }
  const late = task.violated || (task.left_interval === null && task.now_s > task.deadline_s);
  return el("div", { class: "gantt", role: "group", "aria-label": `Pipeline of task ${task.task_id}` },
    el("ul", { class: "legend" }, PHASES.map(([kind, text]) => el("li", {}, el("i", { class: `bar ${kind}` }), text)),
      el("li", {}, el("i", { class: "deadline" }), "deadline")),
    el("div", { class: "lanes" },
      rows.map(([fragment, spans]) => el("div", { class: "lane" },
        el("button", { type: "button", class: "quiet small", onclick: () => openFragment(fragment.fragment_id) },
          `${fragment.split === "layer" ? `step ${fragment.index + 1}` : fragment.split === "semantic" ? `branch ${fragment.index + 1}` : "whole"} · ` +
          (fragment.host === null ? "no host" : `host ${fragment.host}`)),
        el("div", { class: "track" }, spans.map((one) => place(
          el("i", { class: `bar ${one.kind}`, title: `${one.text}: ${duration(one.to - one.from)}` }), one.from, one.to))))),
      el("div", { class: "lane axis" }, el("span", { class: "small" }, "interval"), el("div", { class: "track" }, ticks,
        place(el("i", { class: `deadline${late ? " late" : ""}`, title: "deadline" }), task.deadline_s)))),
    el("details", {}, el("summary", {}, "The same as a table"),
      table(`Phases of task ${task.task_id}`, ["fragment", "phase", "from (s)", "to (s)", "took"],
        rows.flatMap(([fragment, spans]) => spans.map((one) =>
          [`${fragment.index + 1}`, one.text, one.from - start, one.to - start, duration(one.to - one.from)])))));
}
