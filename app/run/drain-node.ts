import type { Config } from '../config/drain-config.ts';
import { type Context, retry, type TimedContext } from '../context.ts';
import { type DrainCluster, NodeGone } from '../drain/cluster.ts';
import { type DrainOptions, type DrainResult, drain } from '../drain/drain.ts';
import type { Gate } from '../drain/gate.ts';
import { NodeWatch } from '../drain/node-watch.ts';
import { nothingToDrain } from '../drain/preview.ts';
import { DrainScope } from '../drain/scope.ts';
import { DrainState } from '../drain/state.ts';
import type { Outcome } from '../outcome.ts';
import type { Timeline } from '../timeline.ts';
import type { NodeRef } from './find-node.ts';
import { LoadBalancerExclusion } from './load-balancers.ts';
import type { Machine } from './machine.ts';
import type { Cluster } from './ports.ts';
import type { HostPods, NodeTargets } from './targets.ts';
import { waitForDetach } from './volumes.ts';

/** A dead kubelet unmounts nothing: its volumes are waited for only in case it returns. */
const DEAD_KUBELET_DETACH_MS = 60_000;

export type NodeConfig = Pick<
  Config,
  | 'policies'
  | 'drainDaemonSets'
  | 'finalizerMs'
  | 'spreadMs'
  | 'surge'
  | 'evictionApi'
  | 'lastResort'
  | 'loadBalancerExclusion'
  | 'loadBalancerMs'
  | 'volumeDetachTimeoutMs'
>;

/**
 * Cordons the node, by its UID, and taints it when the pods of DaemonSets are to leave, too.
 * @returns the node as the API shows it after that
 * @throws NodeGone when it is no longer this node; whatever is not transient; otherwise retries until its signal aborts
 */
export async function cordonNode(
  cluster: Cluster,
  node: NodeRef,
  { loadBalancerExclusion, drainDaemonSets }: NodeConfig,
  context: TimedContext,
): Promise<NodeRef> {
  const { report, signal, stopwatch } = context;
  const exclude = loadBalancerExclusion === 'start';
  const forever = (what: string) => ({ what, withinMs: Number.POSITIVE_INFINITY });
  const cordoned = await stopwatch.time('cordon', async () => {
    const cordon = () => cluster.cordon(node, exclude, signal);
    const taint = () => cluster.taint(node, signal);
    const cordoned = await retry(forever(`cordon ${node.name}`), cordon, context);
    const tainted = drainDaemonSets ? await retry(forever(`taint ${node.name}`), taint, context) : 'not needed';
    if (cordoned === 'replaced' || tainted === 'replaced') {
      throw new NodeGone(`node ${node.name} was deleted or replaced`);
    }
    return cordoned;
  });
  report({ type: 'cordoned', node: node.name, excludedFromLoadBalancers: exclude });
  return cordoned;
}

/**
 * Drains the cordoned node, lets load balancers and volumes let go of it, ends the pods of DaemonSets, and looks once more:
 * whoever has landed on the node meanwhile is drained, too.
 *
 * @param node as it was cordoned
 * @param gates what the evictions wait for
 * @param machine absent: the node is drained by its name, and EC2 is not asked
 * @param targets absent: target groups are not asked
 * @throws as `drain`
 */
export async function drainNode(
  cluster: Cluster,
  node: NodeRef,
  timeline: Timeline,
  config: NodeConfig,
  gates: readonly Gate[],
  machine: Machine | undefined,
  targets: NodeTargets | undefined,
  context: TimedContext,
): Promise<Outcome> {
  const { clock, signal, stopwatch } = context;
  const { drainDaemonSets, loadBalancerExclusion } = config;
  const endsAt = timeline.certainEnd?.at ?? Number.POSITIVE_INFINITY;
  const before = drainDaemonSets ? 'last' : 'skip';
  const pods = cluster.podsOf(node);
  const isExcluded = loadBalancerExclusion === 'start';
  const exclusion = new LoadBalancerExclusion(cluster, node, isExcluded ? clock.now() : undefined);
  const drainPods = (daemonSets: DrainOptions['daemonSets'], before?: DrainResult) =>
    stopwatch.time('drain', () =>
      drain(
        pods,
        {
          timeline,
          onDeadline: config.policies.onDeadline,
          lastResort: config.lastResort,
          finalizerMs: config.finalizerMs,
          spreadMs: config.spreadMs,
          surge: config.surge,
          evictionApi: config.evictionApi,
          daemonSets,
          gates,
          ...(before !== undefined && { before }),
          ...(loadBalancerExclusion === 'end' && {
            onLastResort: (context: Context) => exclusion.apply(endsAt, context),
          }),
        },
        context,
      ),
    );

  const waitUnlessPodsCome = (drained: DrainResult, hostPods: HostPods) =>
    unlessPodsCome(pods, drained, config, context, async (context) => {
      const isOff = !drained.kubeletAlive && (await machine?.markIfOff(context));
      return letGo(
        cluster,
        node,
        exclusion,
        (excludedAt, endsAt, context) => targets?.letGo(excludedAt, endsAt, hostPods, context),
        { ...drained, unmounts: drained.kubeletAlive || isOff === true },
        timeline,
        config,
        context,
      );
    });

  await machine?.markIfOffAtStart(context);
  let result = await drainPods(before);
  for (;;) {
    if (result.kind === 'deadline') return { kind: 'deadline' };
    let waited = await waitUnlessPodsCome(result, drainDaemonSets ? 'leave later' : 'stay');
    if (drainDaemonSets && waited !== 'pods came') {
      result = await drainPods('evict', result);
      if (result.kind === 'deadline') return { kind: 'deadline' };
      // Pods of DaemonSets that had to be ended in time have cut the waits short; they, and pods that came late, have volumes, too.
      waited = await waitUnlessPodsCome(result, 'have left');
    }
    if (waited === 'pods came') {
      result = await drainPods(before, result);
      continue;
    }
    // The drain ended with a consistent read; when nothing was waited for since then, that was the last look.
    if (!waited && !drainDaemonSets) return { kind: 'drained' };
    const { returns, skipped } = result;
    const options = { what: 'confirm that the node is still empty', withinMs: Number.POSITIVE_INFINITY };
    const present = await retry(options, () => pods.readPods(signal), context);
    const others = present.filter(({ uid }) => !skipped.has(uid));
    if (nothingToDrain(others, { drainDaemonSets }, clock.now(), returns)) return { kind: 'drained' };
    result = await drainPods(before, result);
  }
}

class PodsCame extends Error {}

/** A hook that is completed at the very end of its action may be too late: its default result applies. */
const COMPLETION_MARGIN_MS = 2_000;

/** Shorter waits end with the last look, which sees more than a watch. */
const WATCHED_AFTER_MS = 1_000;

/**
 * Does the work, unless a pod comes to the node that has to leave: it would get no SIGTERM if the waits lasted until the
 * instance ends.
 * @throws whatever the work rejects with
 */
async function unlessPodsCome<T>(
  pods: DrainCluster,
  drained: DrainResult,
  config: NodeConfig,
  context: TimedContext,
  work: (context: TimedContext) => Promise<T>,
): Promise<T | 'pods came'> {
  const { clock, stopwatch } = context;
  const scope = new DrainScope(context);
  const { report, signal } = scope;
  const state = new DrainState(() => undefined, drained);
  const look = () => {
    const now = clock.now();
    const others = state.observed(now).pods.filter(({ uid }) => !drained.skipped.has(uid));
    if (!nothingToDrain(others, config, now, drained.returns)) scope.fail(new PodsCame());
  };
  try {
    const watch = async () => {
      await clock.sleep(WATCHED_AFTER_MS, signal);
      // The node stays cordoned meanwhile, and one that was deleted and registered again has lost its label, too.
      new NodeWatch(pods, scope);
      await pods.observePods(state.podSink(clock.now, look), signal);
    };
    scope.spawn(watch());
    return await work({ clock, report, signal, stopwatch });
  } catch (error) {
    if (error instanceof PodsCame) return 'pods came';
    throw error;
  } finally {
    await scope.end();
  }
}

/** `unmounts`: its volumes will be detached, by its kubelet, or because its machine is off. */
type LetGoResult = DrainResult & { readonly unmounts: boolean };

/** As `NodeTargets.letGo`; undefined: target groups are not asked. */
type TargetsLetGo = (excludedAt: number, endsAt: number, context: Context) => Promise<boolean> | undefined;

/**
 * Lets go of the node: load balancers stop sending to it, and its volumes are detached, side by side.
 * @returns whether that took any time
 */
async function letGo(
  cluster: Cluster,
  node: NodeRef,
  exclusion: LoadBalancerExclusion,
  targetsLetGo: TargetsLetGo,
  result: LetGoResult,
  { certainEnd }: Timeline,
  { loadBalancerExclusion, loadBalancerMs, volumeDetachTimeoutMs }: NodeConfig,
  context: TimedContext,
): Promise<boolean> {
  const { clock, stopwatch } = context;
  const endsAt = Math.min(
    (certainEnd?.at ?? Number.POSITIVE_INFINITY) - COMPLETION_MARGIN_MS,
    result.daemonSetsDueAt ?? Number.POSITIVE_INFINITY,
  );
  const detachMs = result.unmounts ? volumeDetachTimeoutMs : Math.min(volumeDetachTimeoutMs, DEAD_KUBELET_DETACH_MS);
  const startedAt = clock.now();
  const [, waited] = await Promise.all([
    stopwatch.time('loadBalancers', async () => {
      if (loadBalancerExclusion === 'off') return;
      await exclusion.apply(endsAt, context);
      if (await targetsLetGo(exclusion.excludedAt ?? clock.now(), endsAt, context)) return;
      await exclusion.wait(loadBalancerMs, endsAt, context);
    }),
    stopwatch.time('volumes', () =>
      waitForDetach(cluster.volumesOf(node), result, Math.min(detachMs, endsAt - startedAt), context),
    ),
  ]);
  return waited || loadBalancerExclusion !== 'off';
}
