// Tasks in a table, and the pipeline of the one that is chosen.
import { ofRun } from "./api.js";
import { el, number, percent } from "./dom.js";
import { taskFacts } from "./details.js";
import { gantt } from "./gantt.js";

const PAGE = 50;
const STATES = ["", "waiting", "running", "done", "late", "failed"];
const SORTS = [["task_id", "newest id"], ["response_intervals", "longest response"], ["reward", "highest reward"], ["batch_images", "largest batch"], ["migrations", "most migrations"]];

export class TasksView {
  constructor(state, open) {
    this.state = state;
    this.open = open;
    this.offset = 0;
    this.chosen = el("section", { class: "panel", "aria-label": "The chosen task" });
    this.list = el("div", {});
    const choice = (label, options, change) => el("label", {}, el("span", {}, label), el("select", { onchange: (event) => { this.offset = 0; change(event.target.value); this.fill(); } },
      options.map(([value, text]) => el("option", { value }, text))));
    this.asked = { state: "", application: "", split: "", sort: "task_id", search: "" };
    const search = el("input", { type: "number", min: "0", placeholder: "any", onchange: (event) => { this.asked.search = event.target.value; this.offset = 0; this.fill(); } });
    this.root = el("div", {},
      this.chosen,
      el("section", { class: "panel", "aria-label": "Tasks" },
        el("div", { class: "toolbar filters" },
          choice("State", STATES.map((one) => [one, one || "any"]), (value) => { this.asked.state = value; }),
          choice("Application", [["", "any"], ...state.info.applications.map((one) => [one, one])], (value) => { this.asked.application = value; }),
          choice("Split", [["", "any"], ...state.info.splits.map((one) => [one, one])], (value) => { this.asked.split = value; }),
          choice("Order", SORTS, (value) => { this.asked.sort = value; }),
          el("label", {}, el("span", {}, "Number"), search)),
        this.list));
  }

  async update() {
    await Promise.all([this.fill(), this.choose()]);
  }

  async choose() {
    if (this.state.task === null) {
      this.chosen.replaceChildren(el("h3", {}, "Pipeline"), el("p", { class: "small" }, "Choose a task below to see when its fragments waited, got their input, ran, moved and delivered."));
      return;
    }
    const task = await ofRun(this.state.run, `/tasks/${this.state.task}`, "task");
    const kept = task.violated === null ? task.state : task.violated ? "late" : "in time";
    this.chosen.replaceChildren(
      el("h3", {}, `Task ${task.task_id}`, el("small", {}, ` ${task.application}, ${task.split} split, ${kept}`)),
      gantt(task, (fragment) => this.open({ view: "cluster", fragment })), taskFacts(task));
    this.chosen.dataset.task = String(task.task_id);
  }

  async fill() {
    const query = new URLSearchParams({ ...this.asked, offset: this.offset, limit: PAGE, descending: "true", search: this.asked.search || "-1" });
    const found = await ofRun(this.state.run, `/tasks?${query}`, "tasks");
    const rows = found.tasks.map((one) => el("tr", { class: one.task_id === this.state.task ? "chosen" : null },
      el("td", {}, el("button", { type: "button", class: "link", onclick: () => this.open({ task: one.task_id }) }, `task ${one.task_id}`)),
      el("td", {}, one.application), el("td", {}, el("i", { class: `swatch ${one.split}` }), ` ${one.split}`),
      el("td", { class: "number" }, number(one.batch_images)), el("td", { class: "number" }, number(one.arrival_interval)),
      el("td", { class: "number" }, number(one.deadline_intervals)), el("td", { class: "number" }, one.response_intervals === null ? one.state : number(one.response_intervals)),
      el("td", {}, one.violated === null ? "" : one.violated ? el("b", { class: "late" }, "late") : "in time"),
      el("td", { class: "number" }, one.accuracy === null ? "" : percent(one.accuracy, 0)), el("td", { class: "number" }, one.reward === null ? "" : number(one.reward, 3)),
      el("td", { class: "number" }, one.migrations === null ? "" : number(one.migrations))));
    const last = Math.min(this.offset + PAGE, found.total);
    const turn = (by) => { this.offset += by; this.fill(); };
    this.list.replaceChildren(
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Tasks" }, el("table", {},
        el("caption", { class: "hidden" }, "Tasks that fit"),
        el("thead", {}, el("tr", {}, ["task", "application", "split", "images", "arrived", "deadline", "response", "", "accuracy", "reward", "moves"].map((one) => el("th", { scope: "col" }, one)))),
        el("tbody", {}, rows))),
      el("p", { class: "pages" }, el("button", { type: "button", class: "quiet small", disabled: this.offset === 0, onclick: () => turn(-PAGE) }, "Before"),
        el("span", {}, found.total ? `${this.offset + 1} to ${last} of ${number(found.total)}` : "no task fits"),
        el("button", { type: "button", class: "quiet small", disabled: last >= found.total, onclick: () => turn(PAGE) }, "After")));
  }
}
