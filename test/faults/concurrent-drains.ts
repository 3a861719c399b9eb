import { setTimeout as pause } from 'node:timers/promises';
import { create } from '../support/administrator.ts';
import { each } from '../support/each.ts';
import { Seeded } from '../support/seeded.ts';
import { DrainRecord } from './drain-record.ts';
import { FaultEnvironment, nodeOf } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';

const DRAINS = Number(process.env['FAULTS_CONCURRENT_DRAINS'] ?? 100);
const LIMIT = 5;
/** So many programs start at the same time: what is tested is the queue, not the start of processes. */
const STARTS_AT_ONCE = 10;
const KILL_EVERY_MS = 1_000;
const KILLS = 10;
const SLOTS = new URL('../../infra/kubernetes/slots.yaml', import.meta.url);

/** A zone is lost, or a group is replaced: every drain starts at once, and some workers die with a slot, or while they wait. */
export const concurrentDrains: FaultScenario = {
  name: `${DRAINS} drains at once of one cluster with MAX_CONCURRENT_DRAINS=${LIMIT}, kill -9 of ${KILLS} workers in between, each started again`,
  busy: true,
  run: drainTogether,
};

async function drainTogether(): Promise<FaultResult> {
  await using fixture = await FaultEnvironment.open({
    nodes: DRAINS,
    podsPerNode: 3,
    shutdownMs: 500,
    heartbeatTimeout: 600,
    settings: { MAX_CONCURRENT_DRAINS: String(LIMIT) },
  });
  await create(fixture.kubernetes, SLOTS);
  using record = new DrainRecord(fixture.kubernetes, LIMIT);
  const random = new Seeded(20_261_127);
  const startedAt = Date.now();
  const workers = new Map<string, ReturnType<FaultEnvironment['start']>>();
  const killed = new Set<string>();
  let done = false;

  const kill = async () => {
    while (!done && killed.size < KILLS) {
      await pause(KILL_EVERY_MS);
      const alive = [...workers].filter(([id, worker]) => !worker.hasEnded && !killed.has(id));
      // Every second one holds a slot; the others wait.
      const holders = alive.filter(([id]) => record.holds(nodeOf(fixture.instances.indexOf(id))));
      const from = killed.size % 2 === 0 && holders.length > 0 ? holders : alive;
      const [id, worker] = from[random.whole(from.length)] ?? [];
      if (id === undefined || worker === undefined) continue;
      killed.add(id);
      record.forget(nodeOf(fixture.instances.indexOf(id)));
      worker.kill('SIGKILL');
      await worker.ended();
      workers.set(id, fixture.startDrain(id));
    }
  };

  const killing = kill();
  // The actions start in one order, and the tasks in another.
  for (const id of fixture.instances) {
    fixture.aws.terminateInstance(id);
    await pause(2);
  }
  const shuffled = fixture.instances.map((id) => ({ id, at: random.next() })).sort((a, b) => a.at - b.at);
  await each(shuffled, STARTS_AT_ONCE, async ({ id }) => {
    const worker = fixture.startDrain(id);
    workers.set(id, worker);
    while (!worker.hasEnded && !record.isQueued(nodeOf(fixture.instances.indexOf(id)))) await pause(50);
  });
  while ([...workers.values()].some((worker) => !worker.hasEnded)) await pause(100);
  done = true;
  await killing;

  const problems = [
    ...(record.most > LIMIT ? [`${record.most} nodes lost pods at the same time`] : []),
    ...(record.mostSlots > LIMIT ? [`${record.mostSlots} slots were held at the same time`] : []),
    ...(record.overtaken.length > 0 ? [`${record.overtaken.length} went before others: ${record.overtaken[0]}`] : []),
    ...(killed.size < KILLS ? [`only ${killed.size} were killed`] : []),
    ...(record.left.length > 0 ? [`${record.left.length} leases were left behind`] : []),
  ];
  const figures = `${record.most} nodes at most lost pods at the same time, ${record.inOrder} drains had to wait and went in the order of their actions, ${killed.size} workers killed, ${seconds(Date.now() - startedAt)}`;
  return await resultOf(fixture, figures, problems);
}
