// What decider and placer believe, against what came true.
import { ofRun } from "./api.js";
import { aligned, chart } from "./charts.js";
import { SERIES, colour, duration, el, number, percent } from "./dom.js";

const MOST_LINES = 14;
const TITLES = {
  Q: ["Reward of a decision, as estimated (Q)", "by context (deadline above or below R) and split"],
  N: ["Decisions taken (N)", "by context and split"],
  R: ["Layer splits: estimated response (R) and observed", "intervals; dots: one task each, when it left"],
  outcomes: ["Outcomes learned from", "by split"],
  "": ["Exploration and threshold", ""],
};
const ORDER = ["Q", "R", "N"];
const order = (group) => (ORDER.includes(group) ? ORDER.indexOf(group) : ORDER.length);
const SHADE = { layer: "layer", semantic: "semantic", compressed: "compressed" };

export async function deciderView(state) {
  const found = await ofRun(state.run, "/decider", "learning");
  const x = state.series.series.interval;
  const at = state.interval;
  const made = [chart({ title: "Decisions by split", note: "tasks that arrived, an interval", x, at,
    series: Object.entries(found.decisions).map(([split, y]) => ({ label: split, y, colour: SHADE[split] })) })];
  const groups = new Map();
  for (const [name, y] of Object.entries(found.state)) {
    const dot = name.indexOf(".");
    const group = dot < 0 ? "" : name.slice(0, dot);
    groups.set(group, [...(groups.get(group) ?? []), [dot < 0 ? name : name.slice(dot + 1), y]]);
  }
  if (!groups.has("R")) groups.set("R", []);
  for (const group of [...groups.keys()].sort((a, b) => order(a) - order(b))) {
    const lines = groups.get(group);
    if (group === "R") { made.push(...responses(found, lines, x, at)); continue; }
    const [title, note] = TITLES[group] ?? [`${group}: what counts for keeping a deadline`, "weights of the log-odds"];
    const shown = lines.slice(0, MOST_LINES);
    made.push(chart({ title, note: lines.length > shown.length ? `${shown.length} of ${lines.length}` : note, x, at,
      series: shown.map(([label, y], i) => {
        const [context, split] = label.split(".");
        return { label: label.replaceAll(".", " "), y, colour: SHADE[split] ?? SHADE[label] ?? SERIES[i % SERIES.length], dash: context === "low" ? [5, 4] : undefined };
      }) }));
  }
  if (found.reliability.length) made.push(reliability(found.reliability));
  const note = Object.keys(found.state).length ? null : el("p", { class: "panel small" },
    `The decider '${found.decider}' estimates nothing: it shows no state of its own.`);
  return el("div", {}, note, el("div", { class: "grid" }, made));
}

function responses(found, lines, x, at) {
  const points = Object.entries(found.layer_responses).filter(([, one]) => one.interval.length);
  if (!lines.length && !points.length) return [];
  const names = [...new Set([...lines.map(([name]) => name), ...points.map(([name]) => name)])].sort();
  const shade = (name) => SERIES[names.indexOf(name) % SERIES.length];
  const list = [
    ...lines.map(([name, y]) => ({ label: `${name}, R`, x, y, colour: shade(name), spanGaps: true })),
    ...points.map(([name, one]) => ({ label: `${name}, observed`, x: one.interval, y: one.response_intervals, colour: shade(name), points: true })),
  ];
  const data = aligned(list);
  const [title, note] = lines.length ? TITLES.R : ["Layer splits: observed response", "intervals; dots: one task each, when it left"];
  return [chart({ title, note, x: data[0], at, series: list.map((one, i) => ({ ...one, y: data[i + 1] })) })];
}

function reliability(curves) {
  const list = curves.map((one) => ({ label: `${one.split}: ${number(one.tasks)} tasks, predicted ${percent(one.predicted_mean)}, kept ${percent(one.observed_mean)}`,
    x: one.predicted, y: one.observed, colour: SHADE[one.split], points: true }));
  const data = aligned(list);
  return chart({ title: "Are deadlines predicted rightly?", note: "share kept against predicted probability, with 95 % intervals; calibrated on the line",
    x: data[0], xLabel: "predicted", format: (v) => percent(v, 0), marker: false, range: [0, 1.02], xRange: [0, 1.02], height: 240,
    series: list.map((one, i) => ({ ...one, y: data[i + 1] })),
    draw: (plot) => {
      const ink = plot.ctx;
      const at = (x, y) => [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)];
      ink.save();
      ink.strokeStyle = colour("muted");
      ink.setLineDash([4, 4]);
      ink.beginPath(); ink.moveTo(...at(0, 0)); ink.lineTo(...at(1, 1)); ink.stroke();
      ink.setLineDash([]);
      for (const one of curves) {
        ink.strokeStyle = colour(SHADE[one.split] ?? "text");
        one.predicted.forEach((p, i) => { ink.beginPath(); ink.moveTo(...at(p, one.low[i])); ink.lineTo(...at(p, one.high[i])); ink.stroke(); });
      }
      ink.restore();
    } });
}

export async function placerView(state) {
  const found = await ofRun(state.run, "/placer", "learning");
  const x = state.series.series.interval;
  const at = state.interval;
  const known = found.predicted.some((one) => one !== null);
  const made = [
    chart({ title: "Objective, observed", note: "equation 10, higher is better", x, at, series: [{ label: "observed", y: found.observed, spanGaps: true }] }),
    known ? chart({ title: "Objective, as the placer predicted it", note: "on the placer's own scale", x, at,
      series: [{ label: "predicted", y: found.predicted, colour: "series-2", spanGaps: true }] }) : null,
    known ? scatter(found) : null,
    chart({ title: "Time of deciding and placing", note: "wall clock", x, at, format: duration, series: [{ label: "an interval", y: found.scheduling_s, colour: "series-3" }] }),
    chart({ title: "Fragments right after placement", x, at, series: [
      { label: "on hosts", y: found.active_fragments }, { label: "waiting", y: found.waiting_fragments, colour: "series-2" }] }),
    chart({ title: "Migrations", x, at, series: [{ label: "finished in the interval", y: found.migrations, colour: "series-4" }] }),
    ...Object.entries(found.state).map(([name, y]) => chart({ title: name.replaceAll("_", " "), note: "shown by the placer", x, at,
      series: [{ label: name.replaceAll("_", " "), y, colour: "series-5", spanGaps: true }] })),
  ].filter(Boolean);
  return el("div", {}, known ? null : el("p", { class: "panel small" }, `The placer '${found.placer}' predicts no objective.`), el("div", { class: "grid" }, made));
}

function scatter(found) {
  const pairs = found.predicted.map((p, i) => [p, found.observed[i]]).filter(([p, o]) => p !== null && o !== null).sort((a, b) => a[0] - b[0]);
  return chart({ title: "Predicted against observed", xLabel: "predicted", marker: false,
    note: `one dot an interval; correlation ${number(found.correlation)}`,
    x: pairs.map((one) => one[0]), series: [{ label: "observed", y: pairs.map((one) => one[1]), points: true }] });
}
