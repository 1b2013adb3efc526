// What hovering and clicking tell: a host, a task, a fragment with its whole history.
import { ofRun } from "./api.js";
import { chart } from "./charts.js";
import { duration, el, facts, instant, number, percent } from "./dom.js";

const link = (text, act) => el("button", { type: "button", class: "link", onclick: act }, text);

export async function hostDetails(state, host, open) {
  const found = await ofRun(state.run, `/hosts/${host}?interval=${state.interval}`, "details");
  const now = (name) => found.loads[name][state.interval];
  const is = found.is;
  const x = state.series.series.interval;
  return [el("h3", {}, `Host ${host}`, el("small", {}, ` ${found.type}`)),
    facts([
      ["CPU", percent(now("cpu_utilisation"))],
      ["RAM", `${number(now("ram_used_mb"), 0)} of ${number(is.ram_mb, 0)} MB`],
      ["Link", `${number(now("bandwidth_mb_s"), 1)} MB/s${is.link_mb_s ? ` of ${number(is.link_mb_s, 1)}` : ""}, ${duration(now("latency_s"))} away`],
      ["Sent / received", `${number(now("sent_mb"), 0)} / ${number(now("received_mb"), 0)} MB`],
      ["Energy", `${number(now("energy_wh"), 1)} Wh, ${number(found.energy_wh / 1000, 2)} kWh so far`],
      ["Speed", is.mips ? `${number(is.mips, 0)} MIPS, ${is.cores} cores` : null],
      ["Price", is.price_usd_h ? `${number(is.price_usd_h, 4)} USD/h` : null],
      ["Fragments", `${number(now("fragments"))} now, ${number(found.fragments_ever)} in all`],
    ]),
    chart({ title: "CPU and RAM", x, at: state.interval, height: 120, format: (v) => percent(v, 0), range: [0, 1], series: [
      { label: "CPU", y: found.loads.cpu_utilisation },
      { label: "RAM", y: found.loads.ram_used_mb.map((one) => Math.min(1, one / is.ram_mb)), colour: "series-2" }] }),
    el("h4", {}, `Fragments in interval ${state.interval}`),
    found.fragments.length ? el("ul", { class: "rows" }, found.fragments.map((one) => el("li", {},
      el("i", { class: `swatch ${one.split}` }, one.split === "layer" ? String(one.index + 1) : ""),
      link(`fragment ${one.fragment_id}`, () => open({ fragment: one.fragment_id })), " of ",
      link(`task ${one.task_id}`, () => open({ task: one.task_id })), el("small", {}, ` ${number(one.ram_mb, 0)} MB`))))
      : el("p", { class: "small" }, "None.")];
}

export async function fragmentDetails(state, id, open) {
  const one = await ofRun(state.run, `/fragments/${id}`, "details");
  const what = one.split === "layer" ? `step ${one.index + 1} of a layer chain` : one.split === "semantic" ? `branch ${one.index + 1} of a semantic split` : "the whole, compressed network";
  return [el("h3", {}, el("i", { class: `swatch ${one.split}` }, one.split === "layer" ? String(one.index + 1) : ""), ` Fragment ${id}`),
    el("p", { class: "small" }, `${what} of `, link(`task ${one.task_id}`, () => open({ task: one.task_id }))),
    facts([["Host", one.host === null ? "none yet" : link(`host ${one.host}`, () => open({ host: one.host }))],
      ["Work", `${number(one.work_mi / 1000, 0)} k MI`], ["Memory", `${number(one.ram_mb, 0)} MB`],
      ["Input / output", `${number(one.input_mb, 1)} / ${number(one.output_mb, 1)} MB`],
      ["Received", one.received_mb === null ? null : `${number(one.received_mb, 1)} MB`],
      ["Moved", one.migrations ? `${one.migrations} times, ${duration(one.migration_s)}` : null]]),
    el("h4", {}, "History"),
    el("ol", { class: "history" }, one.history.map((step) => el("li", {},
      el("b", {}, step.what), el("small", {}, instant(step.time_s, state.info.interval_s)), step.detail ? el("span", {}, step.detail) : null)))];
}

export async function taskDetails(state, id, open) {
  const one = await ofRun(state.run, `/tasks/${id}`, "details");
  return [el("h3", {}, `Task ${id}`), taskFacts(one),
    el("p", {}, link("Show its pipeline", () => open({ view: "tasks", task: id }))),
    el("h4", {}, "Fragments"),
    el("ul", { class: "rows" }, one.fragments.map((part) => el("li", {},
      el("i", { class: `swatch ${part.split}` }, part.split === "layer" ? String(part.index + 1) : ""),
      link(`fragment ${part.fragment_id}`, () => open({ fragment: part.fragment_id })),
      el("small", {}, part.host === null ? " no host yet" : ` host ${part.host}, ${part.delivered_s !== null ? "delivered" : part.finished_s !== null ? "finished" : part.started_s !== null ? "running" : "input on its way"}`))))];
}

export function taskFacts(one) {
  const kept = one.violated === null ? null : one.violated ? "missed" : "kept";
  return facts([
    ["Application", one.application], ["Batch", `${number(one.batch_images)} images`],
    ["Arrived", `interval ${one.arrival_interval}`], ["Deadline", `${one.deadline_intervals} intervals${kept ? `, ${kept}` : ""}`],
    ["Split", one.split], ["Why", one.reason || null],
    ["Predicted", one.p_deadline === null ? null : `${percent(one.p_deadline)} to keep the deadline`],
    ["Response", one.response_intervals === null ? one.state : `${one.response_intervals} intervals (${duration(one.response_s)})`],
    ["Where it went", one.response_s === null ? null : `wait ${duration(one.wait_s)}, transfer ${duration(one.transfer_s)}, running ${duration(one.compute_s)}, migration ${duration(one.migration_s)}`],
    ["Accuracy", one.accuracy === null ? null : percent(one.accuracy)], ["Reward", one.reward === null ? null : number(one.reward, 3)],
  ]);
}
