// The cluster in one interval, on one canvas: hosts as tiles or on the map, fragments on them as blocks.
import { ofRun } from "./api.js";
import { byId, colour, duration, el, number, percent, say, SPLITS, table } from "./dom.js";
import { fragmentDetails, hostDetails, taskDetails } from "./details.js";

const GAP = 8;
const SHAPES = [ // by number of hosts: the tile's size, and what fits on it
  { most: 80, w: 148, h: 96, block: 15, bars: true, text: true },
  { most: 320, w: 78, h: 54, block: 9, bars: true, text: false },
  { most: Infinity, w: 34, h: 30, block: 5, bars: false, text: false },
];
const ON_MAP = { w: 42, h: 30, block: 6, bars: false, text: false };
const SHOWN = ["tiles", "map", "table"];
const PHASES = ["input on its way", "running", "being moved"];
const MOVE_MS = 700;

export class ClusterView {
  constructor(state, open) {
    this.state = state;
    this.open = open;
    this.data = null;
    this.picked = 0; // the host that the keyboard is on
    this.task = null; // whose fragments are lit
    this.shown = "tiles";
    this.canvas = el("canvas", { tabindex: "0", role: "application", "aria-roledescription": "host grid",
      "aria-label": "Hosts and the fragments on them. Arrow keys move between hosts, Enter tells details. The table holds the same." });
    this.still = document.createElement("canvas"); // never on the page
    this.rows = el("div", { hidden: true });
    this.detail = el("aside", { class: "panel detail", "aria-label": "Details" });
    this.queue = el("p", { class: "small queue" });
    this.tabs = el("div", { class: "segmented", role: "group", "aria-label": "Show as" }, SHOWN.map((one) =>
      el("button", { type: "button", hidden: one === "map", "aria-pressed": String(one === "tiles"), onclick: () => this.show(one) }, one[0].toUpperCase() + one.slice(1))));
    this.root = el("div", { class: "split" },
      el("div", { class: "panel" },
        el("div", { class: "toolbar" }, this.tabs, legend()), this.canvas, this.rows, this.queue),
      this.detail);
    this.canvas.addEventListener("mousemove", (event) => this.hover(event));
    this.canvas.addEventListener("mouseleave", () => this.leave());
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("focus", () => this.draw());
    this.canvas.addEventListener("blur", () => this.draw());
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.root.firstChild);
    this.hint();
  }

  close() { this.watcher.disconnect(); cancelAnimationFrame(this.frame); }

  hint() {
    this.detail.replaceChildren(el("h3", {}, "Details"), el("p", { class: "small" },
      "Choose a host or a fragment. A fragment's task is lit wherever its other fragments are."));
  }

  show(what) {
    this.shown = what;
    for (const one of this.tabs.children) one.setAttribute("aria-pressed", String(one.textContent.toLowerCase() === what));
    this.canvas.hidden = what === "table";
    this.rows.hidden = what !== "table";
    this.draw();
  }

  async update() {
    const { run, interval } = this.state;
    if (this.city === undefined) {
      this.city = (await ofRun(run, "/map", "map")).map;
      this.tabs.children[SHOWN.indexOf("map")].hidden = this.city === null;
    }
    const before = this.data?.interval;
    this.data = await ofRun(run, `/cluster/${interval}`, "cluster");
    this.byHost = this.state.info.hosts.types.map(() => []);
    const f = this.data.fragments;
    f.id.forEach((_, i) => { if (f.host[i] >= 0) this.byHost[f.host[i]].push(i); });
    for (const list of this.byHost) list.sort((a, b) => f.task[a] - f.task[b] || f.index[a] - f.index[b]);
    const w = this.data.waiting;
    const moves = this.data.moves;
    this.queue.textContent = `${number(f.id.length)} fragments on hosts, ${number(w.count)} wait for one` +
      (moves.length ? `; ${moves.length} moved or lost in this interval` : "") + ".";
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.began = before !== interval && moves.length && !still ? performance.now() : -Infinity;
    this.draw();
    this.canvas.dataset.interval = String(interval); // for whoever waits for it
  }

  layout() {
    const n = this.byHost.length;
    const shape = SHAPES.find((one) => n <= one.most);
    const width = Math.max(120, this.root.firstChild.clientWidth - 34);
    if (this.shown === "map") return this.mapLayout(width, n);
    const columns = Math.max(1, Math.floor((width + GAP) / (shape.w + GAP)));
    const w = Math.min(shape.w * 1.4, (width + GAP) / columns - GAP);
    return { ...shape, w, columns, width, height: Math.ceil(n / columns) * (shape.h + GAP) };
  }

  // Hosts on vehicles where they are (of the first hour, which is what maps hold); the others in rows below the map.
  mapLayout(width, n) {
    const { streets_x_m: xs, streets_y_m: ys, hosts, positions_m: tracks } = this.city;
    const { w, h } = ON_MAP;
    const [left, top] = [xs[0], ys[ys.length - 1]];
    const scale = Math.min((width - w) / (xs[xs.length - 1] - left), 620 / (top - ys[0]));
    const place = ([x, y]) => [(x - left) * scale + w / 2, (top - y) * scale + h / 2 + 4];
    const now = tracks[Math.min(this.data.interval, tracks.length - 1)] ?? [];
    const corners = new Array(n);
    hosts.forEach((host, i) => {
      const [x, y] = place(now[i]);
      corners[host] = [Math.max(1, Math.min(width - w, x - w / 2)), Math.max(1, y - h / 2)];
    });
    const below = (top - ys[0]) * scale + h + 34;
    const columns = Math.max(1, Math.floor((width + GAP) / (w + GAP)));
    let k = 0;
    for (let host = 0; host < n; host += 1) {
      if (corners[host]) continue;
      corners[host] = [(k % columns) * (w + GAP) + 1, below + Math.floor(k / columns) * (h + GAP)];
      k += 1;
    }
    return { ...ON_MAP, columns, width, height: below + Math.ceil(k / columns) * (h + GAP), corners, place, below,
      tracked: this.data.interval < tracks.length };
  }

  streets(ink) {
    const { streets_x_m: xs, streets_y_m: ys, units_m: units } = this.city;
    const { place, below, tracked } = this.at;
    const line = (from, to) => { ink.beginPath(); ink.moveTo(...place(from)); ink.lineTo(...place(to)); ink.stroke(); };
    ink.strokeStyle = this.colours.line;
    ink.lineWidth = 5;
    for (const x of xs) line([x, ys[0]], [x, ys[ys.length - 1]]);
    for (const y of ys) line([xs[0], y], [xs[xs.length - 1], y]);
    ink.fillStyle = this.colours.muted;
    for (const one of units) {
      const [x, y] = place(one);
      ink.beginPath();
      ink.moveTo(x, y - 6); ink.lineTo(x + 5, y + 4); ink.lineTo(x - 5, y + 4);
      ink.fill();
    }
    ink.font = "11px system-ui, sans-serif";
    ink.textAlign = "left";
    ink.textBaseline = "alphabetic";
    ink.fillText(`▲ road-side units; below: hosts that do not move${tracked ? "" : "; vehicles as last tracked, in the first hour"}`, 2, below - 10);
  }

  corner(host) {
    const { w, h, columns, corners } = this.at;
    if (corners) return corners[host];
    return [(host % columns) * (w + GAP) + 1, Math.floor(host / columns) * (h + GAP) + 1];
  }

  draw() {
    if (!this.data) return;
    if (this.shown === "table") { this.rows.replaceChildren(this.asTable()); return; }
    this.at = this.layout();
    const ratio = devicePixelRatio || 1;
    const { width, height } = this.at;
    for (const one of [this.canvas, this.still]) {
      if (one.width !== Math.round((width + 2) * ratio) || one.height !== Math.round((height + 2) * ratio)) {
        one.width = Math.round((width + 2) * ratio);
        one.height = Math.round((height + 2) * ratio);
        one.style.width = `${width + 2}px`;
        one.style.height = `${height + 2}px`;
      }
    }
    const ink = this.still.getContext("2d");
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    ink.clearRect(0, 0, width + 2, height + 2);
    this.colours = Object.fromEntries(["surface", "raised", "text", "muted", "line", "accent", "late", "layer", "semantic", "compressed", "cpu", "ram", "on-block"]
      .map((one) => [one, colour(one)]));
    this.blocks = [];
    if (this.shown === "map") this.streets(ink);
    this.byHost.forEach((list, host) => this.tile(ink, host, list));
    this.showMoves();
  }

  // What stands still, painted once an interval, and over it what moves, painted once a frame.
  showMoves() {
    cancelAnimationFrame(this.frame);
    const ink = this.canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    ink.setTransform(1, 0, 0, 1, 0, 0);
    ink.clearRect(0, 0, this.canvas.width, this.canvas.height);
    ink.drawImage(this.still, 0, 0);
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.arrows(ink);
  }

  tile(ink, host, list) {
    const { w, h, block, bars, text } = this.at;
    const [x, y] = this.corner(host);
    const c = this.colours;
    const data = this.data.hosts;
    const cpu = data.cpu_utilisation[host] ?? 0;
    const ram = Math.min(1, (data.ram_used_mb[host] ?? 0) / this.state.info.hosts.ram_mb[host]);
    ink.fillStyle = c.raised;
    box(ink, x, y, w, h, bars ? 6 : 0);
    ink.fill();
    if (!bars) {
      ink.globalAlpha = 0.1 + 0.5 * cpu;
      ink.fillStyle = c.cpu;
      ink.fill();
      ink.globalAlpha = 1;
    }
    const focus = document.activeElement === this.canvas && host === this.picked;
    ink.lineWidth = focus || host === this.state.host ? 2 : 1;
    ink.strokeStyle = focus || host === this.state.host ? c.accent : c.line;
    ink.stroke();
    let top = y + 5;
    if (text) {
      ink.font = "600 12px system-ui, sans-serif";
      ink.textBaseline = "top";
      ink.textAlign = "left";
      ink.fillStyle = c.text;
      ink.fillText(String(host), x + 8, y + 7);
      ink.font = "10.5px system-ui, sans-serif";
      ink.fillStyle = c.muted;
      ink.fillText(this.state.info.hosts.types[host], x + 12 + 7.5 * String(host).length, y + 8.5, w * 0.45);
      ink.textAlign = "right";
      ink.fillText(`${number(data.energy_wh[host], 0)} Wh`, x + w - 8, y + 8.5);
      top = y + 25;
    }
    if (bars) {
      const nominal = this.state.info.hosts.link_mb_s?.[host] ?? Math.max(...data.bandwidth_mb_s);
      const link = Math.min(1, (data.bandwidth_mb_s[host] ?? 0) / nominal);
      for (const [share, shade] of [[cpu, c.cpu], [ram, c.ram], [link, c.muted]]) {
        const left = text ? x + 8 : x + 5;
        const long = w - (text ? 16 : 10);
        const thick = text ? 5 : 3;
        ink.fillStyle = c.line;
        box(ink, left, top, long, thick, thick / 2);
        ink.fill();
        if (share > 0.01) {
          ink.fillStyle = shade;
          box(ink, left, top, Math.max(thick, long * share), thick, thick / 2);
          ink.fill();
        }
        top += thick + (text ? 3 : 2);
      }
      top += text ? 4 : 2;
    }
    this.fragments(ink, host, list, x, top, w, y + h, block, text);
  }

  fragments(ink, host, list, x, top, w, bottom, size, text) {
    const c = this.colours;
    const f = this.data.fragments;
    const pad = text ? 8 : 4;
    let left = x + pad;
    let before = null;
    for (let k = 0; k < list.length; k += 1) {
      const i = list[k];
      const joined = before !== null && f.task[before] === f.task[i] && f.split[i] === 1; // branches of one task touch
      if (before !== null && !joined) left += text ? 4 : 2;
      if (left + size > x + w - pad) {
        left = x + pad;
        top += size + (text ? 4 : 2);
        if (top + size > bottom - 2) {
          ink.fillStyle = c.muted;
          ink.font = "9px system-ui, sans-serif";
          ink.textAlign = "right";
          ink.textBaseline = "alphabetic";
          ink.fillText(`+${list.length - k}`, x + w - 3, bottom - 3);
          return;
        }
      }
      const shade = c[SPLITS[f.split[i]]];
      const lit = this.task === null || this.task === f.task[i];
      ink.globalAlpha = lit ? 1 : 0.22;
      box(ink, left, top, size, size, size > 8 ? 3 : 1);
      if (f.phase[i] === 1) { ink.fillStyle = shade; ink.fill(); } else {
        ink.fillStyle = shade;
        ink.globalAlpha *= 0.28;
        ink.fill();
        ink.globalAlpha = lit ? 1 : 0.22;
        ink.strokeStyle = shade;
        ink.lineWidth = 1;
        ink.setLineDash(f.phase[i] === 2 ? [2, 2] : []);
        ink.stroke();
        ink.setLineDash([]);
      }
      if (f.late[i]) {
        const thick = Math.max(1.5, size / 5);
        ink.fillStyle = c.late;
        box(ink, left, top + size - thick, size, thick, thick / 2);
        ink.fill();
      }
      if (text && f.split[i] === 0) {
        ink.fillStyle = f.phase[i] === 1 ? c["on-block"] : c.text;
        ink.font = "600 10px system-ui, sans-serif";
        ink.textAlign = "center";
        ink.textBaseline = "middle";
        ink.fillText(String(f.index[i] + 1), left + size / 2, top + size / 2 + 0.5);
      }
      ink.globalAlpha = 1;
      this.blocks.push({ i, host, x: left, y: top, size });
      left += size;
      before = i;
    }
  }

  arrows(ink) {
    const progress = Math.min(1, (performance.now() - this.began) / MOVE_MS);
    const { w, h } = this.at;
    const c = this.colours;
    for (const move of this.data.moves.slice(0, 200)) {
      if (move.source < 0 || move.target < 0) continue;
      const [ax, ay] = this.corner(move.source).map((one, k) => one + (k ? h : w) / 2);
      const [bx, by] = this.corner(move.target).map((one, k) => one + (k ? h : w) / 2);
      const mx = (ax + bx) / 2 - (by - ay) * 0.15;
      const my = (ay + by) / 2 + (bx - ax) * 0.15;
      ink.strokeStyle = c.accent;
      ink.lineWidth = 1.6;
      ink.globalAlpha = 0.75;
      ink.beginPath();
      ink.moveTo(ax, ay);
      ink.quadraticCurveTo(mx, my, bx, by);
      ink.stroke();
      const t = Number.isFinite(progress) ? progress : 1;
      const [px, py] = [[ax, mx, bx], [ay, my, by]].map(([p, q, r]) => (1 - t) ** 2 * p + 2 * t * (1 - t) * q + t * t * r);
      ink.globalAlpha = 1;
      ink.fillStyle = c.accent;
      box(ink, px - 5, py - 5, 10, 10, 3);
      ink.fill();
    }
    if (progress < 1) this.frame = requestAnimationFrame(() => this.showMoves());
  }

  asTable() {
    const data = this.data.hosts;
    const f = this.data.fragments;
    return table(`Hosts in interval ${this.data.interval}`,
      ["host", "type", "CPU", "RAM (MB)", "link (MB/s)", "energy (Wh)", "fragments (task: parts)"],
      this.byHost.map((list, host) => {
        const parts = new Map();
        for (const i of list) parts.set(f.task[i], [...(parts.get(f.task[i]) ?? []), f.index[i] + 1]);
        return [el("button", { type: "button", class: "link", onclick: () => this.open({ host }) }, `host ${host}`),
          this.state.info.hosts.types[host], percent(data.cpu_utilisation[host], 0),
          `${number(data.ram_used_mb[host], 0)} of ${number(this.state.info.hosts.ram_mb[host], 0)}`,
          number(data.bandwidth_mb_s[host], 1), number(data.energy_wh[host], 1),
          [...parts].map(([task, which]) => `${task}: ${which.join(", ")}`).join("; ") || "none"];
      }));
  }

  found(event) {
    const frame = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const slack = this.at.text ? 1 : 2;
    const block = this.blocks.find((one) => x >= one.x - slack && x <= one.x + one.size + slack && y >= one.y - slack && y <= one.y + one.size + slack);
    const { w, h, columns, corners } = this.at;
    if (corners) {
      const host = block ? block.host : corners.findLastIndex(([left, top]) => x >= left && x <= left + w && y >= top && y <= top + h);
      return { block, host: host >= 0 ? host : null };
    }
    const column = Math.floor(x / (w + GAP));
    const host = column < columns ? Math.floor(y / (h + GAP)) * columns + column : -1;
    return { block, host: host >= 0 && host < this.byHost.length ? host : null };
  }

  hover(event) {
    if (!this.data || !this.at) return;
    const { block, host } = this.found(event);
    const tip = byId("tip");
    const f = this.data.fragments;
    const task = block ? f.task[block.i] : null;
    if (task !== this.task) { this.task = task; this.draw(); }
    if (host === null) { this.leave(); return; }
    if (block) {
      const i = block.i;
      tip.replaceChildren(el("b", {}, `fragment ${f.id[i]}`), ` of task ${f.task[i]}${f.late[i] ? ", late" : ""}`, el("br"),
        `${SPLITS[f.split[i]]} ${f.split[i] === 0 ? "step" : "branch"} ${f.index[i] + 1}, ${PHASES[f.phase[i]]}`, el("br"),
        `${number(f.ram_mb[i], 0)} MB on host ${host}`);
    } else tip.replaceChildren(...this.told(host).flatMap((one, i) => (i ? [el("br"), one] : [el("b", {}, one)])));
    tip.hidden = false;
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
    this.canvas.style.cursor = "pointer";
  }

  told(host) {
    const data = this.data.hosts;
    return [`host ${host}, ${this.state.info.hosts.types[host]}`,
      `CPU ${percent(data.cpu_utilisation[host], 0)}, RAM ${number(data.ram_used_mb[host], 0)} of ${number(this.state.info.hosts.ram_mb[host], 0)} MB`,
      `link ${number(data.bandwidth_mb_s[host], 1)} MB/s, ${duration(data.latency_s[host])}; ${number(data.energy_wh[host], 1)} Wh`,
      `${this.byHost[host].length} fragments`];
  }

  leave() {
    byId("tip").hidden = true;
    if (this.task !== null) { this.task = null; this.draw(); }
  }

  click(event) {
    if (!this.data) return;
    const { block, host } = this.found(event);
    if (block) this.open({ fragment: this.data.fragments.id[block.i] });
    else if (host !== null) { this.picked = host; this.open({ host }); }
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.at.columns, ArrowDown: this.at.columns }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      this.picked = Math.max(0, Math.min(this.byHost.length - 1, this.picked + step));
      this.draw();
      say(this.told(this.picked).join(". "));
    } else if (event.key === "Enter") this.open({ host: this.picked });
    else if (event.key === "Escape") { this.hint(); this.open({ host: null }); }
  }

  async detailOf({ host, fragment, task }) {
    const make = fragment !== undefined ? fragmentDetails : task !== undefined ? taskDetails : hostDetails;
    const id = fragment ?? task ?? host;
    if (id === null) return;
    this.state.host = host ?? null;
    this.detail.replaceChildren(...(await make(this.state, id, this.open)));
    this.draw();
  }
}

function legend() {
  const key = (name, text, inside = "") => el("li", {}, el("i", { class: `swatch ${name}` }, inside), text);
  return el("ul", { class: "legend" }, key("layer", "layer step", "1"), key("semantic", "semantic branch"), key("compressed", "compressed"),
    key("hollow", "input on its way"), key("lateness", "late"),
    el("li", {}, el("i", { class: "swatch thin cpu" }), "CPU"), el("li", {}, el("i", { class: "swatch thin ram" }), "RAM"), el("li", {}, el("i", { class: "swatch thin link" }), "link"));
}

// Round corners are slow to paint: thousands of small boxes, as a thousand hosts have them, get none.
function box(ink, x, y, w, h, r) {
  ink.beginPath();
  if (r > 2) ink.roundRect(x, y, w, h, r);
  else ink.rect(Math.round(x), Math.round(y), w, h);
}
