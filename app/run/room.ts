import type { Context } from '../context.ts';
import { meets, type Requirement } from '../drain/budget.ts';
import { Failure } from '../lib/errors.ts';

/** Amounts by the name of the resource: cores, bytes, numbers. */
export type Resources = Readonly<Record<string, number>>;

/** All requirements of a term have to hold. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/ */
export type NodeTerm = { readonly labels: readonly Requirement[]; readonly fields: readonly Requirement[] };

export type Taint = { readonly key: string; readonly value: string; readonly effect: string };
export type Toleration = {
  readonly key: string;
  readonly operator: string;
  readonly value: string;
  readonly effect: string;
};

/** What a pod needs of a node. */
export type PodNeeds = {
  /** `namespace/name` */
  readonly pod: string;
  readonly requests: Resources;
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** One of them has to hold; undefined: the pod has no required node affinity. */
  readonly nodeTerms: readonly NodeTerm[] | undefined;
  readonly tolerations: readonly Toleration[];
};

/** A ready, schedulable node, and what its pods leave of it. */
export type NodeRoom = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly free: Resources;
};

export type Room = {
  /** The pods of the drained node that have to run on other nodes. */
  readonly leaving: readonly PodNeeds[];
  /** The pods of the cluster that no node runs yet. */
  readonly pending: readonly PodNeeds[];
  /** The other nodes. */
  readonly nodes: readonly NodeRoom[];
};

/** A pod that fits on none of the nodes. */
export type Misfit = { readonly pod: string; readonly why: string };

const CHECK_INTERVAL_MS = 10_000;

/**
 * Waits until the pods that leave the node would fit on other nodes.
 * @param timeoutMs after this long the drain starts anyway, which is reported
 * @throws a bug; the reason of the signal
 */
export async function waitForRoom(
  readRoom: (signal: AbortSignal) => Promise<Room>,
  timeoutMs: number,
  { clock, report, signal }: Context,
): Promise<void> {
  const until = clock.now() + timeoutMs;
  const startAnyway = (reason: string, error?: unknown) =>
    report({ type: 'warning', message: `${reason}; the drain starts anyway`, ...(error !== undefined && { error }) });
  let reported: string | undefined;
  for (;;) {
    const misfits = await readRoom(signal).then(misfitsOf, (error: unknown) => {
      if (signal.aborted || !(error instanceof Failure)) throw error;
      return error;
    });
    const leftMs = until - clock.now();
    if (misfits instanceof Failure) {
      // Without the right to list, time changes nothing.
      if (!misfits.transient || leftMs <= 0)
        return startAnyway('it is unknown whether the pods fit elsewhere', misfits);
      const operation = 'read how much room the other nodes have';
      report({ type: 'retrying', operation, error: misfits, retryInMs: CHECK_INTERVAL_MS });
    } else {
      if (misfits.length === 0) return;
      const reason = misfitsText(misfits);
      if (reported !== reason) report({ type: 'waiting for room', notFitting: misfits.length, reason });
      reported = reason;
      if (leftMs <= 0) return startAnyway(reason);
    }
    await clock.sleep(Math.min(CHECK_INTERVAL_MS, leftMs), signal);
  }
}

/** More pods than that are counted. */
const MAX_NAMED = 5;

function misfitsText(misfits: readonly Misfit[]): string {
  const named = misfits.slice(0, MAX_NAMED).map(({ pod, why }) => `${pod} (${why})`);
  const more = misfits.length > MAX_NAMED ? ` and ${misfits.length - MAX_NAMED} more` : '';
  return `${misfits.length === 1 ? '1 pod does' : `${misfits.length} pods do`} not fit on other nodes: ${named.join(', ')}${more}`;
}

/**
 * The leaving pods that fit on no other node. A rough first fit: the largest pod first, each on the first node that takes it. The
 * scheduler also knows affinities between pods, spread constraints, volumes and preemption, and may place pods better.
 */
export function misfitsOf({ leaving, pending, nodes }: Room): Misfit[] {
  const free = nodes.map((node) => ({ ...node, free: { ...node.free } }));
  const place = (needs: PodNeeds): string | undefined => {
    const obstacles = new Map<string, number>();
    for (const node of free) {
      const obstacle = obstacleOf(needs, node);
      if (obstacle === undefined) {
        for (const [name, amount] of Object.entries(needs.requests)) {
          node.free[name] = (node.free[name] ?? 0) - amount;
        }
        return undefined;
      }
      obstacles.set(obstacle, (obstacles.get(obstacle) ?? 0) + 1);
    }
    const counted = [...obstacles].sort(([, a], [, b]) => b - a).map(([obstacle, count]) => `${count} ${obstacle}`);
    return `0 of ${free.length} nodes${counted.length === 0 ? '' : `: ${counted.join(', ')}`}`;
  };
  // Pods that wait already get their room first. Those that fit nowhere take none.
  for (const needs of largestFirst(pending.filter(requestsAny))) place(needs);
  return largestFirst(leaving.filter(requestsAny)).flatMap((needs) => {
    const why = place(needs);
    return why === undefined ? [] : [{ pod: needs.pod, why }];
  });
}

/** A pod that requests nothing always fits. Every pod counts as one of `pods`. */
function requestsAny({ requests }: PodNeeds): boolean {
  return Object.entries(requests).some(([name, amount]) => name !== 'pods' && amount > 0);
}

function largestFirst(pods: readonly PodNeeds[]): PodNeeds[] {
  const amount = ({ requests }: PodNeeds, name: string) => requests[name] ?? 0;
  return [...pods].sort((a, b) => amount(b, 'cpu') - amount(a, 'cpu') || amount(b, 'memory') - amount(a, 'memory'));
}

/** Sums of fractions of cores differ from their value in the last digits. */
const TOLERANCE = 1e-9;

/** Why the node does not take the pod, for people; undefined: it does. */
function obstacleOf(needs: PodNeeds, node: NodeRoom): string | undefined {
  if (!selects(needs, node)) return 'not selected by the pod';
  const taint = node.taints.find((taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(needs, taint));
  if (taint !== undefined) return `with taint ${taint.key}`;
  const short = Object.entries(needs.requests).find(
    ([name, amount]) => amount > 0 && amount > (node.free[name] ?? 0) * (1 + TOLERANCE) + TOLERANCE,
  );
  return short === undefined ? undefined : `with too little ${short[0]}`;
}

/** https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
function tolerates({ tolerations }: PodNeeds, taint: Taint): boolean {
  return tolerations.some(({ key, operator, value, effect }) => {
    if (effect !== '' && effect !== taint.effect) return false;
    if (key !== '' && key !== taint.key) return false;
    return operator === 'Exists' || (key !== '' && value === taint.value);
  });
}

function selects({ nodeSelector, nodeTerms }: PodNeeds, { name, labels }: NodeRoom): boolean {
  if (!Object.entries(nodeSelector).every(([key, value]) => labels[key] === value)) return false;
  if (nodeTerms === undefined) return true;
  // A term without requirements selects no node.
  return nodeTerms.some(
    (term) =>
      term.labels.length + term.fields.length > 0 &&
      term.labels.every((requirement) => holds(requirement, labels[requirement.key])) &&
      term.fields.every((requirement) => holds(requirement, requirement.key === 'metadata.name' ? name : undefined)),
  );
}

/** The operators of label selectors, and two more. */
function holds(requirement: Requirement, value: string | undefined): boolean {
  const { operator, values } = requirement;
  if (operator === 'Gt') return Number(value) > Number(values[0]);
  if (operator === 'Lt') return Number(value) < Number(values[0]);
  return meets(requirement, value);
}
