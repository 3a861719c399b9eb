import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GateReason } from '../../../app/drain/decision.ts';
import { type Gate, opensAfter } from '../../../app/drain/gate.ts';
import { draining } from '../../support/draining.ts';
import { pod } from '../../support/objects.ts';

/** A gate that the test opens and closes. */
function manual(reason: GateReason) {
  const watchers = new Set<() => void>();
  const gate: Gate & { watched: boolean; set(isOpen: boolean): void } = {
    reason,
    watched: false,
    async watch(changed) {
      this.watched = true;
      watchers.add(changed);
    },
    set(isOpen) {
      Object.assign(this, { reason: isOpen ? undefined : reason });
      for (const changed of watchers) changed();
    },
  };
  return gate;
}

const endless = { shutdownMs: Number.POSITIVE_INFINITY };

// Room that is looked for before the drain has its slot is taken by others until then.
test('gates open one behind the other, and nothing is evicted before the last is open', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('web'));
  const slot = manual({ kind: 'slot', text: 'waits for a slot' });
  const room = manual({ kind: 'room' });
  const { done } = await start({ gates: [slot, room] });
  await clock.advance(60_000);
  assert.deepEqual([slot.watched, room.watched], [true, false]);
  slot.set(true);
  await clock.advance(60_000);
  assert.deepEqual([room.watched, cluster.evictions], [true, []]);
  room.set(true);
  assert.equal(await clock.until(done, 60_000), 'drained');
});

// A drain that has lost its slot would be one too many.
test('a gate that closes again holds back the evictions that have not been sent', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('web'), endless);
  const slot = manual({ kind: 'slot', text: 'waits for a slot' });
  await start({ gates: [slot] });
  const names = () => cluster.evictions.map(({ name }) => name);
  slot.set(true);
  await clock.advance(1_000);
  slot.set(false);
  cluster.add(pod('late'), endless);
  await clock.advance(600_000);
  assert.deepEqual(names(), ['web']);
  slot.set(true);
  await clock.advance(1_000);
  assert.deepEqual(names(), ['web', 'late']);
});

// Whoever waits for a slot until the instance ends had no chance to shut down.
test('a closed gate holds back no pod whose end has come', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('web', { graceSeconds: 30 }), endless);
  const at = clock.now() + 1_000 + 600_000;
  const { startedAt } = await start({
    action: { endsAt: at, warnAt: at },
    gates: [manual({ kind: 'slot', text: 'waits for a slot' })],
  });
  await clock.advance(600_000);
  assert.deepEqual(
    cluster.evictions.map(({ at }) => at - startedAt),
    [570_000],
  );
});

// A second drain of the same node, for a pod that came late, would wait ten minutes again.
test('the wait of a gate is not repeated, even when a drain has ended before it', async () => {
  const { clock, cluster, start } = draining();
  const asked: number[] = [];
  const gate = opensAfter({ kind: 'capacity' }, ({ clock, signal }) => {
    asked.push(clock.now());
    return clock.sleep(600_000, signal);
  });
  assert.equal(await clock.until((await start({ gates: [gate] })).done, 60_000), 'drained');
  cluster.add(pod('late'));
  assert.equal(await clock.until((await start({ gates: [gate] })).done, 60_000), 'drained');
  assert.equal(asked.length, 1);
});
