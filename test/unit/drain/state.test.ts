import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EvictionReply } from '../../../app/drain/cluster.ts';
import { DrainState } from '../../../app/drain/state.ts';
import { budget, pod, podsOf } from '../../support/objects.ts';

const now = 1_000_000;
const ignore = () => undefined;

function boardWith(...pods: ReturnType<typeof pod>[]) {
  const gone: string[] = [];
  const board = new DrainState(({ name }, proof) => gone.push(`${name}: ${proof}`));
  board.podSink(() => now, ignore).replace(pods);
  const names = () => board.observed(now).pods.map(({ name }) => name);
  return { board, gone, names };
}

// Everything that the API has not shown to be gone may still be running on the node.
test('a pod is gone when it is deleted, no longer listed, not found, or replaced, and each time only once', () => {
  const [a, b, c, d] = [pod('a'), pod('b'), pod('c'), pod('d')];
  const { board, gone, names } = boardWith(a, b, c, d);
  const sink = board.podSink(() => now, ignore);
  sink.remove(a);
  sink.remove(a);
  board.replied(b, 'evict', { kind: 'gone' }, now, now);
  board.replied(c, 'evict', { kind: 'replaced' }, now, now);
  sink.remove(c);
  sink.replace([]);
  assert.deepEqual(gone, [
    'a: deleted',
    'b: not found',
    'c: its name belongs to another pod now',
    'd: no longer listed',
  ]);
  assert.deepEqual(names(), []);
});

// A StatefulSet brings its pod back under the same name: the news of the one must not be taken for news of the other.
test('a pod of the same name with another UID is another pod', () => {
  const first = pod('db-0');
  const second = pod('db-0', { uid: 'second' });
  const { board, gone } = boardWith(first);
  const sink = board.podSink(() => now, ignore);
  sink.set(second);
  sink.remove(first);
  assert.deepEqual(gone, ['db-0: deleted']);
  assert.deepEqual(
    board.observed(now).pods.map(({ uid }) => uid),
    ['second'],
  );
});

// Taking "accepted" for "gone" completes the hook while the pod is still in its grace period.
test('no other answer takes a pod off the board', () => {
  const replies: EvictionReply[] = [
    { kind: 'accepted' },
    { kind: 'blocked' },
    { kind: 'throttled', retryAfterMs: 1 },
    { kind: 'refused', message: 'no' },
  ];
  for (const reply of replies) {
    const { board, gone, names } = boardWith(pod('web-0'));
    board.requested(pod('web-0'), now);
    board.replied(pod('web-0'), 'evict', reply, now, now);
    assert.deepEqual([names(), gone], [['web-0'], []], reply.kind);
  }
});

test('what the API answered is kept until the next request', () => {
  const web = pod('web-0');
  const { board } = boardWith(web);
  const attempt = () => board.observed(now).attempts.get(web.uid);
  board.requested(web, now);
  assert.deepEqual(attempt(), { state: 'requested', at: now });
  board.replied(web, 'evict', { kind: 'accepted' }, now, now + 7);
  assert.deepEqual(attempt(), { state: 'accepted', at: now + 7 });
  board.replied(web, 'evict', { kind: 'blocked', budget: 'web' }, now, now + 7);
  assert.deepEqual(attempt(), { state: 'blocked', at: now, budget: 'web' });
  board.replied(web, 'evict', { kind: 'throttled', retryAfterMs: 900 }, now, now + 7);
  assert.deepEqual(attempt(), {
    state: 'refused',
    at: now,
    retryAt: now + 907,
    message: 'the API server asked to slow down',
    cause: 'unanswered',
  });
  board.replied(web, 'evict', { kind: 'refused', message: 'two budgets' }, now, now + 7);
  const refused = { state: 'refused', at: now, message: 'two budgets', cause: 'eviction refused' };
  assert.deepEqual(attempt(), { ...refused, retryAt: now + 10_007 });
});

// A disruption that our own eviction took, and that the status does not show, must be counted until it does.
test('an eviction is taken off its budgets when it is sent, and given back when it took nothing', () => {
  const [first, second, free] = [...podsOf('web', 2), pod('free')];
  assert.ok(first && second && free);
  const { board } = boardWith(first, second, free);
  const sink = board.budgetSink({ namespace: 'shop' }, () => now, ignore);
  const uncounted = () => [...board.observed(now).uncounted.values()];
  sink.replace([budget('web', 2), budget('db', 1)]);
  for (const pod of [first, second, free]) board.requested(pod, now);
  assert.deepEqual(uncounted(), [2]);
  board.replied(first, 'evict', { kind: 'blocked' }, now, now);
  assert.deepEqual(uncounted(), [1]);
  board.unanswered(second, 'connection reset', now + 1, now);
  assert.deepEqual(uncounted(), []);
});

// A budget that was deleted holds nobody up any more; one whose namespace was never read is not the same as none.
test('budgets are known by namespace, with the time of the last word on each', () => {
  const { board } = boardWith();
  let time = now;
  let changes = 0;
  const sink = board.budgetSink(
    { namespace: 'shop' },
    () => time,
    () => changes++,
  );
  const known = () =>
    board
      .observed(now)
      .budgets.get('shop')
      ?.map(({ name, allowed }) => `${name} ${allowed}`);
  assert.equal(known(), undefined);
  sink.replace([]);
  assert.deepEqual(known(), []);
  sink.set(budget('web', 1));
  time += 5;
  sink.set(budget('web', 2));
  assert.deepEqual(known(), ['web 2']);
  assert.deepEqual([...board.observed(now).budgetSeenAt.values()], [now + 5]);
  sink.remove(budget('web', 2));
  assert.deepEqual(known(), []);
  assert.equal(changes, 4);
});

// An empty board before the first list once looked like an empty node.
test('a board that has seen no list says so', () => {
  const board = new DrainState(ignore);
  assert.equal(board.isListed, false);
  board.podSink(() => now, ignore).set(pod('early'));
  assert.equal(board.isListed, false);
  board.podSink(() => now, ignore).replace([]);
  assert.equal(board.isListed, true);
});

// An observation that changes under the plan's hands makes verdicts about pods that are gone.
test('an observation does not change when the board does', () => {
  const { board } = boardWith(pod('a'), pod('b'));
  const before = board.observed(now);
  board.podSink(() => now, ignore).remove(pod('a'));
  assert.deepEqual(
    before.pods.map(({ name }) => name),
    ['a', 'b'],
  );
});

// A pod's grace counts from when we first saw it end: a relist every few minutes must not start it anew.
test('since when a pod is ending is kept until it is gone, by our own clock', () => {
  let time = now;
  const board = new DrainState(ignore);
  const sink = board.podSink(() => time, ignore);
  const ending = pod('a', { deletion: { deadline: now - 9_999_999, graceSeconds: 30 } });
  const since = () => [...board.observed(time).terminatingSince];
  sink.replace([pod('a'), pod('b')]);
  assert.deepEqual(since(), []);
  time += 5;
  sink.set(ending);
  time += 5;
  sink.set(ending);
  sink.replace([ending]);
  assert.deepEqual(since(), [[ending.uid, now + 5]]);
  sink.remove(ending);
  assert.deepEqual(since(), []);
});

// A successor that evicted nothing has no memory of the pods that went: what it can know is who stays.
// https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/controllers/node/termination/controller.go (filterVolumeAttachments)
test('the claims are those of the pods that are on the node now, and no others', () => {
  const [first, second] = [pod('db-0', { claims: ['shared', 'data'] }), pod('db-1', { claims: ['own'] })];
  const { board } = boardWith(first, second, pod('agent', { claims: ['agent'] }));
  board.podSink(() => now, ignore).remove(first);
  board.replied(second, 'evict', { kind: 'gone' }, now, now);
  assert.deepEqual(board.claims, [{ namespace: 'shop', name: 'agent' }]);
});

// A volume that a pod of a DaemonSet holds as well is not detached: it would be waited for in vain.
test('a claim that a pod on the node still uses stays; that of a finished pod does not', () => {
  const drained = pod('web', { claims: ['shared', 'own'] });
  const finished = pod('done', { phase: 'Succeeded', claims: ['own'] });
  const { board } = boardWith(drained, finished, pod('agent', { claims: ['shared'] }));
  board.podSink(() => now, ignore).remove(drained);
  assert.deepEqual(
    board.claims.map(({ name }) => name),
    ['shared'],
  );
});
