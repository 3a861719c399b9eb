import type { Hold, HoldCause } from '../events.ts';
import type { Budget } from './budget.ts';
import type { WaitReason } from './decision.ts';
import type { Pod } from './pod.ts';

/** Who would create a pod again. */
export type Owner = { readonly kind: string; readonly namespace: string; readonly name: string };

/** What holds one pod. Its texts are made only when somebody reads them. */
export type Grip = {
  readonly cause: HoldCause;
  readonly by: string;
  readonly owner?: Owner;
  readonly budgets: readonly Budget[];
  readonly reason: WaitReason;
};

/** The pods that one thing holds, and since when, in milliseconds since the epoch. */
export type HoldGroup = { readonly grip: Grip; readonly pods: readonly Pod[]; readonly since: number };

/** A hold as it is reported: by a drain about its pods, or by a wait for something else. */
export type ReportedHold = {
  readonly cause: HoldCause;
  readonly by: string;
  readonly owner?: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly describe: (now: number) => Hold;
};

/** ` for 12 min`; nothing for less than a second. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return '';
  if (seconds < 60) return ` for ${seconds} s`;
  if (seconds < 7_200) return ` for ${Math.floor(seconds / 60)} min`;
  return ` for ${Math.floor(seconds / 3600)} h`;
}
