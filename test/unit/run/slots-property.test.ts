import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { withSlot } from '../../../app/run/slot-gate.ts';
import { ManualClock } from '../../support/clock.ts';
import { FakeLeases } from '../../support/fake-leases.ts';
import { Seeded } from '../../support/seeded.ts';

const SEEDS = Number(process.env['SLOT_SEEDS'] ?? 8);
const MINUTE = 60_000;
const never = new AbortController().signal;

type Task = { readonly node: string; readonly mayEvict: () => boolean };

/**
 * Many drains of one queue for an hour, with slow calls, late watches, lost requests and answers, outages of one task or of all of
 * them, tasks that are killed, stopped or doubled, and their successors.
 */
async function story(seed: number) {
  const random = new Seeded(seed);
  const clock = new ManualClock();
  const leases = new FakeLeases(clock);
  const limit = random.pick(1, 2, 3, 5);
  const queue = { name: 'cluster', of: 'the cluster', limit };
  const nodes = Array.from({ length: random.pick(5, 12, 20) }, (_, index) => `node-${index}`);
  const running = new Set<Task>();
  const drained = new Map<string, number>();
  const worst = { together: 0 };

  const look = () => {
    const evicting = [...running].filter(({ mayEvict }) => mayEvict()).map(({ node }) => node);
    worst.together = Math.max(worst.together, new Set(evicting).size);
  };

  /** One task: holds a slot for as long as its drain needs, or until it is killed or stopped. */
  const start = async (node: string, startedAt: number, needsMs: number): Promise<void> => {
    const stop = new AbortController();
    let isDead = false;
    let outageUntil = 0;
    const connection = {
      latencyMs: () => (random.chance(0.05) ? random.whole(4_000) : random.whole(300)),
      watchMs: () => (random.chance(0.05) ? random.whole(20_000) : random.whole(500)),
      fault: () => {
        if (isDead || clock.now() < outageUntil) return 'lost';
        if (random.chance(0.04)) outageUntil = clock.now() + random.whole(2 * MINUTE);
        return random.chance(0.03) ? random.pick('lost' as const, 'unanswered' as const) : undefined;
      },
    };
    const options = { queue, node, startedAt, goesWithoutAt: Number.POSITIVE_INFINITY, hasSuccessor: true };
    const context = { clock, report: () => undefined, signal: stop.signal };
    await withSlot(options, leases.directory(connection), context, async (gate, { signal }) => {
      // Of two tasks of one node, the slower one finds nothing left to evict.
      const task = { node, mayEvict: () => !isDead && !drained.has(node) && gate.reason === undefined };
      running.add(task);
      try {
        await gate.watch(look, { ...context, signal });
        for (let left = needsMs; left > 0 && !drained.has(node); ) {
          const step = random.whole(3_000) + 1;
          await clock.sleep(step, signal);
          look();
          // A task that was killed runs no line of code any more.
          if (isDead) await clock.sleep(Number.POSITIVE_INFINITY, signal);
          if (task.mayEvict()) left -= step;
          const fate = random.whole(4_000);
          if (fate < 4) isDead = true;
          if (fate === 4) stop.abort(new Stopped('SIGTERM'));
          if (fate === 5) stop.abort(new Failure('failed'));
          if (isDead || stop.signal.aborted) {
            // Its successor, or the task that a sweep starts.
            void clock
              .sleep(random.whole(3 * MINUTE), never)
              .then(() => start(node, startedAt, left).catch(() => undefined));
          }
          // A second task for the same node.
          if (fate === 6) void start(node, startedAt, left).catch(() => undefined);
        }
        drained.set(node, clock.elapsed);
      } finally {
        running.delete(task);
      }
    });
  };

  for (const node of nodes) {
    const startedAt = clock.now() + random.whole(5 * MINUTE);
    void clock
      .sleep(startedAt - clock.now() + random.whole(MINUTE), never)
      .then(() => start(node, startedAt, 1_000 + random.whole(4 * MINUTE)).catch(() => undefined));
  }
  for (let minute = 0; minute < 480 && drained.size < nodes.length; minute++) await clock.advance(MINUTE);
  return { limit, nodes, drained, worst, leases };
}

// Two drains that believe to hold the same slot are one more than the limit, and who set it finds out when a quorum is lost.
test('under any schedule of crashes, delays and conflicts no more drains evict together than there are slots, and each has its turn', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { limit, nodes, drained, worst } = await story(seed);
    assert.ok(worst.together <= limit, `seed ${seed}: ${worst.together} drains at once, ${limit} slots`);
    assert.equal(drained.size, nodes.length, `seed ${seed}: ${drained.size} of ${nodes.length} had their turn`);
  }
});
