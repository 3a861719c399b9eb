import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type EventFaults, share, spread } from '../../simulator/aws/eventbridge/event-faults.ts';
import { id, seed, started } from './account.ts';
import { fakeClock } from './fake-clock.ts';
import { ruleStack } from './stacks.ts';

/** Sends a hundred events with these faults, and returns the order in which they start tasks within a minute. */
async function arrivals(t: TestContext, faults: EventFaults) {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now, timers: clock.timers });
  aws.deploy(ruleStack());
  const { end } = aws.eventFaults(faults);
  for (let n = 0; n < 100; n += 1) aws.putEvent({ source: 'test', detail: { n } });
  const waiting = aws.waitingEvents;
  clock.pass(60_000);
  assert.equal(aws.waitingEvents, 0);
  end();
  aws.putEvent({ source: 'test', detail: { n: 100 } });
  return { waiting, order: aws.tasks.map(({ overrides }) => Number(overrides['N'])) };
}

const all = Array.from({ length: 101 }, (_, n) => n);

// A failure from a random fault cannot be reproduced.
test('events are lost and duplicated by a seed, and every run is the same', async (t) => {
  const lossy = await arrivals(t, { lose: share(0.3, 7) });
  assert.ok(lossy.order.length > 55 && lossy.order.length < 85, `${lossy.order.length} of 101 arrived`);
  assert.equal(lossy.order.at(-1), 100, 'when the faults have ended, everything arrives');
  assert.deepEqual(await arrivals(t, { lose: share(0.3, 7) }), lossy);
  assert.notDeepEqual(await arrivals(t, { lose: share(0.3, 8) }), lossy);
  const duplicated = await arrivals(t, { duplicate: (_, n) => n === 3 });
  assert.deepEqual(duplicated.order, [0, 1, 2, 3, 3, ...all.slice(4)]);
  const tripled = await arrivals(t, { duplicate: (_, n) => (n === 0 ? 2 : 0) });
  assert.deepEqual(tripled.order.slice(0, 4), [0, 0, 0, 1]);
});

// A test with a single event cannot show events in the wrong order.
test('delayed events arrive once each, in another order', async (t) => {
  const { waiting, order } = await arrivals(t, { delayMs: spread(1000, 1) });
  assert.equal(waiting, 100);
  assert.notDeepEqual(order, all);
  assert.deepEqual(
    order.toSorted((a, b) => a - b),
    all,
  );
  const copies = await arrivals(t, { duplicate: () => true, delayMs: (_, n, copy) => 10 * copy + n / 100 });
  assert.equal(copies.order.length, 201);
  assert.equal(copies.order[0], 0);
  assert.equal(copies.order[1], 1, 'a duplicate has its own delay');
});

// Listeners of lifecycle events must not depend on the delivery to rules.
test('a lifecycle event that EventBridge loses still reaches listeners', async (t) => {
  const aws = await started(t);
  seed(aws);
  const received: unknown[] = [];
  aws.onEvent((event) => received.push(event));
  aws.deploy(ruleStack().replace('[test]', '[aws.autoscaling]'));
  aws.eventFaults({ lose: () => true });
  assert.equal(aws.terminateInstance(id).length, 1);
  assert.deepEqual([received.length, aws.tasks.length, aws.lifecycleState(id)], [1, 0, 'Terminating:Wait']);
});
