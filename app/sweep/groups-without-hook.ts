import { hasName, resolveCluster } from '../config/cluster-source.ts';
import type { SweepConfig } from '../config/sweep-config.ts';
import { namedClusters } from '../config/tags.ts';
import type { Context } from '../context.ts';
import { Failure } from '../lib/errors.ts';
import { lookUp } from './look-up.ts';
import type { SweepPorts, SweptGroup } from './ports.ts';

/** Five calls a second leave room in the request quota of Auto Scaling, which all callers of the account share. */
export const HOOK_CHECK_INTERVAL_MS = 200;

/** The log names this many groups. */
const MAX_NAMED_GROUPS = 20;

/**
 * Counts and reports the groups of the cluster without the terminating hook: a new node group, or one whose hook was deleted.
 * Their instances are terminated without an event, and so without anything that could fail.
 *
 * @param known groups whose hooks this sweep has looked up already
 * @returns undefined: nothing says which groups belong to the cluster
 */
export async function countGroupsWithoutHook(
  groups: readonly SweptGroup[],
  known: ReadonlyMap<string, boolean>,
  config: SweepConfig,
  ports: SweepPorts,
  context: Context,
): Promise<number | undefined> {
  const { clock, report, signal } = context;
  if (config.groupPrefix === '' && !hasName(config.cluster)) return undefined;
  const without: string[] = [];
  const unchecked: { readonly name: string; readonly error: Failure }[] = [];
  for (const { name } of groups.filter((group) => belongsToCluster(group, config))) {
    let hasHook = known.get(name);
    if (hasHook === undefined) {
      try {
        hasHook = await lookUp(
          `describe the lifecycle hooks of ${name}`,
          (signal) => ports.hasHook(name, signal),
          context,
        );
      } catch (error) {
        if (signal.aborted || !(error instanceof Failure)) throw error;
        unchecked.push({ name, error });
      }
      await clock.sleep(HOOK_CHECK_INTERVAL_MS, signal);
    }
    if (hasHook === false) without.push(name);
  }
  const [first] = unchecked;
  if (first !== undefined) {
    const message = `could not check whether ${unchecked.length} of the groups have the hook ${config.hook}, such as ${first.name}`;
    report({ type: 'warning', message, error: first.error });
  }
  if (without.length > 0) {
    const groupNames = without.slice(0, MAX_NAMED_GROUPS);
    report({ type: 'groups without hook', hook: config.hook, count: without.length, groupNames });
  }
  return without.length;
}

/**
 * Should this group have the hook? One whose tags name a cluster of this drainer, and of those without such tags each one that
 * the prefix selects: without a prefix, every group of the region would count.
 */
function belongsToCluster({ tags, deleting }: SweptGroup, config: SweepConfig): boolean {
  if (deleting || tags.isHeld === true) return false;
  const isTagged = namedClusters(tags).length > 0;
  if (!isTagged || !hasName(config.cluster)) return config.groupPrefix !== '';
  return resolveCluster(config.cluster, tags).kind !== 'other cluster';
}
