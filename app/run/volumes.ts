import type { Context } from '../context.ts';
import { retry } from '../context.ts';
import type { Claim } from '../drain/cluster.ts';
import { Denied, isBug } from '../lib/errors.ts';

/** A volume that is attached to the node. */
export type Attachment = { readonly name: string; readonly volume: string };

export type Volumes = {
  /** The attachments to the node of the volumes that these claims are bound to. */
  attachedFor(claims: readonly Claim[], signal: AbortSignal): Promise<readonly Attachment[]>;
  isAttached(attachment: Attachment, signal: AbortSignal): Promise<boolean>;
};

const CHECK_INTERVAL_MS = 1_000;

/**
 * Waits until the volumes of the pods that left are detached from the node: otherwise the pods that take them over wait six
 * minutes for a forced detach. Does not wait for volumes of pods that stay.
 *
 * @param timeoutMs 0: does not wait. After this long the run continues, and reports what is still attached
 * @throws Denied when the API forbids the read; the reason of the signal
 */
export async function waitForDetach(
  volumes: Volumes,
  claims: readonly Claim[],
  timeoutMs: number,
  context: Context,
): Promise<void> {
  const { clock, report, signal } = context;
  if (timeoutMs === 0 || claims.length === 0) return;
  const until = clock.now() + timeoutMs;
  const all = await attachedFor(volumes, claims, timeoutMs, context);
  if (all.length === 0) return;
  report({ type: 'volumes attached', volumes: all.map(({ volume }) => volume) });
  for (let attached = all; ; ) {
    attached = await stillAttached(volumes, attached, signal);
    if (attached.length === 0) return report({ type: 'volumes detached', count: all.length });
    if (clock.now() >= until) {
      const left = attached.map(({ volume }) => volume);
      return report({ type: 'volumes still attached', volumes: left, waitedMs: timeoutMs });
    }
    await clock.sleep(CHECK_INTERVAL_MS, signal);
  }
}

async function attachedFor(
  volumes: Volumes,
  claims: readonly Claim[],
  timeoutMs: number,
  context: Context,
): Promise<readonly Attachment[]> {
  const { report, signal } = context;
  const options = { what: 'list volume attachments', withinMs: timeoutMs };
  try {
    return await retry(options, () => volumes.attachedFor(claims, signal), context);
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
