import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EventRecorder, eventsFor } from '../../../app/kubernetes/events.ts';
import { apiServer, clientOf, type Handler, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';
import { podsHeld } from '../../support/holds.ts';
import { remainingPods } from '../../support/remaining.ts';
import { nodeOf } from '../../support/run-fixture.ts';
import { summaryWith } from '../../support/summaries.ts';

const cordoned = { type: 'cordoned', node: 'node-a', excludedFromLoadBalancers: true } as const;
const SUMMARY = summaryWith({ seconds: { total: 74.4 } });

async function eventRecorder(t: TestContext, handler: Handler = (_, response) => json(response, 201, {})) {
  const clock = new ManualClock();
  const server = await apiServer(t, handler);
  const client = clientOf(t, server.url, clock);
  const events = new EventRecorder(client, nodeOf('node-a', 'i-1'), clock);
  return {
    client,
    clock,
    events,
    received: server.received,
    sent: () => server.received.map(({ body }) => JSON.parse(body)),
  };
}

// To learn why a node disappeared, people run `kubectl describe node`; they do not read the logs of a finished task.
test('the start and the end of a drain are events of the node', async (t) => {
  const { events, received, sent } = await eventRecorder(t);
  events.record(cordoned);
  await events.flush();
  events.record({ type: 'summary', summary: SUMMARY });
  await events.flush();
  assert.deepEqual(
    sent().map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
    [
      'Normal DrainStarted: Cordoned by node-drainer: its instance is being terminated',
      'Normal Drained: Drained in 74 s: 12 pods evicted, 3 skipped',
    ],
  );
  assert.deepEqual(sent()[0], {
    metadata: { generateName: 'node-drainer-', namespace: 'default' },
    involvedObject: { apiVersion: 'v1', kind: 'Node', name: 'node-a', uid: 'n-1' },
    type: 'Normal',
    reason: 'DrainStarted',
    message: 'Cordoned by node-drainer: its instance is being terminated',
    source: { component: 'node-drainer' },
    firstTimestamp: '2026-01-02T03:04:05.000Z',
    lastTimestamp: '2026-01-02T03:04:05.000Z',
    count: 1,
  });
  assert.ok(received.every(({ method, path }) => `${method} ${path}` === 'POST /api/v1/namespaces/default/events'));
});

// A failed drain that looks normal in `kubectl get events` is not investigated.
test('a run that did not drain the node is a warning with the number of remaining pods', () => {
  const pods = { evicted: 1, skipped: 0, remaining: 4 };
  for (const result of ['deadline', 'failed', 'stopped', 'action ended'] as const) {
    const [event, ...more] = eventsFor({ type: 'summary', summary: { ...SUMMARY, result, pods } });
    assert.deepEqual(more, []);
    assert.deepEqual([event?.type, event?.reason], ['Warning', 'NotDrained']);
    assert.equal(event?.message, `Not drained after 74 s (${result}): 4 pods remain`);
  }
});

// The owner of a pod looks at the pod's events, in the pod's namespace, for the budget that blocks the drain.
test('a blocked pod gets one event in its own namespace; a terminating pod, or one that waits for others, gets none', async (t) => {
  const { events, received, sent } = await eventRecorder(t);
  const remaining = [
    ...remainingPods(1),
    { pod: 'lab/slow', uid: 's', reason: 'terminating', ending: true, blocked: false },
    { pod: 'lab/dns', uid: 'd', reason: 'waits for 2 pods of lower priority', ending: false, blocked: false },
  ];
  for (let round = 0; round < 3; round++) events.record({ type: 'waiting for pods', remaining });
  await events.flush();
  assert.equal(received.length, 1);
  assert.equal(received[0]?.path, '/api/v1/namespaces/shop/events');
  const [{ metadata, involvedObject, reason, message }] = sent();
  assert.equal(metadata.namespace, 'shop');
  assert.deepEqual(involvedObject, { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web-0', uid: 'web-0#1' });
  assert.deepEqual([reason, message], ['DrainBlocked', 'budget web allows no disruption']);
});

// A thousand blocked pods and a hundred drainers would fill etcd with events.
test('only the first 20 blocked pods get an event, and the end of the drain is still recorded', async (t) => {
  const { events, sent } = await eventRecorder(t);
  events.record(cordoned);
  for (let round = 0; round < 3; round++) events.record({ type: 'waiting for pods', remaining: remainingPods(200) });
  events.record({ type: 'summary', summary: SUMMARY });
  await events.flush();
  const kinds = sent().map(({ involvedObject }) => involvedObject.kind);
  assert.equal(kinds.filter((kind) => kind === 'Pod').length, 20);
  assert.equal(kinds.filter((kind) => kind === 'Node').length, 2);
});

// A budget holds nodes of other teams: its owner looks at the budget, and never at a node. 500 pods of it are one thing to mend.
test('what only a change ends is an event of the node and of the budget, once for each cause', async (t) => {
  const { events, received, sent } = await eventRecorder(t);
  for (let round = 0; round < 3; round++) events.record(podsHeld());
  events.record(podsHeld({ cause: 'unhealthy' }));
  await events.flush();
  assert.deepEqual(
    sent()
      .map(({ involvedObject: { kind, name }, type, reason }) => `${kind} ${name} ${type} ${reason}`)
      .sort(),
    [
      'Node node-a Warning DrainHeld',
      'Node node-a Warning DrainHeld',
      'PodDisruptionBudget web Warning DrainHeld',
      'PodDisruptionBudget web Warning DrainHeld',
    ],
  );
  const onBudget = sent().find(({ involvedObject }) => involvedObject.kind === 'PodDisruptionBudget');
  assert.equal(onBudget.metadata.namespace, 'shop');
  assert.deepEqual(onBudget.involvedObject, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    namespace: 'shop',
    name: 'web',
    uid: 'b-1',
  });
  assert.match(
    onBudget.message,
    /^drain of node node-a: budget shop\/web needs .*\. To end it: add a replica: kubectl/,
  );
  assert.ok(received.some(({ path }) => path === '/api/v1/namespaces/shop/events'));
});

// An Event on every budget of a cluster that is replaced node by node would be noise that hides the one that matters.
test('what time ends is an event of the node alone, and a dry run writes none', () => {
  const transient = podsHeld({ cause: 'transient', needsChange: false });
  assert.deepEqual(
    eventsFor(transient).map(({ regarding, type }) => `${regarding.kind} ${type}`),
    ['Node Normal'],
  );
  assert.deepEqual(eventsFor({ ...podsHeld(), dryRun: true }), []);
});

// The API server refuses a note of more than 1,024 characters, and etcd stores what it accepts.
test('events of holds are few and short, and leave room for those of pods', async (t) => {
  const { events, sent } = await eventRecorder(t);
  for (let index = 0; index < 200; index++) {
    events.record(podsHeld({ by: `budget shop/${index}`, text: 'x'.repeat(5_000), budgets: [] }));
  }
  events.record({ type: 'waiting for pods', remaining: remainingPods(5) });
  await events.flush();
  const kinds = sent().map(({ involvedObject }) => involvedObject.kind);
  assert.equal(kinds.filter((kind) => kind === 'Node').length, 20);
  assert.equal(kinds.filter((kind) => kind === 'Pod').length, 5);
  assert.ok(sent().every(({ message }) => message.length <= 1_024));
});

// An event for every pod or heartbeat would hide the ones that matter.
test('other events of a run are not recorded', () => {
  for (const type of ['heartbeat', 'hook ended'] as const) assert.deepEqual(eventsFor({ type, hook: 'drainer' }), []);
  assert.deepEqual(eventsFor({ type: 'eviction accepted', pod: 'shop/web-0' }), []);
  assert.deepEqual(eventsFor({ type: 'run failed', error: new Error('no') }), []);
});

// A cluster in which the drainer may not create events must be drained, too.
test('an event that is refused or lost causes no error', async (t) => {
  const handlers: Handler[] = [
    (_, response) => json(response, 403, status(403, 'Forbidden', 'events is forbidden: User "x" cannot create')),
    (_, response) => json(response, 500, {}),
    (_, response) => void response.socket?.destroy(),
    (_, response) => void response.end('<html>'),
  ];
  for (const handler of handlers) {
    const { client, events, received } = await eventRecorder(t, handler);
    events.record(cordoned);
    // The run continues; an unhandled rejection of the event would end it here.
    await client.call({ verb: 'get', path: '/', signal: new AbortController().signal }).catch(() => undefined);
    await events.flush();
    assert.equal(received.filter(({ method }) => method === 'POST').length, 1);
  }
});

// The hook is complete by then, but a task that hangs at its end is billed, and looks like a failed one.
test('events without a response delay the end of a run by half a second, and are aborted after five', async (t) => {
  let closed = 0;
  const { clock, events, received } = await eventRecorder(t, (_, response) => {
    response.on('close', () => closed++);
  });
  events.record(cordoned);
  while (received.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.until(events.flush(), 60_000);
  assert.equal(clock.elapsed, 500);
  assert.equal(closed, 0);
  await clock.advance(4_500);
  for (let turn = 0; closed === 0 && turn < 10_000; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(closed, 1);
  await events.flush();
  assert.equal(clock.elapsed, 5_000);
});
