// SPDX-License-Identifier: Apache-2.0
// The line protocol of ../../README.md, shared by the Node drivers.
import { createInterface } from "node:readline";

export const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
export const wallMs = () => performance.timeOrigin + performance.now();
export const tuned = process.env.PEER_PROFILE !== "default";
export const envInt = (name, fallback) => Number(process.env[name] ?? fallback);
export const url = process.env.DATABASE_URL;

const waiting = [];
let ended = false;
if (process.argv[2] === "work") {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", () => waiting.shift()?.());
  lines.on("close", () => {
    ended = true;
    for (const wake of waiting.splice(0)) wake();
  });
}
/** Waits for the next line of the harness ("go", then "stop"). */
export const nextLine = () => (ended ? undefined : new Promise((wake) => waiting.push(wake)));

/** Counts handler calls; reports at most every 4 ms, and nothing while idle. */
export class Counter {
  latency = [];
  #n = 0;
  #timer = null;

  started(payload) {
    if (this.#n++ === 0) say({ ev: "first" });
    const t = payload?.t;
    if (t) this.latency.push([t, wallMs() - t]);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      say({ ev: "count", n: this.#n });
    }, 4);
  }
  close() {
    clearTimeout(this.#timer);
    say({ ev: "count", n: this.#n });
    say({ ev: "latency", ms: this.latency });
  }
}

export async function sliced(n, size, send) {
  const start = performance.now();
  for (let at = 0; at < n; at += size) {
    await send(Array.from({ length: Math.min(size, n - at) }, (_, i) => ({ n: at + i + 1 })));
  }
  say({ ev: "enqueued", n, s: (performance.now() - start) / 1000 });
}

export async function paced(n, rate, send) {
  let due = performance.now();
  for (let i = 0; i < n; i++) {
    due += 1000 / rate;
    await new Promise((wake) => setTimeout(wake, Math.max(0, due - performance.now())));
    await send({ t: wallMs() });
  }
  say({ ev: "trickled", n });
}

export const run = (roles) => roles[process.argv[2]](...process.argv.slice(3).map(Number));
