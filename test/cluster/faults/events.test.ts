import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Fault, SimulatedRequest } from '../../simulator/faults.ts';
import { applyRights } from '../rights.ts';
import { Scenario } from '../scenario.ts';
import { simulatedLab } from '../simulated-cluster.ts';
import { fault } from './fault.ts';

const lab = await simulatedLab();
await applyRights(lab);
after(() => lab.close());

const isEvent = ({ method, path }: SimulatedRequest) => method === 'POST' && path.endsWith('/events');

for (const [what, meets] of [
  ['fail', { kind: 'status', status: 500 }],
  ['are reset', { kind: 'reset' }],
  ['are never answered', { kind: 'hang' }],
] as const satisfies [string, Fault][]) {
  // Events are etcd's first victims when it is full: a drain that waits for them hangs in every outage of theirs.
  test(`events that ${what} change nothing about the drain, and cost it half a second at the most`, async (t) => {
    const scenario = await Scenario.open(t, lab);
    await scenario.pod('web');
    const { hits } = fault(t, lab.simulator, { when: isEvent, fault: meets });
    const { exitCode, summary, lines } = await scenario.drain().ended(15_000);
    const endedAt = Date.now();
    assert.equal(exitCode, 0);
    assert.equal(summary.result, 'drained');
    assert.ok(hits() >= 2, 'the beginning and the end were to be told');
    assert.ok(endedAt - (lines.at(-1)?.time ?? 0) < 2_000, 'it ends soon after its last word');
    assert.ok(lines.every(({ event }) => event !== 'retrying'));
  });
}
