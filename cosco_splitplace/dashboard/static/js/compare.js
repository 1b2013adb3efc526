// Two or more runs on the same axes, and their metrics side by side.
import { ofRun } from "./api.js";
import { chart } from "./charts.js";
import { SERIES, el, number, percent } from "./dom.js";

const MOST = 8;
const CHARTS = [
  ["Reward so far", "reward_so_far", percent0], ["Violations so far", "violations_so_far", percent0],
  ["Tasks waiting for a host", "tasks_waiting", number], ["Tasks in the system", "tasks_running", number],
  ["Late tasks so far", "tasks_late", number], ["Response so far", "response_so_far", number, "intervals"],
  ["Layer splits so far", "layer_share_so_far", percent0], ["Energy so far", "energy_so_far_wh", number, "Wh"],
  ["CPU in use", "cpu_utilisation", percent0], ["Time of deciding and placing", "scheduling_s", number, "s"],
];

function percent0(value) { return percent(value, 0); }

export class CompareView {
  constructor(state, open) {
    this.state = state;
    this.open = open;
    this.kept = new Map();
    this.picks = el("fieldset", { class: "picks" });
    this.body = el("div", {});
    this.root = el("div", {}, el("section", { class: "panel", "aria-label": "Runs to compare" }, this.picks), this.body);
  }

  async update() {
    const chosen = this.chosen();
    this.picks.replaceChildren(el("legend", {}, `Runs on the same axes (up to ${MOST})`), ...this.state.runs.map((one) => {
      const at = chosen.indexOf(one.run);
      const key = el("i", { class: "key" });
      if (at >= 0) key.style.background = `var(--${SERIES[at]})`;
      return el("label", {}, el("input", { type: "checkbox", value: one.run, checked: at >= 0, disabled: at < 0 && chosen.length >= MOST,
        onchange: (event) => this.toggle(one.run, event.target.checked) }), key, `${one.model}, seed ${one.seed}`, el("small", {}, ` ${one.run} · ${one.state}`));
    }));
    if (chosen.length < 2) {
      this.body.replaceChildren(el("p", { class: "panel small" }, this.state.runs.length < 2
        ? "There is one run only. Start the dashboard with two or more result folders, or with one above them." : "Choose two runs or more."));
      return;
    }
    const found = await Promise.all(chosen.map(async (run) => {
      const version = this.state.runs.find((one) => one.run === run);
      const key = `${version?.state} ${version?.intervals_done}`;
      if (this.kept.get(run)?.key !== key) {
        const [info, series] = await Promise.all([ofRun(run, "", `info ${run}`), ofRun(run, "/series", `series ${run}`)]);
        this.kept.set(run, { key, info, series: series.series });
      }
      return this.kept.get(run);
    }));
    const longest = found.reduce((a, b) => (b.series.interval.length > a.series.interval.length ? b : a)).series.interval;
    const name = (i) => `${found[i].info.model} seed ${found[i].info.settings.run.seed}` + (found.filter((one) => one.info.model === found[i].info.model && one.info.settings.run.seed === found[i].info.settings.run.seed).length > 1 ? ` (${chosen[i]})` : "");
    const charts = CHARTS.filter(([, key]) => found.some((one) => one.series[key])).map(([title, key, format, note]) => chart({
      title, note, x: longest, format, at: this.state.interval,
      series: found.map((one, i) => ({ label: name(i), y: longest.map((_, k) => one.series[key]?.[k] ?? null), colour: SERIES[i] })) }));
    this.body.replaceChildren(el("div", { class: "grid" }, charts), this.metrics(found, name));
    this.body.dataset.runs = String(found.length);
  }

  metrics(found, name) {
    const whole = found.filter((one) => one.info.metrics.length);
    if (!whole.length) return el("p", { class: "small" }, "Metrics come when a run has ended.");
    const rows = whole[0].info.metrics.map((metric) => {
      const values = found.map((one) => one.info.metrics.find((other) => other.name === metric.name)?.value ?? null);
      const known = values.filter((one) => one !== null);
      const best = metric.better === "higher" ? Math.max(...known) : metric.better === "lower" ? Math.min(...known) : null;
      return el("tr", { title: metric.meaning }, el("th", { scope: "row" }, metric.label, el("small", {}, metric.unit ? ` ${metric.unit}` : "")),
        values.map((value) => el("td", { class: "number" }, value !== null && value === best ? el("strong", {}, number(value, 3)) : number(value, 3))));
    });
    return el("section", { class: "panel" }, el("h3", {}, "Metrics", el("small", {}, " best in bold")),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Metrics" }, el("table", {}, el("caption", { class: "hidden" }, "Metrics of the runs"),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "metric"), found.map((_, i) => el("th", { scope: "col" }, name(i))))), el("tbody", {}, rows))));
  }

  chosen() {
    const known = new Set(this.state.runs.map((one) => one.run));
    const kept = this.state.compare.filter((one) => known.has(one));
    if (this.state.compareTouched || kept.length) return kept;
    return this.state.runs.slice(-4).map((one) => one.run);
  }

  toggle(run, on) {
    const now = this.chosen();
    this.state.compareTouched = true;
    this.open({ compare: on ? [...now, run] : now.filter((one) => one !== run) });
  }
}
