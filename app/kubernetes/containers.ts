import * as v from 'valibot';
import type { Pod } from '../drain/pod.ts';
import { printable } from '../lib/errors.ts';

const ContainerState = v.object({
  terminated: v.optional(v.unknown()),
  waiting: v.optional(v.nullable(v.object({ reason: v.optional(v.string()) }))),
});

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states */
export const ContainerStatuses = v.optional(v.nullable(v.array(v.object({ state: v.optional(ContainerState) }))));
type Containers = v.InferOutput<typeof ContainerStatuses>;

type Statuses = {
  readonly containerStatuses?: Containers;
  readonly initContainerStatuses?: Containers;
  readonly ephemeralContainerStatuses?: Containers;
};

/** Native sidecars are init containers. A pod whose kubelet has reported no container yet may be starting them. */
export function isRunning(status: Statuses | undefined): boolean {
  const containers = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  return containers.length === 0 || containers.some(({ state }) => state?.terminated === undefined);
}

/** A container that starts for the first time waits, too. */
const STARTING: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

/** Why a container does not run, in the words of its kubelet. */
export function failingOf(status: Statuses | undefined): Pick<Pod, 'failing'> {
  const reason = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
    .map(({ state }) => state?.waiting?.reason)
    .find((reason) => reason !== undefined && !STARTING.has(reason));
  return reason === undefined ? {} : { failing: printable(reason, 50) };
}
