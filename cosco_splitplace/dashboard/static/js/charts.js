// Charts by uPlot, in the page's colours, each with its numbers as a table for those who cannot or will not see it.
import { SERIES, colour, el, number, table } from "./dom.js";

const MOST_ROWS = 1000;
const alive = new Set();

export function clearCharts(within) {
  for (const one of alive) if (within.contains(one.root)) { one.destroy(); alive.delete(one); }
}

export function redrawCharts() { for (const one of alive) one.rebuild(); }

export function moveMarkers(interval) { for (const one of alive) one.mark(interval); }

// Series with instants of their own, brought onto one axis.
export function aligned(list) {
  const all = [];
  list.forEach((one, s) => one.x.forEach((x, i) => all.push([x, s, one.y[i]])));
  all.sort((a, b) => a[0] - b[0]);
  const data = [all.map((one) => one[0]), ...list.map(() => new Array(all.length).fill(null))];
  all.forEach(([, s, y], i) => { data[s + 1][i] = y; });
  return data;
}

export function chart(options) {
  const { title, note, x, series, height = 190, format = number, xLabel = "interval", marker = true, range } = options;
  const data = [x, ...series.map((one) => one.y)];
  const root = el("figure", { class: "chart" });
  const body = el("div", { class: "plot", role: "img", "aria-label": spoken(title, series, format) });
  const rows = el("div", { hidden: true });
  const button = el("button", { type: "button", class: "quiet small", "aria-expanded": "false", onclick: () => {
    const show = rows.hidden;
    rows.hidden = !show;
    body.hidden = show;
    button.textContent = show ? "Chart" : "Table";
    button.setAttribute("aria-expanded", String(show));
    if (show) rows.replaceChildren(numbers());
    else plot.setSize({ width: width(), height });
  } }, "Table");
  root.append(
    el("figcaption", {}, el("span", {}, el("strong", {}, title), note ? el("small", {}, note) : null), button),
    legend(series), body, rows);
  let plot = null;
  let at = options.at ?? null;

  function numbers() {
    const step = Math.max(1, Math.ceil(x.length / MOST_ROWS));
    const kept = x.map((_, i) => i).filter((i) => i % step === 0);
    return table(title, [xLabel, ...series.map((one) => one.label)], kept.map((i) => data.map((one) => one[i])));
  }
  const width = () => Math.max(120, body.clientWidth || root.clientWidth - 24);

  function build() {
    plot?.destroy();
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false },
      font: "11px system-ui, sans-serif" };
    plot = new uPlot({
      width: width(), height, legend: { show: false }, padding: [8, 12, 0, 0],
      cursor: { points: { size: 7 }, drag: { x: true, y: false } },
      scales: { x: { time: false, range: options.xRange }, y: range ? { range } : {} },
      axes: [{ ...axis, size: 26, values: (_, at) => at.map((one) => format === number || xLabel === "interval" ? number(one) : format(one)) },
        { ...axis, size: 54, values: (_, ticks) => ticks.map((one) => format(one)) }],
      series: [{ label: xLabel }, ...series.map((one, i) => ({
        label: one.label, stroke: colour(one.colour ?? SERIES[i % SERIES.length]), width: one.points ? 0 : 1.8,
        dash: one.dash, spanGaps: one.spanGaps ?? false, fill: one.fill ? colour(one.fill) : undefined,
        paths: one.points ? () => null : undefined,
        points: { show: Boolean(one.points), size: 5, fill: colour(one.colour ?? SERIES[i % SERIES.length]) },
      }))],
      hooks: {
        draw: [(self) => { drawMarker(self); options.draw?.(self); }],
        setCursor: [(self) => hover(self)],
      },
    }, data, body);
  }
  function drawMarker(self) {
    if (!marker || at === null || !x.length) return;
    const left = Math.round(self.valToPos(at, "x", true));
    self.ctx.save();
    self.ctx.strokeStyle = colour("text");
    self.ctx.globalAlpha = 0.45;
    self.ctx.setLineDash([3, 3]);
    self.ctx.beginPath();
    self.ctx.moveTo(left, self.bbox.top);
    self.ctx.lineTo(left, self.bbox.top + self.bbox.height);
    self.ctx.stroke();
    self.ctx.restore();
  }
  function hover(self) {
    const i = self.cursor.idx;
    const values = root.querySelectorAll(".legend output");
    series.forEach((one, s) => { values[s].textContent = i === null || i === undefined ? "" : format(one.y[i]); });
  }
  const made = {
    root, rebuild: build,
    destroy: () => { watcher.disconnect(); plot?.destroy(); },
    mark: (interval) => { at = interval; if (marker) plot?.redraw(false); },
  };
  const watcher = new ResizeObserver(() => {
    if (body.hidden || !body.clientWidth) return;
    if (plot === null) build();
    else if (plot.width !== width()) plot.setSize({ width: width(), height });
  });
  watcher.observe(body);
  alive.add(made);
  return root;
}

function legend(series) {
  return el("ul", { class: "legend" }, series.map((one, i) => {
    const key = el("i", { class: one.points ? "dot" : one.dash ? "dashed" : "" });
    key.style.color = `var(--${one.colour ?? SERIES[i % SERIES.length]})`;
    return el("li", {}, key, one.label, " ", el("output", {}));
  }));
}

function spoken(title, series, format) {
  const parts = series.map((one) => {
    const known = one.y.filter((value) => value !== null && Number.isFinite(value));
    if (!known.length) return `${one.label}: no values`;
    return `${one.label}: from ${format(known[0])} to ${format(known[known.length - 1])}, between ` +
      `${format(known.reduce((a, b) => Math.min(a, b)))} and ${format(known.reduce((a, b) => Math.max(a, b)))}`;
  });
  return `${title}. ${parts.join("; ")}`;
}
