import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Adapter, custom, deleteAll, ours } from './adapters.ts';
import { grantRights, openCluster } from './cluster.ts';
import { perform } from './perform.ts';
import { type Column, merged, type Outcome } from './result.ts';
import type { ConformanceScenario } from './scenario.ts';
import { scenarios } from './scenarios/all.ts';

async function outcomeOf(scenario: ConformanceScenario, adapter: Adapter): Promise<Outcome> {
  const opened = await openCluster();
  try {
    await grantRights(opened.cluster, adapter);
    return (await perform(scenario, adapter, opened)).outcome;
  } finally {
    await opened.cluster.close();
  }
}

function scenarioOf(id: string): ConformanceScenario {
  const found = scenarios.find((scenario) => scenario.id === id);
  assert.ok(found, id);
  return found;
}

describe('the conformance suite', { concurrency: true }, () => {
  for (const id of ['1', '8', '14', '28', '46a']) {
    // A scenario that a script without care passes shows nothing, and one that nobody passes shows nothing, either.
    test(`scenario ${id} is passed by our drainer, and failed by one that deletes every pod`, async () => {
      const scenario = scenarioOf(id);
      const [kept, deleted] = await Promise.all([outcomeOf(scenario, ours()), outcomeOf(scenario, deleteAll())]);
      assert.deepEqual(kept, { outcome: 'passed' });
      assert.equal(deleted.outcome, 'failed', JSON.stringify(deleted));
    });
  }

  // A drainer that only says that it has drained would pass.
  test('a drainer that prints that all is well, and does nothing, fails', async () => {
    const outcome = await outcomeOf(scenarioOf('5'), custom('echo node/{node} drained'));
    assert.equal(outcome.outcome, 'failed');
    assert.deepEqual(outcome.outcome === 'failed' && outcome.harm, [
      'pod bare was never asked to end',
      '1 pod cut off without SIGTERM (bare)',
    ]);
  });

  // A drain that hangs would hang the suite, and its children would outlive it.
  test('a drainer that never ends is killed when the time is over, and that is a harm', async () => {
    const outcome = await outcomeOf({ ...scenarioOf('5'), limitSeconds: 1 }, custom('sleep 1000; echo {node}'));
    assert.deepEqual(outcome, {
      outcome: 'failed',
      harm: ['the drain did not end within 1 s', 'pod bare was never asked to end'],
    });
  });

  // A drainer that has crashed at its start has cut nobody off: without its exit code it would pass.
  test('a drainer that exits with an error has given up, and the pods that are left are named', async () => {
    const outcome = await outcomeOf(scenarioOf('5'), custom('exit 3'));
    assert.deepEqual(outcome, {
      outcome: 'failed',
      harm: ['gave up (exit 3) with pods on the node: bare', 'pod bare was never asked to end'],
    });
  });
});

// A run of a few scenarios would throw the results of all others away.
test('a run replaces what it has run, and keeps the rest', () => {
  const column = (drainer: string, results: Column['results']): Column => ({ drainer, title: drainer, results });
  const failed: Outcome = { outcome: 'failed', harm: ['a harm'] };
  const before = {
    runs: [
      {
        cluster: 'simulator',
        columns: [column('ours', { '1': failed, '2': { outcome: 'passed' } }), column('kubectl', { '1': failed })],
      },
    ],
  };
  const after = merged(before, { cluster: 'simulator', columns: [column('ours', { '1': { outcome: 'passed' } })] });
  assert.deepEqual(after.runs[0]?.columns, [
    column('ours', { '1': { outcome: 'passed' }, '2': { outcome: 'passed' } }),
    column('kubectl', { '1': failed }),
  ]);
});
