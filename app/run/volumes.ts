import { type Context, retry } from '../context.ts';
import type { Claim } from '../drain/cluster.ts';
import { HoldReports, holdOfNode } from '../drain/hold-reports.ts';
import { Denied, isBug } from '../lib/errors.ts';

/** A volume that is attached to the node: by a VolumeAttachment, or in-tree, where only the node's status names it. */
export type Attachment =
  | { readonly kind: 'attachment'; readonly name: string; readonly volume: string }
  | { readonly kind: 'in-tree'; readonly volume: string };

export type Volumes = {
  /**
   * What is attached to the node now, apart from the volumes of these claims.
   * @param volumesInUse `status.volumesInUse` of the node
   */
  attached(
    except: readonly Claim[],
    volumesInUse: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly Attachment[]>;
  isAttached(attachment: Attachment, signal: AbortSignal): Promise<boolean>;
};

/** What is known of the node at the end of its drain. */
type OnNode = {
  /** The claims of pods that stay: their volumes are not waited for. */
  readonly stayingClaims: readonly Claim[];
  readonly volumesInUse: readonly string[];
};

const CHECK_INTERVAL_MS = 1_000;

/**
 * Waits until the volumes of the node are detached: otherwise the pods that take them over wait six minutes for a forced
 * detach. It goes by what the API says, not by what this task has seen, so that a successor waits like the first task.
 *
 * @param timeoutMs 0: does not wait. After this long the run continues, and reports what is still attached
 * @returns whether anything was attached
 * @throws Denied when the API forbids the read; the reason of the signal
 */
export async function waitForDetach(
  volumes: Volumes,
  { stayingClaims, volumesInUse }: OnNode,
  timeoutMs: number,
  context: Context,
): Promise<boolean> {
  const { clock, report, signal } = context;
  if (timeoutMs <= 0) return false;
  const until = clock.now() + timeoutMs;
  const attached = (signal: AbortSignal) => volumes.attached(stayingClaims, volumesInUse, signal);
  const all = await list(attached, timeoutMs, context);
  if (all.length === 0) return false;
  report({ type: 'volumes attached', volumes: all.map(({ volume }) => volume) });
  const startedAt = clock.now();
  const holds = new HoldReports(report);
  try {
    for (let attached = all; ; ) {
      attached = await stillAttached(volumes, attached, signal);
      if (attached.length === 0) {
        holds.end(clock.now());
        report({ type: 'volumes detached', count: all.length });
        return true;
      }
      if (clock.now() >= until) {
        const left = attached.map(({ volume }) => volume);
        report({ type: 'volumes still attached', volumes: left, waitedMs: timeoutMs });
        return true;
      }
      holds.update(
        holdOfNode('volume', 'attached volumes', stillText(attached), DETACH_REMEDY, startedAt),
        clock.now(),
      );
      await clock.sleep(Math.min(CHECK_INTERVAL_MS, until - clock.now()), signal);
    }
  } finally {
    holds.end(clock.now());
  }
}

const DETACH_REMEDY = 'see what still uses them: kubectl get volumeattachments; kubectl describe node';

function stillText(attached: readonly Attachment[]): string {
  const [first] = attached;
  return `${attached.length} volume${attached.length === 1 ? ' is' : 's are'} still attached (${first?.volume ?? ''}${attached.length > 1 ? ', …' : ''})`;
}

async function list(
  attached: (signal: AbortSignal) => Promise<readonly Attachment[]>,
  timeoutMs: number,
  context: Context,
): Promise<readonly Attachment[]> {
  const { report, signal } = context;
  const options = { what: 'list volume attachments', withinMs: timeoutMs };
  try {
    return await retry(options, () => attached(signal), context);
  } catch (error) {
    if (signal.aborted || endsRun(error)) throw error;
    report({ type: 'warning', message: 'could not list volume attachments; not waiting for detach', error });
    return [];
  }
}

async function stillAttached(
  volumes: Volumes,
  attached: readonly Attachment[],
  signal: AbortSignal,
): Promise<Attachment[]> {
  const states = await Promise.all(
    attached.map((attachment) =>
      volumes.isAttached(attachment, signal).catch((error: unknown) => {
        // Unknown counts as attached: the next check may tell.
        if (signal.aborted || endsRun(error)) throw error;
        return true;
      }),
    ),
  );
  return attached.filter((_, index) => states[index]);
}

/** The node is drained: an API that fails now delays the end of the run, and does not make a failure of it. */
function endsRun(error: unknown): boolean {
  return error instanceof Denied || isBug(error);
}
