// The top of the page: what runs, how far it is, and how good it is, at the chosen interval.
import { chart, clearCharts, moveMarkers } from "./charts.js";
import { byId, duration, el, number, percent } from "./dom.js";

const REFERENCES = {
  ready: "", computing: "working out the references ...", absent: "references come when the run has ended",
};

export function buildStrip(state) {
  const strip = byId("strip");
  clearCharts(strip);
  const { series, info } = state;
  const s = series.series;
  const line = (label, name, colour, dash) => (s[name] ? { label, y: s[name], colour, dash } : null);
  strip.replaceChildren(
    el("div", { class: "card" },
      el("h2", {}, "Run"), el("p", { class: "big", id: "k-interval" }), el("progress", { id: "k-progress", max: info.window, "aria-label": "Intervals done" }),
      el("p", { class: "small", id: "k-run" }, `${info.model} · seed ${info.settings.run.seed} · ${info.hosts.types.length} hosts · ${info.settings.run.decider} + ${info.settings.run.placer}`)),
    el("div", { class: "card" },
      el("h2", {}, "Tasks"),
      el("ul", { class: "counts" }, ["waiting", "running", "done", "late"].map((one) =>
        el("li", { class: one }, el("b", { id: `k-${one}` }), one))),
      el("div", { class: "stack", id: "k-stack", role: "img" }, ["done", "running", "waiting"].map((one) => el("i", { class: one }))),
      el("p", { class: "small", id: "k-extra" })),
    el("div", { class: "card wide" }, el("p", { class: "big", id: "k-reward" }), chart({
      title: "Reward so far", x: s.interval, height: 84, format: (v) => percent(v, 0), at: state.interval,
      series: [line("this run", "reward_so_far", "series-1"), line("always semantic", "semantic_reward_so_far", "series-2", [6, 4]),
        line("bound", "bound_reward_so_far", "muted", [2, 3])].filter(Boolean) })),
    el("div", { class: "card wide" }, el("p", { class: "big", id: "k-violations" }), chart({
      title: "Violations so far", x: s.interval, height: 84, format: (v) => percent(v, 0), at: state.interval,
      series: [line("this run", "violations_so_far", "series-1"), line("always semantic", "semantic_violations_so_far", "series-2", [6, 4]),
        line("bound", "bound_violations_so_far", "muted", [2, 3])].filter(Boolean) })));
  strip.hidden = false;
}

export function showStrip(state) {
  const { series, info, interval } = state;
  const s = series.series;
  const at = (name) => s[name]?.[interval];
  const drains = interval >= info.window;
  byId("k-interval").textContent = drains ? `${interval + 1}, draining` : `${interval + 1} / ${info.window}`;
  byId("k-progress").value = Math.min(interval + 1, info.window);
  for (const one of ["waiting", "running", "done", "late"]) byId(`k-${one}`).textContent = number(at(`tasks_${one}`));
  const total = Math.max(1, at("tasks_arrived"));
  for (const bar of byId("k-stack").children) bar.style.width = `${(100 * at(`tasks_${bar.className}`)) / total}%`;
  byId("k-stack").setAttribute("aria-label", `${at("tasks_arrived")} tasks have arrived`);
  byId("k-extra").textContent = `CPU ${percent(at("cpu_utilisation"), 0)} · RAM ${percent(at("ram_share"), 0)} · ` +
    `${number(at("energy_so_far_wh") / 1000, 1)} kWh · layer splits ${percent(at("layer_share_so_far"), 0)}` +
    (info.failed ? ` · ${info.failed} given up` : "") +
    (at("scheduling_s") === undefined ? "" : ` · decided in ${duration(at("scheduling_s"))}`);
  const note = REFERENCES[series.references] ?? series.references;
  const against = (name, text) => (s[name] && at(name) !== null ? el("small", {}, ` ${text} ${percent(at(name))}`) : "");
  for (const [id, name] of [["k-reward", "reward"], ["k-violations", "violations"]]) {
    byId(id).replaceChildren(percent(at(`${name}_so_far`)), against(`semantic_${name}_so_far`, "semantic"),
      against(`bound_${name}_so_far`, "bound"), note && name === "reward" ? el("small", {}, ` ${note}`) : "");
  }
  moveMarkers(interval);
}
