import type { Claim } from './drain/cluster.ts';
import { Denied, Failure } from './failure.ts';
import { tryFor } from './retry.ts';
import type { Surroundings } from './surroundings.ts';

/** A volume that is attached to the node. */
export type Attachment = { readonly name: string; readonly volume: string };

export type Volumes = {
  /** The attachments to the node of the volumes that these claims are bound to. */
  attachedFor(claims: readonly Claim[], signal: AbortSignal): Promise<readonly Attachment[]>;
  isAttached(attachment: Attachment, signal: AbortSignal): Promise<boolean>;
};

const LOOK_EVERY_MS = 1_000;

/**
 * Waits until the volumes of the pods that went are detached from the node, so that the pods which take them over do not
 * wait six minutes for a forced detach. Volumes of pods that stay are not waited for.
 *
 * @param timeoutMs 0: not at all. After this long the drain goes on; what is still attached is reported
 * @throws Denied when the API forbids to look; the reason of the signal
 */
export async function settleVolumes(
  volumes: Volumes,
  claims: readonly Claim[],
  timeoutMs: number,
  context: Surroundings,
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
      return report({ type: 'volumes given up', volumes: attached.map(({ volume }) => volume), afterMs: timeoutMs });
    }
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

async function attachedFor(
  volumes: Volumes,
  claims: readonly Claim[],
  timeoutMs: number,
  context: Surroundings,
): Promise<readonly Attachment[]> {
  const { report, signal } = context;
  const look = () => volumes.attachedFor(claims, signal);
  try {
    return await tryFor(timeoutMs, 'look for attached volumes', look, context);
  } catch (error) {
    if (signal.aborted || isFinal(error)) throw error;
    report({ type: 'warning', message: 'nobody tells which volumes are attached, and none is waited for', error });
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
        // Not knowing is no news: the next look may tell.
        if (signal.aborted || isFinal(error)) throw error;
        return true;
      }),
    ),
  );
  return attached.filter((_, index) => states[index]);
}

/** The node is drained: an API that fails now delays the end of the run, and does not make a failure of it. */
function isFinal(error: unknown): boolean {
  return error instanceof Denied || !(error instanceof Failure);
}
