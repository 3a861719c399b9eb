import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../../app/config/drain-config.ts';
import { Failure } from '../../../app/lib/errors.ts';
import type { InstanceInfo } from '../../../app/run/instance.ts';
import { INSTANCE, runFixture } from '../../support/run-fixture.ts';

const EVERY_CLUSTER: Config['cluster'] = { kind: 'by-tags', template: { kind: 'eks', region: 'eu-central-1' } };

const UNKNOWN: readonly (Pick<InstanceInfo, 'clusters' | 'namedCluster'> | Failure | undefined)[] = [
  { clusters: [] },
  { clusters: ['prod', 'lab'] },
  { clusters: ['prod'], namedCluster: '../../other' },
  new Failure('EC2 is down'),
  undefined,
];

// One drainer for ten clusters: the instance goes to the cluster that its tags name, and the metrics to that cluster's alarms.
test('the drain connects to the cluster that the tags of the instance name, and reports its name', async () => {
  const fixture = runFixture();
  fixture.facts.instance = async () => ({ privateDnsName: 'node-a', privateIPs: [], clusters: ['lab'] });
  assert.equal(await fixture.run({ cluster: EVERY_CLUSTER }), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(fixture.connectedTo, ['lab']);
  assert.deepEqual(fixture.recorder.recorded.map(({ event }) => event.type).slice(0, 3), [
    'action found',
    'cluster found',
    'connected',
  ]);
  assert.equal(fixture.recorder.of('summary')[0]?.summary.cluster, 'lab');
});

// In a wrong cluster the instance has no node, and its hook is completed: its pods are killed. ON_FAILURE decides about drains
// that failed, and not about instances that nobody has looked at.
test('an instance whose cluster is unknown is not touched; its hook is left alone, unless EC2 does not answer and ON_FAILURE says otherwise', async () => {
  for (const known of UNKNOWN) {
    for (const onFailure of ['leave', 'continue', 'abandon'] as const) {
      const fixture = runFixture();
      fixture.facts.instance = async () => {
        if (known instanceof Failure) throw known;
        return known && { privateDnsName: 'node-a', privateIPs: [], ...known };
      };
      const policies: Config['policies'] = { missingNode: 'continue', onFailure, onDeadline: 'continue' };
      // Without an answer of EC2 the tags may be right: that is a failure like any other.
      const hook = onFailure === 'leave' || !(known instanceof Failure) ? 'untouched' : onFailure.toUpperCase();
      const result = known instanceof Failure ? 'failed' : 'cluster unknown';
      assert.equal(await fixture.run({ cluster: EVERY_CLUSTER, policies }), `${result}, hook ${hook}, exit 1`);
      assert.deepEqual([fixture.calls, fixture.connectedTo], [[], []]);
      assert.equal(fixture.recorder.of('heartbeat').length, 0);
      const { error } = fixture.recorder.of('run failed')[0] ?? {};
      assert.match(String(error), new RegExp(`the cluster of ${INSTANCE} is unknown: its tags`));
      const advice = error instanceof Failure ? error.advice : undefined;
      assert.equal(/node-drainer\/cluster/.test(advice ?? ''), !(known instanceof Failure));
      assert.equal(fixture.recorder.of('summary')[0]?.summary.cluster, undefined);
    }
  }
});

// EC2 announces Spot interruptions of every instance of the account: those of no cluster would fail, one by one.
test('without a lifecycle action, an instance whose cluster is unknown ends the run with 0, unless EC2 does not answer', async () => {
  const more: Partial<Config> = { cluster: EVERY_CLUSTER, reason: 'spot-interruption' };
  for (const clusters of [[], ['prod', 'lab']]) {
    const fixture = runFixture();
    fixture.facts.instance = async () => ({ privateIPs: [], clusters });
    assert.equal(await fixture.run(more), 'instance of another cluster, hook untouched, exit 0');
    assert.deepEqual(fixture.connectedTo, []);
  }
  const silent = runFixture();
  silent.facts.instance = async () => {
    throw new Failure('EC2 is down');
  };
  assert.equal(await silent.run(more), 'failed, hook untouched, exit 1');
});

// The event of an instance of another cluster starts this drainer, too.
test('with one cluster, the tag of the drainer decides against the tags of others', async () => {
  const fixture = runFixture();
  fixture.facts.instance = async () => ({ privateIPs: [], clusters: ['prod'], namedCluster: 'lab' });
  assert.equal(await fixture.run(), 'instance of another cluster, hook untouched, exit 0');
  assert.deepEqual([fixture.calls, fixture.connectedTo], [[], []]);
});
