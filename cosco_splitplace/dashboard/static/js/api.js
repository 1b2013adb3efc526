// The JSON API. A newer question of the same kind makes an older one that is still open void.
const open = new Map();

export class Refused extends Error {
  constructor(message, status) { super(message); this.status = status; }
}

export async function get(path, kind = path) {
  open.get(kind)?.abort();
  const control = new AbortController();
  open.set(kind, control);
  try {
    const reply = await fetch(`api/${path}`, { signal: control.signal, headers: { Accept: "application/json" } });
    const body = await reply.json();
    if (!reply.ok) throw new Refused(body.error ?? reply.statusText, reply.status);
    return body;
  } finally {
    if (open.get(kind) === control) open.delete(kind);
  }
}

export const ofRun = (run, rest = "", kind = rest) => get(`runs/${encodeURIComponent(run)}${rest}`, kind);

export const isVoid = (error) => error.name === "AbortError";
