// SPDX-License-Identifier: Apache-2.0
// Driver for graphile-worker. Roles and the line protocol are described in ../../README.md.
process.env.NO_LOG_SUCCESS = "1"; // as in the project's own perfTest
import { Counter, envInt, nextLine, paced, run, say, sliced, tuned, url } from "./protocol.mjs";
const { Logger, makeWorkerUtils, run: runWorker } = await import("graphile-worker");

const logger = new Logger(() => (level, message) => {
  if (level === "error") process.stderr.write(`graphile driver: ${message}\n`);
});
const utils = () => makeWorkerUtils({ connectionString: url, logger });

// "tuned" is the "With batching" configuration of the project's performance page, with a larger local
// queue (2000 instead of 500), which was never slower here; "default" is the library's own.
const preset = {
  worker: tuned
    ? {
        connectionString: url,
        logger,
        concurrentJobs: envInt("GRAPHILE_JOBS", 24),
        maxPoolSize: envInt("GRAPHILE_POOL", 25),
        localQueue: { size: envInt("GRAPHILE_LOCAL", 2000) },
        completeJobBatchDelay: envInt("GRAPHILE_DELAY", 0),
        failJobBatchDelay: envInt("GRAPHILE_DELAY", 0),
      }
    : { connectionString: url, logger },
};

run({
  async setup() {
    const worker = await utils();
    await worker.migrate();
    await worker.release();
  },
  async enqueue(n) {
    const worker = await utils();
    await worker.withPgClient((client) => client.query("select 1"));
    await sliced(n, envInt("GRAPHILE_SLICE", 10_000), (payloads) =>
      worker.addJobs(payloads.map((payload) => ({ identifier: "noop", payload }))),
    );
    await worker.release();
  },
  async trickle(n, rate) {
    const worker = await utils();
    await worker.withPgClient((client) => client.query("select 1"));
    await paced(n, rate, (payload) => worker.addJob("noop", payload));
    await worker.release();
  },
  async work() {
    say({ ev: "loaded", counts: "started", runtime: process.version });
    await nextLine(); // "go"
    const counter = new Counter();
    const runner = await runWorker({ preset, taskList: { noop: async (payload) => counter.started(payload) } });
    say({ ev: "ready" });
    await nextLine(); // "stop"
    counter.close();
    await runner.stop();
    process.exit(0);
  },
});
