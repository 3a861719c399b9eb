import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ObservedResponders, Response } from '../../../app/drain/observed.ts';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { draining } from '../../support/draining.ts';
import type { Responding } from '../../support/fake-responders.ts';
import { actionsByPod, budget, observed, planned, pod } from '../../support/objects.ts';

const NAME = 'migration.example.com/vm';

/** A pod with a responder, and a drain that asks responders. */
function responding(responders: readonly Responding[] | undefined, { graceSeconds = 30 } = {}) {
  const one = draining();
  const web = pod('web-0', { responders: [NAME], graceSeconds, labels: { app: 'web' } });
  one.cluster.add(web);
  const api = one.cluster.responders;
  if (responders !== undefined) api.byPod.set('web-0', responders);
  return {
    ...one,
    api,
    web,
    calls: () => api.calls.map(({ call }) => call),
    /** When the pod was evicted, in seconds of the drain. */
    evictedAt: (from: number) => one.cluster.evictions.map(({ at }) => Math.round((at - from) / 1_000)),
    reasons: () => one.recorder.of('pod waiting').map(({ waitReason, reason }) => `${waitReason}: ${reason}`),
  };
}

// A virtual machine that could have been moved alive to another node is shut down.
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/4563-eviction-request-api
describe('a pod that names responders', () => {
  test('is ended by its responder, for as long as that reports, and is never evicted', async () => {
    const { api, calls, clock, cluster, start, reasons } = responding([
      { name: NAME, reportsAfterMs: 1_000, endsPodAfterMs: 600_000 },
    ]);
    const { done } = await start({ evictionApi: 'auto' });
    await clock.advance(700_000);
    assert.equal(await done, 'drained');
    assert.deepEqual(cluster.evictions, []);
    assert.deepEqual(calls(), ['read', 'request web-0']);
    assert.ok(reasons().includes(`responder: responder ${NAME} is ending it`), reasons().join());
    assert.equal(api.observers, 0);
  });

  // A responder that is down would keep the pod until the instance ends with it.
  test('is evicted after 20 s when its responder does not act, or nobody gets a turn', async () => {
    for (const responders of [[{ name: NAME }], undefined]) {
      const { clock, evictedAt, start } = responding(responders);
      const { done, startedAt } = await start({ evictionApi: 'auto' });
      await clock.advance(60_000);
      assert.equal(await done, 'drained');
      assert.deepEqual(evictedAt(startedAt), [20]);
    }
  });

  test('is evicted at once when its last responder declines, and the next one gets its own 20 s', async () => {
    const declined = responding([{ name: NAME, completesAfterMs: 2_000 }]);
    const first = await declined.start({ evictionApi: 'auto' });
    await declined.clock.advance(60_000);
    assert.deepEqual(declined.evictedAt(first.startedAt), [2]);
    const two = responding([{ name: NAME, completesAfterMs: 15_000 }, { name: 'second.example.com/vm' }]);
    const second = await two.start({ evictionApi: 'auto' });
    await two.clock.advance(60_000);
    assert.deepEqual(two.evictedAt(second.startedAt), [35]);
  });

  // Heartbeats of a responder that died an hour ago are not work.
  test('is evicted when its responder has reported nothing for 20 minutes', async () => {
    const { clock, evictedAt, start } = responding([{ name: NAME, reportsAfterMs: 1_000 }]);
    const { startedAt } = await start({ evictionApi: 'auto' });
    await clock.advance(1_300_000);
    assert.deepEqual(evictedAt(startedAt), [1_201]);
  });

  // The instance ends: whoever waits for a responder then gets no SIGTERM.
  test('goes without its responder when it has to end in time', async () => {
    const { clock, evictedAt, start } = responding([{ name: NAME, reportsAfterMs: 1_000 }]);
    const startsAt = clock.now() + 1_000;
    const action = { warnAt: startsAt + 600_000, endsAt: startsAt + 90_000 };
    const { startedAt } = await start({ evictionApi: 'auto', action });
    await clock.advance(80_000);
    assert.deepEqual(evictedAt(startedAt), [60]);
  });

  // Somebody who does not want that API, or whose cluster has none, drains as before.
  test('is evicted at once with EVICTION_API=policy, or where the API is not served', async () => {
    const policy = responding([{ name: NAME, reportsAfterMs: 1_000 }]);
    const first = await policy.start({ evictionApi: 'policy' });
    await policy.clock.advance(10_000);
    assert.deepEqual([policy.evictedAt(first.startedAt), policy.calls()], [[0], []]);
    const old = responding([{ name: NAME, reportsAfterMs: 1_000 }]);
    old.api.isServed = false;
    const second = await old.start({ evictionApi: 'auto' });
    await old.clock.advance(10_000);
    assert.deepEqual([old.evictedAt(second.startedAt), old.calls()], [[0], ['read']]);
    assert.deepEqual(old.recorder.of('warning'), []);
  });

  // The rights of an older rbac.yaml: a drain must not fail, nor warn for each of hundreds of pods.
  test('is evicted at once, with one warning, when the API denies or fails', async () => {
    for (const failing of ['read', 'request'] as const) {
      for (const error of [new Denied('no'), new Failure('lost', { transient: true })]) {
        const one = responding([{ name: NAME, reportsAfterMs: 1_000 }]);
        one.cluster.add(pod('web-1', { responders: [NAME] }));
        one.api.fault = (call) => (call === failing ? error : undefined);
        const { done, startedAt } = await one.start({ evictionApi: 'auto' });
        await one.clock.advance(10_000);
        assert.equal(await done, 'drained');
        assert.deepEqual(one.evictedAt(startedAt), [0, 0]);
        assert.equal(one.recorder.of('warning').length, 1);
      }
    }
  });

  // After a hand-over, or a failure, its responder would go on to end a pod that nobody wants to leave.
  test('has its request withdrawn when the drain ends before it', async () => {
    const stopped = responding([{ name: NAME, reportsAfterMs: 1_000 }]);
    const first = await stopped.start({ evictionApi: 'auto' });
    await stopped.clock.advance(30_000);
    stopped.stop.abort(new Stopped('SIGTERM'));
    await assert.rejects(stopped.clock.until(first.done, 10_000), Stopped);
    assert.equal(stopped.calls().at(-1), 'withdraw web-0');
    const failed = responding([{ name: NAME, reportsAfterMs: 1_000 }]);
    failed.cluster.add(pod('other'));
    failed.cluster.fault = (call) => {
      if (call !== 'evict other') return undefined;
      return failed.calls().includes('request web-0') ? new Denied('no') : new Failure('lost', { transient: true });
    };
    const second = await failed.start({ evictionApi: 'auto' });
    await assert.rejects(failed.clock.until(second.done, 10_000), Denied);
    assert.ok(failed.calls().includes('withdraw web-0'), failed.calls().join());
  });

  test('whose request cannot be withdrawn holds up no hand-over, and is a warning', async () => {
    const { api, clock, recorder, start, stop } = responding([{ name: NAME, reportsAfterMs: 1_000 }]);
    const { done } = await start({ evictionApi: 'auto' });
    await clock.advance(30_000);
    api.fault = (call) => (call === 'withdraw' ? new Failure('lost', { transient: true }) : undefined);
    stop.abort(new Stopped('SIGTERM'));
    await assert.rejects(clock.until(done, 10_000), Stopped);
    assert.match(recorder.of('warning').at(-1)?.message ?? '', /could not withdraw/);
  });

  // An Eviction that an earlier task has cancelled says nothing about the new request.
  test('is not evicted because of an earlier request that was cancelled', async () => {
    const one = responding(undefined);
    one.api.show({ uid: 'old', podUid: one.web.uid, isOver: true });
    const { startedAt } = await one.start({ evictionApi: 'auto' });
    await one.clock.advance(60_000);
    assert.deepEqual(one.evictedAt(startedAt), [20]);
  });

  // A budget that allows nothing: the responder that starts late would be of no use any more.
  test('waits for its responder again when that acts after the 20 s, and before the budget allows', async () => {
    const one = responding([{ name: NAME, reportsAfterMs: 25_000, endsPodAfterMs: 90_000 }]);
    one.cluster.budgets.add('web', 1);
    const { done } = await one.start({ evictionApi: 'auto' });
    await one.clock.advance(100_000);
    assert.equal(await done, 'drained');
    assert.ok(one.reasons().includes(`responder: responder ${NAME} is ending it`), one.reasons().join());
    assert.ok(one.cluster.evictions.every(({ reply }) => reply === 'blocked'));
  });
});

// A drain on today's clusters must not cost one request more.
test('pods without responders cost no request', async () => {
  const { cluster, clock, start } = draining();
  cluster.add(pod('web-0'));
  const { done } = await start({ evictionApi: 'auto' });
  await clock.advance(10_000);
  assert.equal(await done, 'drained');
  assert.deepEqual(cluster.responders.calls, []);
});

describe('the plan of a pod with responders', () => {
  const now = 1_000_000;
  const one = pod('web-0', { responders: [NAME], labels: { app: 'web' } });
  const planOf = (
    api: ObservedResponders['api'],
    response?: Response,
    otherwise: Parameters<typeof planned>[2] = {},
    pods = [one],
  ) => {
    const responses = new Map(response === undefined ? [] : [[one.uid, response]]);
    const seen = observed({ pods, budgets: [budget('web', 0)], asOf: { web: now } });
    return actionsByPod(planned({ ...seen, responders: { api, responses } }, now, otherwise))['web-0'];
  };

  // A budget that allows nothing is why the responder has to act.
  test('asks its responders before its budget is looked at, and follows the budget after them', () => {
    assert.equal(planOf('unread'), 'wait unread responders');
    assert.equal(planOf('served'), 'request');
    assert.equal(planOf('served', { state: 'requested', at: now - 19_999 }), 'wait responder');
    assert.equal(planOf('served', { state: 'requested', at: now - 20_000 }), 'wait budget');
    assert.equal(
      planOf('served', { state: 'active', name: NAME, at: now - 60_000, reportedAt: now - 60_000 }),
      'wait responder',
    );
    assert.equal(planOf('served', { state: 'over' }), 'wait budget');
    assert.equal(planOf('off'), 'wait budget');
  });

  test('asks nobody for a pod that has to end now, or of a DaemonSet', () => {
    assert.equal(planOf('served', undefined, { certainEnd: { at: now, marginMs: 0 } }), 'evict');
    assert.equal(planOf('served', undefined, { force: true }), 'delete');
    const agent = { ...one, controller: { kind: 'DaemonSet', name: 'agent' } };
    assert.notEqual(planOf('served', undefined, { daemonSets: 'evict' }, [agent]), 'request');
  });
});
