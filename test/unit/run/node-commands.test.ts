import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterNameOf } from '../../../app/config/cluster-source.ts';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import type { NodeRef } from '../../../app/run/find-node.ts';
import type { InstanceInfo } from '../../../app/run/instance.ts';
import { type NodeCommandConfig, undo } from '../../../app/run/node-commands.ts';
import type { Cluster, Ports } from '../../../app/run/ports.ts';
import { INSTANCE, nodeOf } from '../../support/run-fixture.ts';
import { testContext } from '../../support/test-context.ts';

const BY_NODE: NodeCommandConfig = {
  target: { kind: 'node', name: 'node-a' },
  connectTimeoutMs: 60_000,
  unprovenNode: 'refuse',
  cluster: { kind: 'eks', name: 'prod', region: 'eu-central-1' },
  onlyDrained: false,
  paused: false,
};
const BY_INSTANCE: NodeCommandConfig = {
  ...BY_NODE,
  target: { kind: 'instance', instanceId: INSTANCE, region: 'eu-central-1', action: {} },
};

/** Nothing of a drain may happen in an undo. */
const unexpected = (what: string) => () => assert.fail(`${what} is no part of an undo`);

/** A cluster in memory, with what a test changes before the undo. */
function undoFixture() {
  const { clock, recorder, stop, context } = testContext();
  const calls: string[] = [];
  const facts: {
    nodes: readonly NodeRef[];
    instance: InstanceInfo | undefined;
    /** Returns the error with which a call fails. */
    fault: (call: string) => unknown;
    restored: readonly string[] | 'replaced';
  } = {
    nodes: [nodeOf('node-a', INSTANCE)],
    instance: { privateDnsName: 'node-a', privateIPs: ['10.0.0.1'], launchedAt: 0, clusters: [] },
    fault: () => undefined,
    restored: ['uncordoned'],
  };
  const call = (what: string) => {
    calls.push(what);
    const fault = facts.fault(what);
    if (fault !== undefined) throw fault;
  };
  const cluster: Cluster = {
    server: 'https://cluster',
    policyVersion: 'policy/v1',
    nodes: {
      async byName(name) {
        call(`find ${name}`);
        return facts.nodes.find((node) => node.name === name);
      },
      byLabel: async () => [],
      async *all() {
        call('list nodes');
        yield facts.nodes;
      },
    },
    async restore({ name }) {
      call(`restore ${name}`);
      return facts.restored;
    },
    async close() {
      calls.push('close');
    },
    requests: {},
    async setDrainConditions(_, conditions) {
      call(conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`).join(', '));
      return 'set';
    },
    cordon: unexpected('a cordon'),
    exclude: unexpected('an exclusion'),
    taint: unexpected('a taint'),
    markOutOfService: unexpected('a taint'),
    podsOf: unexpected('a pod'),
    volumesOf: unexpected('a volume'),
    boundTargetGroups: unexpected('a TargetGroupBinding'),
    leasesOf: unexpected('a lease'),
    readRoom: unexpected('the pods of the cluster'),
    eventsOn: unexpected('an Event'),
  };
  const ports: Ports = {
    actions: {
      async instanceState() {
        call('look up the lifecycle state');
        return undefined;
      },
      terminatingHooks: unexpected('a hook'),
      terminationStartedAt: unexpected('an activity'),
      retainsAbandoned: unexpected('a policy'),
      terminate: unexpected('a termination'),
    },
    groupCapacity: unexpected('a group'),
    targetGroups: unexpected('a target group'),
    async describeInstance(instanceId) {
      call(`describe ${instanceId}`);
      return facts.instance;
    },
    async connect(source) {
      call(source.kind === 'eks' && source.name === 'prod' ? 'connect' : `connect to ${clusterNameOf(source)}`);
      return cluster;
    },
  };
  return {
    calls,
    clock,
    facts,
    recorder,
    stop,
    failures: () => recorder.of('run failed').map(({ error }) => String(error)),
    undo: (config: NodeCommandConfig) => clock.until(undo(config, ports, context), 300_000),
  };
}

// A node that was drained by hand, or whose instance came back, stays cordoned, tainted and out of its load balancers for good.
test('a node is restored by its name, and what was undone is reported', async () => {
  const { calls, facts, recorder, undo } = undoFixture();
  facts.restored = ['uncordoned', 'taint node-drainer/terminating removed'];
  assert.equal(await undo(BY_NODE), 0);
  assert.deepEqual(calls, ['connect', 'find node-a', 'restore node-a', 'close']);
  assert.deepEqual(
    recorder.recorded.map(({ event }) => event),
    [{ type: 'node restored', node: 'node-a', changes: facts.restored }],
  );
});

// A script that restores all nodes would stop at the first one that was never drained.
test('nothing to undo is a success', async () => {
  const { facts, recorder, undo } = undoFixture();
  facts.restored = [];
  assert.equal(await undo(BY_NODE), 0);
  assert.deepEqual(
    recorder.of('node restored').map(({ changes }) => changes),
    [[]],
  );
});

// The node of another instance, which has the private DNS name of a terminated one, would be uncordoned while it is drained.
test('an instance is restored by the node that is proven to be its', async () => {
  const { calls, facts, undo } = undoFixture();
  facts.nodes = [nodeOf('node-a', 'i-0fedcba9876543210'), nodeOf('node-b', INSTANCE)];
  assert.equal(await undo(BY_INSTANCE), 0);
  assert.deepEqual(calls, [`describe ${INSTANCE}`, 'connect', 'find node-a', 'list nodes', 'restore node-b', 'close']);
});

// A node that only has the name or the address of the instance may be any machine, unless the operator vouches for it.
test('a node without a proof is restored only with UNPROVEN_NODE=accept', async () => {
  const refused = undoFixture();
  refused.facts.nodes = [nodeOf('node-a', INSTANCE, { providerID: 'k3s://node-a' })];
  assert.equal(await refused.undo(BY_INSTANCE), 1);
  assert.match(refused.failures().join(), /nothing proves that it runs there/);
  assert.ok(!refused.calls.some((call) => call.startsWith('restore')));
  const accepted = undoFixture();
  accepted.facts.nodes = refused.facts.nodes;
  assert.equal(await accepted.undo({ ...BY_INSTANCE, unprovenNode: 'accept' }), 0);
  assert.ok(accepted.calls.includes('restore node-a'));
});

// An exit code of 0 for a node that is still cordoned: a person believes that it serves again.
test('a node that is missing, or was replaced meanwhile, is a failure that names it, and the connection is closed', async () => {
  const missing = undoFixture();
  missing.facts.nodes = [];
  assert.equal(await missing.undo(BY_NODE), 1);
  assert.deepEqual(missing.failures(), ['Failure: https://cluster has no node called node-a']);
  assert.equal(missing.calls.at(-1), 'close');

  const nobody = undoFixture();
  nobody.facts.nodes = [];
  assert.equal(await nobody.undo(BY_INSTANCE), 1);
  assert.deepEqual(nobody.failures(), [`Failure: https://cluster has no node for ${INSTANCE}`]);

  const replaced = undoFixture();
  replaced.facts.restored = 'replaced';
  assert.equal(await replaced.undo(BY_NODE), 1);
  assert.match(replaced.failures().join(), /node-a was deleted or replaced/);
  assert.equal(replaced.recorder.of('node restored').length, 0);
  assert.equal(replaced.calls.at(-1), 'close');
});

// One lost connection, or five conflicts with a controller, would make a person try again by hand.
test('every step is retried after transient errors, as long as the time allows', async () => {
  const flaky = undoFixture();
  const failedOnce = new Set<string>();
  flaky.facts.fault = (call) => {
    if (failedOnce.has(call)) return undefined;
    failedOnce.add(call);
    return new Failure('connection reset', { transient: true });
  };
  assert.equal(await flaky.undo(BY_NODE), 0);
  const twice = ['connect', 'find node-a', 'restore node-a'].flatMap((call) => [call, call]);
  assert.deepEqual(flaky.calls, [...twice, 'close']);

  const down = undoFixture();
  down.facts.fault = () => new Failure('connection refused', { transient: true });
  assert.equal(await down.undo(BY_NODE), 1);
  assert.equal(down.clock.elapsed, 60_000);
  assert.match(down.failures().join(), /could not reach the cluster within 60 s/);
  assert.ok(!down.calls.includes('close'));
});

// A missing permission that is retried for a minute looks like a cluster that is slow.
test('a missing permission fails at once, and the connection is closed', async () => {
  const { calls, clock, facts, failures, undo } = undoFixture();
  facts.fault = (call) => (call.startsWith('restore') ? new Denied('cannot patch resource "nodes"') : undefined);
  assert.equal(await undo(BY_NODE), 1);
  assert.equal(clock.elapsed, 0);
  assert.deepEqual(failures(), ['Failure: cannot patch resource "nodes"']);
  assert.equal(calls.at(-1), 'close');
});

// A bug that is retried hides behind a timeout, and an exit code of 1 makes people look for it in their cluster.
test('a bug ends with 70 at once, and the connection is closed', async () => {
  const { calls, clock, facts, failures, undo } = undoFixture();
  facts.fault = (call) => (call.startsWith('find') ? new TypeError('x is not a function') : undefined);
  assert.equal(await undo(BY_NODE), 70);
  assert.deepEqual([clock.elapsed, failures().length, calls.at(-1)], [0, 1, 'close']);
});

// A stop that is reported as a failure makes an operator look for one.
test('a stop ends with the exit code of its signal, without a failure', async () => {
  for (const [name, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const { calls, facts, failures, stop, undo } = undoFixture();
    facts.fault = (call) => {
      if (!call.startsWith('restore')) return undefined;
      stop.abort(new Stopped(name));
      return new Failure('aborted', { transient: true });
    };
    assert.equal(await undo(BY_NODE), code);
    assert.deepEqual([failures(), calls.at(-1)], [[], 'close']);
  }
});

// One drainer for many clusters: a node of the wrong one would be put back into service.
test('with CLUSTER_NAME=*, the cluster is the one that the tags of the instance name', async () => {
  const config: NodeCommandConfig = {
    ...BY_INSTANCE,
    cluster: { kind: 'by-tags', template: { kind: 'eks', region: 'eu-central-1' } },
  };
  const named = undoFixture();
  named.facts.instance = { privateIPs: [], clusters: ['lab'] };
  assert.equal(await named.undo(config), 0);
  assert.ok(named.calls.includes('connect to lab'));

  const lying = undoFixture();
  lying.facts.instance = { privateIPs: [], clusters: ['prod'], namedCluster: '../../other' };
  assert.equal(await lying.undo(config), 1);
  assert.deepEqual(lying.calls, [`describe ${INSTANCE}`]);
  assert.match(lying.failures().join(), /the cluster of i-\w+ is unknown: its tags name '\.\.\/\.\.\/other'/);
});

// Every instance of the region that enters service starts this: those of other clusters would be failures, and alarms.
test('for the instance of another cluster, and after an event for one of no cluster, there is nothing to do', async () => {
  const every: NodeCommandConfig = {
    ...BY_INSTANCE,
    cluster: { kind: 'by-tags', template: { kind: 'eks', region: 'eu-central-1' } },
  };
  for (const [config, clusters, reason] of [
    [BY_INSTANCE, ['lab'], 'its tags name lab, not prod'],
    [{ ...every, onlyDrained: true }, [], 'its tags name no cluster'],
  ] as const) {
    const { calls, facts, recorder, undo } = undoFixture();
    facts.instance = { privateIPs: [], clusters };
    assert.equal(await undo(config), 0);
    assert.ok(!calls.some((call) => call.startsWith('connect')));
    assert.deepEqual(
      recorder.of('nothing to do').map((event) => event.reason),
      [reason],
    );
  }
});

const DRAINED = [
  { type: 'DrainInProgress', status: 'False', reason: 'NodeDrainerCompleted' },
  { type: 'Drained', status: 'True', reason: 'NodeDrainerCompleted' },
] as const;

// A node in service that is shown as drained: whoever reads its conditions waits for its end.
test('a node that shows its drain no longer does after an undo', async () => {
  const { calls, facts, undo } = undoFixture();
  facts.nodes = [nodeOf('node-a', INSTANCE, { drainConditions: DRAINED })];
  assert.equal(await undo(BY_NODE), 0);
  const undone = 'DrainInProgress=False NodeDrainerUndone, Drained=False NodeDrainerUndone';
  assert.deepEqual(calls, ['connect', 'find node-a', 'restore node-a', undone, 'close']);
});

// What a person or another program says of the node is not the drainer's to take back.
test('the conditions of others stay, and those of a node that stays drained', async () => {
  for (const drainConditions of [
    undefined,
    [{ type: 'Drained', status: 'True', reason: 'AdminRequested' } as const],
    [{ type: 'Drained', status: 'False', reason: 'NodeDrainerUndone' } as const],
  ]) {
    const { calls, facts, undo } = undoFixture();
    facts.nodes = [nodeOf('node-a', INSTANCE, drainConditions && { drainConditions })];
    assert.equal(await undo(BY_NODE), 0);
    assert.ok(!calls.some((call) => call.includes('Drained=')), calls.join());
  }
  const byHand = undoFixture();
  byHand.facts.nodes = [nodeOf('node-a', INSTANCE, { drainConditions: DRAINED })];
  byHand.facts.restored = [];
  assert.equal(await byHand.undo({ ...BY_INSTANCE, onlyDrained: true }), 0);
  assert.ok(!byHand.calls.some((call) => call.includes('Drained=')), byHand.calls.join());
});

// The cluster of a node that is in service again must not seem to fail because of a condition.
test('an undo whose conditions cannot be set succeeds with a warning', async () => {
  const { facts, recorder, undo } = undoFixture();
  facts.nodes = [nodeOf('node-a', INSTANCE, { drainConditions: DRAINED })];
  facts.fault = (call) => (call.includes('Drained=') ? new Denied('forbidden') : undefined);
  assert.equal(await undo(BY_NODE), 0);
  assert.equal(recorder.of('warning').length, 1);
});
