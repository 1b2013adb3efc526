// The page: which run, which interval, which view; all of it in the address, so that a reload shows the same.
import { get, isVoid, ofRun } from "./api.js";
import { clearCharts, moveMarkers, redrawCharts } from "./charts.js";
import { ClusterView } from "./cluster.js";
import { CompareView } from "./compare.js";
import { byId, el, say } from "./dom.js";
import { deciderView, placerView } from "./learning.js";
import { buildStrip, showStrip } from "./strip.js";
import { TasksView } from "./tasks.js";

const VIEWS = [["cluster", "Cluster"], ["decider", "Decider"], ["placer", "Placer"], ["tasks", "Tasks"], ["compare", "Compare"]];
const PLAY_MS = 600;
const SAID = {
  waiting: "Waiting for the first interval to end.", running: "", finished: "", interrupted: "", stopped: "", vanished: "", damaged: "",
};

const state = {
  runs: [], run: null, info: null, series: null, interval: 0, follow: true, view: "cluster",
  task: null, host: null, compare: [], compareTouched: false,
};
let shown = null; // the view that is on the page
let events = null;
let playing = null;

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("run")) state.run = given.get("run");
  if (VIEWS.some(([name]) => name === given.get("view"))) state.view = given.get("view");
  if (given.has("t")) { state.interval = Number.parseInt(given.get("t"), 10) || 0; state.follow = false; }
  if (given.has("task")) state.task = Number.parseInt(given.get("task"), 10);
  if (given.has("compare")) { state.compare = given.getAll("compare"); state.compareTouched = true; }
}

function writeAddress() {
  const now = new URLSearchParams({ view: state.view });
  if (state.run !== null) now.set("run", state.run);
  if (!state.follow) now.set("t", String(state.interval));
  if (state.task !== null) now.set("task", String(state.task));
  if (state.compareTouched) for (const one of state.compare) now.append("compare", one);
  history.replaceState(null, "", `#${now}`);
}

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

function badge(now, reason) {
  const made = byId("state");
  if (made.dataset.state !== now) made.textContent = now;
  made.dataset.state = now;
  notice(["stopped", "vanished", "damaged", "interrupted", "waiting"].includes(now) ? reason || SAID[now] : "");
}

async function loadRuns() {
  const found = await get("runs");
  state.runs = found.runs;
  if (!state.runs.some((one) => one.run === state.run)) {
    if (state.run !== null) { state.interval = 0; state.follow = true; } // the address spoke of a run that is not here
    const going = state.runs.filter((one) => one.state === "running");
    state.run = (going.at(-1) ?? state.runs.at(-1))?.run ?? null;
  }
  byId("run").replaceChildren(...state.runs.map((one) =>
    el("option", { value: one.run, selected: one.run === state.run }, `${one.run} (${one.model}${one.seed === null || one.seed === undefined ? "" : `, seed ${one.seed}`})`)));
  byId("run").disabled = !state.runs.length;
  if (state.run === null) {
    badge("waiting", `No run yet in ${found.roots.join(", ")}. This page shows the first one as soon as it begins.`);
    byId("strip").hidden = byId("time").hidden = true;
    byId("view").replaceChildren();
    document.body.dataset.ready = "empty";
  }
}

async function loadRun() {
  const run = state.run;
  if (run === null) return;
  const info = await ofRun(run, "", "info");
  badge(info.state, info.reason);
  byId("folder").textContent = info.folder;
  if (!info.intervals_done) {
    state.info = null;
    byId("strip").hidden = byId("time").hidden = true;
    byId("view").replaceChildren();
    document.body.dataset.ready = "empty";
    return;
  }
  const series = await ofRun(run, "/series", "series");
  if (run !== state.run) return;
  const fresh = state.info?.run !== run;
  state.info = info;
  state.series = series;
  const last = series.intervals_done - 1;
  if (state.follow || state.interval > last) state.interval = last;
  document.title = `${info.model} · cosco-splitplace`;
  byId("time").hidden = false;
  byId("slider").max = String(last);
  buildStrip(state);
  if (fresh) closeView();
  await showInterval();
  if (series.references === "computing") setTimeout(() => { if (run === state.run) guarded(loadRun); }, 3000);
}

// The interval changed: what is cheap at once, the view as soon as its data is there.
async function showInterval() {
  const slider = byId("slider");
  slider.value = String(state.interval);
  slider.setAttribute("aria-valuetext", `interval ${state.interval} of ${slider.max}`);
  byId("when").textContent = `interval ${state.interval} of ${slider.max}`;
  byId("follow").setAttribute("aria-pressed", String(state.follow));
  byId("follow").textContent = state.info.state === "running" ? "Live" : "Latest";
  showStrip(state);
  moveMarkers(state.interval);
  writeAddress();
  await showView();
}

function closeView() {
  if (shown) { shown.made?.close?.(); clearCharts(byId("view")); shown = null; }
  byId("tip").hidden = true;
}

async function showView() {
  const key = `${state.view} ${state.run}`;
  const holder = byId("view");
  if (["decider", "placer"].includes(state.view)) {
    const version = `${key} ${state.series.version}`;
    if (shown?.key === version) return;
    const made = await (state.view === "decider" ? deciderView : placerView)(state);
    closeView();
    holder.replaceChildren(made);
    shown = { key: version };
  } else {
    if (shown?.key !== key) {
      closeView();
      const made = new { cluster: ClusterView, tasks: TasksView, compare: CompareView }[state.view](state, open);
      holder.replaceChildren(made.root);
      shown = { key, made };
      await made.update();
      shown.version = state.series.version;
    } else if (state.view === "cluster") await shown.made.update();
    else if (shown.version !== state.series.version) {
      shown.version = state.series.version;
      if (state.view === "compare") clearCharts(holder);
      await shown.made.update();
    }
  }
  holder.dataset.view = state.view;
  document.body.dataset.ready = "yes";
}

// A view asks for something else to be shown: another view, task, host, fragment, or other runs to compare.
function open(what) {
  guarded(async () => {
    if (what.compare !== undefined) {
      state.compare = what.compare;
      writeAddress();
      clearCharts(byId("view"));
      await shown.made.update();
      return;
    }
    if (what.task !== undefined) state.task = what.task;
    if (what.view !== undefined && what.view !== state.view) { state.view = what.view; markTab(); }
    writeAddress();
    await showView();
    if (state.view === "tasks" && what.task !== undefined) {
      await shown.made.update();
      shown.made.chosen.scrollIntoView({ block: "nearest" });
    } else if (state.view === "cluster" && what.view !== "tasks") {
      clearCharts(shown.made.detail);
      await shown.made.detailOf(what);
    }
  });
}

async function guarded(act) {
  try {
    await act();
  } catch (error) {
    if (isVoid(error)) return;
    if (error.status === 409) return; // nothing to show yet; the badge says why
    notice(error instanceof TypeError ? "The dashboard does not answer; it may have been ended. This page goes on as soon as it is back." : error.message);
  }
}

function listen() {
  events?.close();
  events = new EventSource(`api/events?run=${encodeURIComponent(state.run ?? "")}`);
  events.addEventListener("runs", () => guarded(async () => {
    const before = state.run;
    await loadRuns();
    if (state.run !== before) choose(state.run);
    else if (state.view === "compare" && shown?.made) { clearCharts(byId("view")); await shown.made.update(); }
  }));
  events.addEventListener("run", (event) => {
    const told = JSON.parse(event.data);
    if (told.run !== state.run) return;
    if (told.version === state.series?.version && state.info?.state === told.state) return;
    guarded(loadRun);
  });
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000); };
}

function choose(run) {
  state.run = run;
  state.follow = true;
  state.task = state.host = null;
  state.info = null;
  writeAddress();
  listen();
  guarded(loadRun);
}

function moveTo(interval) {
  const last = Number(byId("slider").max);
  state.interval = Math.max(0, Math.min(last, interval));
  state.follow = state.follow && state.interval === last;
  guarded(showInterval);
}

function play(on) {
  clearInterval(playing);
  playing = null;
  byId("play").setAttribute("aria-pressed", String(on));
  byId("play").textContent = on ? "Pause" : "Play";
  if (!on) return;
  if (state.interval >= Number(byId("slider").max)) moveTo(0);
  playing = setInterval(() => {
    if (state.interval >= Number(byId("slider").max)) play(false);
    else moveTo(state.interval + 1);
  }, PLAY_MS);
}

function markTab() {
  for (const one of document.querySelectorAll("[role=tab]")) {
    const on = one.dataset.view === state.view;
    one.setAttribute("aria-selected", String(on));
    one.tabIndex = on ? 0 : -1;
    if (on) byId("view").setAttribute("aria-labelledby", one.id);
  }
}

function buildTabs() {
  const tabs = document.querySelector("[role=tablist]");
  const go = (view) => { state.view = view; markTab(); guarded(async () => { if (state.info) { writeAddress(); await showView(); } }); };
  tabs.append(...VIEWS.map(([view, text]) => el("button", { type: "button", role: "tab", id: `tab-${view}`, "aria-controls": "view", "data-view": view,
    onclick: () => go(view) }, text)));
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    const at = (VIEWS.findIndex(([view]) => view === state.view) + step + VIEWS.length) % VIEWS.length;
    go(VIEWS[at][0]);
    tabs.children[at].focus();
  });
  markTab();
}

function buildTheme() {
  const button = byId("theme");
  const root = document.documentElement;
  const label = () => { button.textContent = root.dataset.theme === "dark" ? "Light" : "Dark"; button.setAttribute("aria-label", `Switch to the ${button.textContent.toLowerCase()} theme`); };
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* storage is off: it holds for this page */ }
    label();
    redrawCharts();
    shown?.made?.draw?.();
  });
  label();
}

readAddress();
buildTabs();
buildTheme();
byId("run").addEventListener("change", (event) => { say(`run ${event.target.value}`); play(false); choose(event.target.value); });
byId("slider").addEventListener("input", (event) => moveTo(Number(event.target.value)));
byId("back").addEventListener("click", () => moveTo(state.interval - 1));
byId("forth").addEventListener("click", () => moveTo(state.interval + 1));
byId("play").addEventListener("click", () => play(playing === null));
byId("follow").addEventListener("click", () => { state.follow = true; play(false); moveTo(Number(byId("slider").max)); });
await guarded(async () => { await loadRuns(); await loadRun(); });
listen();
