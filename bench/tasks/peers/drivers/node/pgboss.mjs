// SPDX-License-Identifier: Apache-2.0
// Driver for pg-boss. Roles and the line protocol are described in ../../README.md.
import { Counter, envInt, nextLine, paced, run, say, sliced, tuned, url } from "./protocol.mjs";
const { PgBoss } = await import("pg-boss");

const queue = "bench";
async function open(options) {
  const boss = new PgBoss({ connectionString: url, ...options });
  boss.on("error", (error) => process.stderr.write(`pg-boss driver: ${error}\n`));
  await boss.start();
  return boss;
}
const producer = () => open({ supervise: false, schedule: false, migrate: false });

run({
  async setup() {
    const boss = await open({ supervise: false, schedule: false });
    await boss.createQueue(queue, tuned ? { notify: true, partition: envInt("PGBOSS_PARTITION", 0) === 1 } : {});
    await boss.stop();
  },
  async enqueue(n) {
    const boss = await producer();
    await boss.getQueue(queue);
    await sliced(n, envInt("PGBOSS_SLICE", 10_000), (payloads) =>
      boss.insert(queue, payloads.map((data) => ({ data })), { returnId: false }),
    );
    await boss.stop();
  },
  async trickle(n, rate) {
    const boss = await producer();
    await boss.getQueue(queue);
    await paced(n, rate, (data) => boss.send(queue, data));
    await boss.stop();
  },
  async work() {
    say({ ev: "loaded", counts: "started", runtime: process.version });
    await nextLine(); // "go"
    const counter = new Counter();
    const boss = await open(tuned ? { useListenNotify: true } : {});
    const perJob = envInt("PGBOSS_PER_JOB", 0) === 1;
    const handler = async (jobs) => {
      for (const job of jobs) counter.started(job.data);
      if (perJob) return jobs.map((job) => ({ id: job.id, status: "completed" }));
    };
    const options = tuned
      ? {
          batchSize: envInt("PGBOSS_BATCH", 2000),
          localConcurrency: envInt("PGBOSS_CONCURRENCY", 4),
          burstWhenBatchFull: true,
          ...(perJob ? { perJobResults: true } : {}),
        }
      : {};
    await boss.work(queue, options, handler);
    say({ ev: "ready" });
    await nextLine(); // "stop"
    counter.close();
    await boss.stop();
    process.exit(0);
  },
});
