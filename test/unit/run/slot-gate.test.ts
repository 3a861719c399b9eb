import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { HANDED_OVER_MS, SLOT_MS, TRUST_MS, withSlot } from '../../../app/run/slot-gate.ts';
import { ManualClock } from '../../support/clock.ts';
import { FakeLeases, type LeaseConnection } from '../../support/fake-leases.ts';
import { Recorder } from '../../support/recorder.ts';

type More = {
  readonly startedAt?: number;
  readonly limit?: number;
  readonly goesWithoutAt?: number;
  readonly hasSuccessor?: boolean;
  readonly connection?: LeaseConnection;
};

/** Leases in memory, and drains of nodes whose only work is to hold a slot until they are told to end. */
function queueing() {
  const clock = new ManualClock();
  const leases = new FakeLeases(clock);
  const open = new Set<string>();
  return {
    clock,
    leases,
    open,
    start(node: string, more: More = {}) {
      const {
        startedAt = clock.now(),
        limit = 1,
        goesWithoutAt = Number.POSITIVE_INFINITY,
        hasSuccessor = true,
      } = more;
      const recorder = new Recorder(clock.now);
      const stop = new AbortController();
      const drained = Promise.withResolvers<void>();
      let reason = (): string | undefined => undefined;
      const queue = { name: 'cluster', of: 'the cluster', limit };
      const ended = withSlot(
        { queue, node, startedAt, goesWithoutAt, hasSuccessor },
        leases.directory(more.connection),
        { clock, report: recorder.report, signal: stop.signal },
        async (gate, context) => {
          reason = () => (gate.reason?.kind === 'slot' ? gate.reason.text : undefined);
          await gate.watch(() => undefined, context);
          const aborted = new Promise<never>((_, reject) => {
            context.signal.addEventListener('abort', () => reject(context.signal.reason), { once: true });
          });
          await Promise.race([drained.promise, aborted]);
        },
      );
      ended.catch(() => undefined);
      return {
        recorder,
        /** The drain is finished. */
        async end() {
          drained.resolve();
          await clock.settle();
          await clock.advance(0);
        },
        async stop(why: Error) {
          stop.abort(why);
          await clock.settle();
        },
        get mayEvict() {
          return reason() === undefined;
        },
        get reason() {
          return reason();
        },
        warnings: () => recorder.of('warning').map(({ message }) => message),
        ended,
      };
    },
  };
}

const SLOT = 'slot-cluster-0';

test('the first drain takes the slot, keeps it by renewal, and gives it back at its end', async () => {
  const { clock, leases, start } = queueing();
  const a = start('a');
  await clock.advance(0);
  assert.equal(a.mayEvict, true);
  assert.deepEqual(leases.slots, { [SLOT]: 'a' });
  const b = start('b');
  await clock.advance(600_000);
  assert.deepEqual(leases.slots, { [SLOT]: 'a' });
  assert.deepEqual(leases.waiting, ['b']);
  assert.match(b.reason ?? '', /^waits for a slot: 1 of 1 drains of the cluster are running \(node a since /);
  await a.end();
  await clock.advance(1_000);
  assert.deepEqual([leases.slots, leases.waiting], [{ [SLOT]: 'b' }, []]);
  assert.equal(b.mayEvict, true);
  assert.equal(b.recorder.of('slot taken').length, 1);
  await b.end();
  assert.deepEqual(leases.leases.size, 0, 'nothing is left behind');
});

// Fargate starts tasks in any order: the one whose instance has waited longest must not come last.
test('those that wait go in the order in which their actions started, not in that of their tasks', async () => {
  const { clock, leases, start } = queueing();
  const first = start('first');
  await clock.advance(0);
  const order = ['c', 'a', 'd', 'b'];
  const drains = new Map(order.map((node) => [node, start(node, { startedAt: node.charCodeAt(0) })]));
  await clock.advance(1_000);
  await first.end();
  const went: string[] = [];
  for (let turn = 0; turn < order.length; turn++) {
    await clock.advance(2_000);
    const holder = leases.slots[SLOT] ?? '';
    went.push(holder);
    await drains.get(holder)?.end();
  }
  assert.deepEqual(went, ['a', 'b', 'c', 'd']);
});

// A worker that was killed says nothing.
test('the slot of a task that died is free after its duration, and its place in the queue, too', async () => {
  const { clock, leases, start } = queueing();
  const dies = { latencyMs: () => 0, watchMs: () => 0, fault: (): 'lost' | undefined => undefined };
  start('dead', { connection: dies });
  const waiter = start('dead-waiter', { connection: dies, startedAt: 0 });
  await clock.advance(9_000);
  dies.fault = () => 'lost';
  const b = start('b');
  await clock.advance(SLOT_MS - 9_000 - 1);
  assert.equal(b.mayEvict, false);
  await clock.advance(12_000);
  assert.equal(b.mayEvict, true);
  assert.deepEqual(leases.slots, { [SLOT]: 'b' });
  assert.equal(waiter.mayEvict, false);
});

// A successor that waits in the queue leaves its node half drained while others start.
test('a task that is stopped leaves its slot to its successor, which goes on with it at once', async () => {
  const { clock, leases, start } = queueing();
  const a = start('a');
  await clock.advance(0);
  const b = start('b', { startedAt: 0 });
  await clock.advance(0);
  await a.stop(new Stopped('SIGTERM'));
  assert.equal(leases.leases.get(SLOT)?.durationMs, HANDED_OVER_MS);
  await clock.advance(60_000);
  assert.equal(b.mayEvict, false);
  const successor = start('a');
  await clock.advance(0);
  assert.equal(successor.mayEvict, true);
  await clock.advance(HANDED_OVER_MS);
  assert.equal(b.mayEvict, false);
  assert.equal(leases.leases.get(SLOT)?.durationMs, SLOT_MS);
  await successor.end();
  await clock.advance(1_000);
  assert.equal(b.mayEvict, true);
});

test('a waiting task that is stopped leaves its place to its successor', async () => {
  const { clock, leases, start } = queueing();
  const a = start('a');
  await clock.advance(0);
  const b = start('b', { startedAt: 1 });
  start('c', { startedAt: 2 });
  await clock.advance(0);
  await b.stop(new Stopped('SIGTERM'));
  await clock.advance(50_000);
  await a.end();
  await clock.advance(10_000);
  assert.deepEqual(leases.slots, {}, 'the successor is not there yet');
  start('b', { startedAt: 1 });
  await clock.advance(0);
  assert.deepEqual(leases.slots, { [SLOT]: 'b' });
});

// A failed task whose duplicate still drains the node must not free the slot under it.
test('a drain that fails gives up its place, and leaves its slot to expire', async () => {
  const { clock, leases, start } = queueing();
  const a = start('a');
  await clock.advance(0);
  const b = start('b');
  await clock.advance(0);
  await a.stop(new Failure('no'));
  await b.stop(new Stopped('SIGINT'));
  assert.deepEqual([leases.slots, leases.waiting], [{ [SLOT]: 'a' }, []]);
});

// Two tasks of one node are one drain.
test('two tasks of one node share its slot, and neither loses it to the other', async () => {
  const { clock, leases, start } = queueing();
  const one = start('a');
  const two = start('a');
  const b = start('b');
  for (let minute = 0; minute < 10; minute++) {
    await clock.advance(60_000);
    assert.deepEqual([one.mayEvict, two.mayEvict, b.mayEvict], [true, true, false]);
  }
  assert.deepEqual(leases.slots, { [SLOT]: 'a' });
  assert.deepEqual([...one.warnings(), ...two.warnings()], []);
});

// A task that nobody hears from believes that its slot is still its own, while another takes it.
test('a holder that cannot renew its slot stops before anybody else can start', async () => {
  const { clock, leases, start } = queueing();
  let isLost = false;
  const connection = { latencyMs: () => 0, watchMs: () => 0, fault: () => (isLost ? ('lost' as const) : undefined) };
  const a = start('a', { connection });
  const b = start('b');
  await clock.advance(0);
  isLost = true;
  await clock.advance(TRUST_MS - 1);
  assert.deepEqual([a.mayEvict, b.mayEvict], [true, false]);
  await clock.advance(1);
  assert.deepEqual([a.mayEvict, b.mayEvict], [false, false]);
  assert.equal(a.reason, 'waits until its slot can be renewed');
  await clock.advance(SLOT_MS - TRUST_MS);
  assert.deepEqual([a.mayEvict, b.mayEvict], [false, true]);
  isLost = false;
  await clock.advance(10_000);
  assert.deepEqual([a.mayEvict, b.mayEvict], [false, true]);
  assert.match(a.warnings().join(), /slot-cluster-0: lost to the drain of b; evictions under way go on/);
  await b.end();
  await clock.advance(2_000);
  assert.equal(a.mayEvict, true, 'the next slot is its own again');
  assert.deepEqual(leases.slots, { [SLOT]: 'a' });
});

// After an outage of the API every drain would start at once: the limit would fail just then.
test('a holder whose slot nobody took during an outage goes on with it, and those that wait go on waiting', async () => {
  const { clock, leases, start } = queueing();
  const a = start('a');
  const b = start('b');
  await clock.advance(5_000);
  leases.refusal = new Failure('no response', { transient: true });
  await clock.advance(300_000);
  assert.deepEqual([a.mayEvict, b.mayEvict], [false, false]);
  leases.refusal = undefined;
  await clock.advance(6_000);
  assert.equal(Number(a.mayEvict) + Number(b.mayEvict), 1);
});

// A feature that is not set up must not stop a drain.
test('without the right to use leases, or without their namespace, the drain goes on without a slot, and says so once', async () => {
  for (const refusal of [new Denied('leases is forbidden'), new Failure('namespaces "node-drainer" not found')]) {
    const { clock, leases, start } = queueing();
    leases.refusal = refusal;
    const a = start('a');
    await clock.advance(60_000);
    assert.equal(a.mayEvict, true);
    assert.equal(a.warnings().length, 1);
    assert.match(a.warnings().join(), /goes on without a slot: .*apply infra\/kubernetes\/slots.yaml/);
    await a.end();
    await a.ended;
  }
});

test('a drain whose end comes near goes without a slot, and leaves its place', async () => {
  const { clock, leases, start } = queueing();
  const a = start('a');
  await clock.advance(0);
  const b = start('b', { goesWithoutAt: clock.now() + 100_000 });
  await clock.advance(99_999);
  assert.equal(b.mayEvict, false);
  await clock.advance(1);
  assert.deepEqual([a.mayEvict, b.mayEvict], [true, true]);
  assert.deepEqual([leases.slots, leases.waiting], [{ [SLOT]: 'a' }, []]);
  assert.match(b.warnings().join(), /goes on without a slot: it needs the time that is left/);
});

// Whoever was killed while it waited would stay in the list for ever.
test('the places of dead drains are removed', async () => {
  const { clock, leases, start } = queueing();
  const a = start('a');
  await clock.advance(0);
  const waiter = start('dead', {
    startedAt: 1,
    connection: { latencyMs: () => 0, watchMs: () => 0, fault: () => undefined },
  });
  await clock.advance(0);
  leases.leases.set('wait-x', {
    ...(leases.leases.get(SLOT) ?? assert.fail()),
    kind: 'waiting',
    name: 'wait-x',
    holder: 'x',
  });
  start('b', { startedAt: 2 });
  await waiter.end();
  await clock.advance(120_000);
  assert.deepEqual(leases.waiting, ['b']);
  assert.equal(a.mayEvict, true);
});

test('a bug ends the drain', async () => {
  const { clock, leases, start } = queueing();
  Object.defineProperty(leases, 'refusal', { value: new TypeError('x is not a function') });
  const a = start('a');
  await assert.rejects(clock.until(a.ended, 10_000), TypeError);
});
