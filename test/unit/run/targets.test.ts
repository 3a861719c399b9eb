import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../../app/config/drain-config.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { pod } from '../../support/objects.ts';
import { INSTANCE, nodeOf, runFixture } from '../../support/run-fixture.ts';

const never = new AbortController().signal;
const ON = { loadBalancerExclusion: 'end', loadBalancerMs: 30_000, targetsMs: 300_000 } as const;
const OWNED = { 'kubernetes.io/cluster/prod': 'owned' };
const lost = () => new Failure('no answer within 10 s', { transient: true });
const denied = () =>
  new Failure('could not describe target groups: AccessDenied', { advice: 'allow elasticloadbalancing:…' });

/** A run whose only pod leaves after 40 s: then the node is excluded from load balancers. */
function draining({ shutdownMs = 40_000, actionMs }: { shutdownMs?: number; actionMs?: number } = {}) {
  const made = runFixture();
  const { clock, cluster, hook, recorder, targetGroups: groups } = made;
  if (actionMs !== undefined) Object.assign(hook, { globalTimeoutSeconds: actionMs / 1_000 });
  cluster.add(pod('web'), { shutdownMs });
  const warnings = () => recorder.of('warning').map(({ message }) => message);
  const drain = async (more: Partial<Config> = {}) => {
    assert.equal(await made.run({ ...ON, ...more }, 2_000_000), 'drained, hook CONTINUE, exit 0');
    return clock.elapsed;
  };
  return { ...made, drain, groups, warnings };
}

// An NLB sends requests to a deregistered target for two minutes and more, and all of them fail once the instance is gone.
// https://github.com/aws/aws-node-termination-handler/issues/316
// https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/2366
test('the hook is completed when no target group has the instance any longer, however long that takes', async () => {
  const { drain, groups, recorder } = draining();
  groups.add('nlb', OWNED, { id: INSTANCE, port: 31_080, drainingAt: 45_000, goneAt: 165_000 });
  groups.add('alb', { 'elbv2.k8s.aws/cluster': 'prod' }, { id: INSTANCE, drainingAt: 44_000, goneAt: 46_000 });
  const endedAt = await drain();
  assert.ok(endedAt >= 165_000 && endedAt < 182_000, `${endedAt} ms`);
  assert.deepEqual(recorder.of('targets registered')[0]?.targetGroups, ['nlb', 'alb']);
  assert.deepEqual(recorder.of('targets deregistered'), [{ type: 'targets deregistered', count: 2 }]);
  const holds = recorder
    .of('pods held')
    .map(({ hold }) => hold)
    .filter(({ cause }) => cause === 'target');
  assert.deepEqual(
    holds.map(({ by }) => by),
    ['target groups'],
  );
  assert.match(holds[0]?.text ?? '', /^1 target group has the node \(nlb\) for \d+ s$/);
});

// Half a minute of every drain, although everybody has let the node go after three seconds.
test('LOAD_BALANCER_SECONDS are not waited out when the node was a target and has been deregistered', async () => {
  const { drain, groups, warnings } = draining();
  groups.add('alb', 'bound', { id: INSTANCE, drainingAt: 42_000, goneAt: 42_500 });
  const endedAt = await drain();
  assert.ok(endedAt >= 42_500 && endedAt < 46_000, `${endedAt} ms`);
  assert.deepEqual(warnings(), []);
});

// A Classic Load Balancer has no target group, and its controller needs seconds, too.
test('a node that was no target stays for LOAD_BALANCER_SECONDS', async () => {
  const { drain, groups, recorder } = draining();
  groups.add('others', OWNED, { id: 'i-0fedcba9876543210' }, { id: '10.0.0.99' });
  groups.add('foreign', { 'kubernetes.io/cluster/staging': 'owned' }, { id: INSTANCE });
  assert.equal(await drain(), 70_000);
  assert.deepEqual(recorder.of('targets registered'), []);
  assert.equal(groups.timesAsked('foreign'), 0, 'the group of another cluster is none of its business');
});

// After the exclusion, a controller is faster than a look: what was deregistered would look like what never was.
test('what the node was registered in is looked up while it is drained, once, and costs no time at the end', async () => {
  const { drain, groups } = draining();
  groups.latencyMs = 5_000;
  groups.add('gone-early', OWNED, { id: INSTANCE, goneAt: 39_000 });
  const endedAt = await drain();
  assert.ok(endedAt < 46_000, `${endedAt} ms`);
  assert.deepEqual(
    groups.asked.map(({ call }) => call),
    ['bound', 'page', 'tags', 'targets', 'still targets'],
  );
  assert.equal(groups.asked[0]?.at, 0);
});

// A drain of a second on a slow day: the look has not finished when the node is empty.
test('a look that has not finished at the end has the time of LOAD_BALANCER_SECONDS', async () => {
  const { drain, groups } = draining({ shutdownMs: 100 });
  groups.latencyMs = 4_000;
  groups.add('nlb', OWNED, { id: INSTANCE, drainingAt: 5_000, goneAt: 120_000 });
  const endedAt = await drain();
  assert.ok(endedAt >= 120_000 && endedAt < 145_000, `${endedAt} ms`);
});

// Nobody deregisters some targets; the instance must not be billed until the end of its action.
test('after TARGETS_SECONDS the hook is completed, and what still has the node is named', async () => {
  const { drain, groups, recorder } = draining();
  groups.add('by-hand', OWNED, { id: INSTANCE });
  assert.equal(await drain({ targetsMs: 100_000 }), 140_000);
  assert.deepEqual(recorder.of('targets still registered'), [
    {
      type: 'targets still registered',
      targetGroups: ['by-hand'],
      reason: 'TARGETS_SECONDS are over',
      waitedMs: 100_000,
    },
  ]);
});

// A hook that is completed after its action has ended gets the default result, ABANDON.
test('the wait ends two seconds before the certain end, also when the API does not answer', async () => {
  for (const latencyMs of [0, 50_000]) {
    const { drain, groups, clock } = draining({ actionMs: 200_000 });
    groups.add('nlb', OWNED, { id: INSTANCE });
    clock.sleep(160_000, never).then(() => {
      groups.latencyMs = latencyMs;
    });
    assert.equal(await drain({ targetsMs: 900_000 }), 198_000);
  }
});

// A stack of an earlier version has a role without these rights: it drains as before.
test('without the right to read target groups, the drain waits for LOAD_BALANCER_SECONDS, with one warning', async () => {
  const { drain, groups, warnings } = draining();
  groups.add('nlb', 'bound', { id: INSTANCE });
  groups.fault = (call) => (call === 'bound' ? undefined : denied());
  assert.equal(await drain(), 70_000);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0] ?? '', /allow elasticloadbalancing:…, or set WAIT_FOR_TARGETS=off/);
});

// A network without a VPC endpoint for elasticloadbalancing: every drain would last five minutes longer.
test('when no call is answered, the drain waits for LOAD_BALANCER_SECONDS, with one warning', async () => {
  for (const shutdownMs of [100, 40_000, 400_000]) {
    const { drain, groups, warnings } = draining({ shutdownMs });
    groups.fault = (call) => (call === 'bound' ? undefined : lost());
    groups.latencyMs = 3_000;
    groups.add('nlb', OWNED, { id: INSTANCE });
    const emptyAt = Math.max(shutdownMs, 1_000);
    assert.equal(await drain({ spreadMs: 0 }), emptyAt + 30_000);
    assert.equal(warnings().length, 1);
  }
});

// An outage at the start of a drain of hours says nothing about its end.
test('a look that failed in an outage is made once more at the end', async () => {
  const { clock, drain, groups, warnings } = draining({ shutdownMs: 400_000 });
  groups.fault = () => (clock.elapsed < 200_000 ? lost() : undefined);
  groups.add('nlb', OWNED, { id: INSTANCE, drainingAt: 405_000, goneAt: 480_000 });
  const endedAt = await drain();
  assert.ok(endedAt >= 480_000 && endedAt < 497_000, `${endedAt} ms`);
  assert.deepEqual(warnings(), []);
});

// Thirty drains at once are throttled. Unanswered does not mean deregistered.
test('a target group that does not answer keeps its targets until it does', async () => {
  const { clock, drain, groups } = draining();
  groups.add('nlb', OWNED, { id: INSTANCE, drainingAt: 45_000, goneAt: 60_000 });
  groups.fault = (call) => (call === 'still targets' && clock.elapsed < 150_000 ? lost() : undefined);
  const endedAt = await drain();
  assert.ok(endedAt >= 150_000 && endedAt < 166_000, `${endedAt} ms`);
});

// One group in another account must not hide the others, nor end the wait for what nobody knows.
test('a group that cannot be read leaves the others to be waited for, and LOAD_BALANCER_SECONDS', async () => {
  const { drain, groups, warnings } = draining();
  groups.add('other-account', 'bound', { id: INSTANCE });
  groups.add('mine', 'bound', { id: INSTANCE, goneAt: 43_000 });
  groups.fault = (_, group) => (group?.includes('other-account') ? denied() : undefined);
  assert.equal(await drain(), 70_000);
  assert.equal(warnings().length, 1);
  assert.ok(groups.timesAsked('mine') > 1);
});

// 30 drains of a node in five groups are 150 calls at once, and the account has 40, refilled by 10 a second: the controller that is to
// deregister the nodes would be throttled. https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html
test('an NLB of two minutes is asked a dozen times, not every second', async () => {
  const { drain, groups } = draining();
  groups.add('nlb', OWNED, { id: INSTANCE, drainingAt: 45_000, goneAt: 165_000 });
  await drain();
  assert.ok(groups.timesAsked('nlb') < 16, `${groups.timesAsked('nlb')} calls`);
});

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html: 20 ARNs a call
test('accounts with many target groups are read page by page, and their tags twenty at a time', async () => {
  const { drain, groups } = draining({ shutdownMs: 100_000 });
  for (let index = 0; index < 450; index++) groups.add(`other-${index}`, {});
  groups.add('last', OWNED, { id: INSTANCE, goneAt: 102_000 });
  const endedAt = await drain();
  assert.ok(endedAt < 106_000, `${endedAt} ms`);
  const calls = groups.asked.map(({ call }) => call);
  assert.equal(calls.filter((call) => call === 'page').length, 2);
  assert.equal(calls.filter((call) => call === 'tags').length, 20 + 3);
});

// ingress-nginx on the host network: its target is the address of the node, on any port.
test('a target by the address of the node counts as the node, on any port and in any spelling', async () => {
  const { drain, facts, groups } = draining();
  facts.nodes = [nodeOf('node-a', INSTANCE, { internalIPs: ['10.0.0.1', '2A05:D018:0::1'] })];
  groups.add('v4', 'bound', { id: '10.0.0.1', port: 8_443, drainingAt: 20_000, goneAt: 80_000 });
  groups.add('v6', 'bound', { id: '2a05:d018::1', port: 80, drainingAt: 20_000, goneAt: 120_000 });
  const endedAt = await drain();
  assert.ok(endedAt >= 120_000 && endedAt < 136_000, `${endedAt} ms`);
});

// The exclusion does not concern pods: a DaemonSet on the host network stays a target until its instance is gone. Waiting changes nothing.
test('an address that nobody deregisters is waited for as long as LOAD_BALANCER_SECONDS, and named', async () => {
  const { drain, groups, recorder } = draining();
  groups.add('ingress', 'bound', { id: '10.0.0.1', port: 443 });
  groups.add('web', 'bound', { id: INSTANCE, drainingAt: 45_000, goneAt: 60_000 });
  const endedAt = await drain();
  assert.ok(endedAt >= 70_000 && endedAt < 86_000, `${endedAt} ms`);
  const [event] = recorder.of('targets still registered');
  assert.deepEqual(event?.targetGroups, ['ingress']);
  assert.match(event.reason, /DRAIN_DAEMONSETS=true/);
});

// With DRAIN_DAEMONSETS these pods leave after the waits: their targets leave after them, not before.
test('with DRAIN_DAEMONSETS the address of the node is waited for after its DaemonSets have left', async () => {
  const { cluster, drain, groups } = draining();
  const ingress = pod('ingress', { controller: { kind: 'DaemonSet', name: 'ingress' } });
  cluster.add(ingress, { shutdownMs: 10_000 });
  groups.add('web', 'bound', { id: INSTANCE, drainingAt: 45_000, goneAt: 46_000 });
  groups.add('ingress', 'bound', { id: '10.0.0.1', port: 443, drainingAt: 75_000, goneAt: 190_000 });
  // TARGETS_SECONDS count from when they have left: 140 s after the exclusion are over at 180 s.
  const endedAt = await drain({ drainDaemonSets: true, targetsMs: 140_000 });
  const evicted = cluster.evictions.find(({ name }) => name === 'ingress')?.at ?? 0;
  assert.ok(evicted >= 46_000 && evicted <= 70_000, `evicted at ${evicted} ms`);
  assert.ok(endedAt >= 190_000 && endedAt < 206_000, `${endedAt} ms`);
});

// A pod that is bound during the wait would be cut off when the hook is completed.
test('a pod that comes to the node ends the wait, and is drained', async () => {
  const { clock, cluster, drain, groups, warnings } = draining();
  groups.add('nlb', OWNED, { id: INSTANCE, drainingAt: 45_000, goneAt: 165_000 });
  groups.add('other-account', 'bound', { id: INSTANCE });
  groups.fault = (_, group) => (group?.includes('other-account') ? denied() : undefined);
  clock.sleep(60_000, never).then(() => cluster.add(pod('late'), { shutdownMs: 5_000 }));
  const endedAt = await drain();
  assert.equal(cluster.evictions.at(-1)?.at, 60_000);
  assert.ok(endedAt >= 165_000 && endedAt < 182_000, `${endedAt} ms`);
  assert.equal(warnings().length, 1, 'the second wait does not repeat it');
});

// A run that is stopped has 15 seconds for its successor.
test('SIGTERM ends the wait at once', async () => {
  const { clock, facts, groups, run, stop } = draining();
  facts.ports = { successors: { start: async () => ({ kind: 'started', task: 'arn:task/2' }) } };
  groups.latencyMs = 8_000;
  groups.add('nlb', OWNED, { id: INSTANCE });
  clock.sleep(100_500, never).then(() => stop.abort(new Stopped('SIGTERM')));
  await run(ON);
  assert.ok(clock.elapsed < 102_000, `${clock.elapsed} ms`);
});

test('nobody is asked for target groups without TARGETS_SECONDS, without the exclusion, or in a dry run', async () => {
  for (const more of [{ targetsMs: undefined }, { loadBalancerExclusion: 'off' }, { dryRun: true }] as const) {
    const { groups, run } = draining();
    const { targetsMs, ...others } = { ...ON, ...more };
    await run({ ...others, ...(targetsMs !== undefined && { targetsMs }) });
    assert.deepEqual(groups.asked, []);
  }
});

// A TypeError that is retried hides in the log of a drain that lasts for hours.
test('a bug in the look ends the run', async () => {
  const { groups, run } = draining();
  groups.fault = () => new TypeError('undefined is not a function');
  assert.equal(await run(ON), 'bug, hook untouched, exit 70');
});
