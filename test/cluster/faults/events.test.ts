import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Fault, SimulatedRequest } from '../../simulator/faults.ts';
import { applyRights } from '../rights.ts';
import { Scenario } from '../scenario.ts';
import { openSimulatedCluster } from '../simulated-cluster.ts';
import { fault } from './fault.ts';

const cluster = await openSimulatedCluster();
await applyRights(cluster);
after(() => cluster.close());

const isEvent = ({ method, path }: SimulatedRequest) => method === 'POST' && path.endsWith('/events');

for (const [what, failure] of [
  ['fail', { kind: 'status', status: 500 }],
  ['are reset', { kind: 'reset' }],
  ['are never answered', { kind: 'hang' }],
] as const satisfies [string, Fault][]) {
  // When etcd is full, writes of Events fail first: a drain that waits for them hangs.
  test(`Events that ${what} do not change the drain, and delay its end by less than two seconds`, async (t) => {
    const scenario = await Scenario.open(t, cluster);
    await scenario.pod('web');
    const { hits } = fault(t, cluster.simulator, { when: isEvent, fault: failure });
    const { exitCode, summary, lines } = await scenario.drain().ended(15_000);
    const endedAt = Date.now();
    assert.equal(exitCode, 0);
    assert.equal(summary.result, 'drained');
    assert.ok(hits() >= 2, 'the drain tried to record its start and its end');
    assert.ok(endedAt - (lines.at(-1)?.time ?? 0) < 2_000, 'it exits soon after its last line');
    assert.ok(lines.every(({ event }) => event !== 'retrying'));
    await scenario.noHarm();
  });
}
