import type { Hold, RunEvent } from '../events.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';
import { printable } from '../lib/errors.ts';
import type { NodeRef } from '../run/find-node.ts';
import type { KubernetesClient } from './client.ts';

/** A Kubernetes Event about the node or one of its pods, as `kubectl describe` shows it. */
type KubernetesEvent = {
  readonly regarding:
    | { readonly kind: 'Node' }
    | { readonly kind: 'Pod'; readonly pod: string; readonly uid: string }
    | { readonly kind: 'PodDisruptionBudget'; readonly namespace: string; readonly name: string; readonly uid: string };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** Tells it from others of the same reason; each is recorded once. */
  readonly about?: string;
};

type ObjectReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
};

/** Of hundreds of blocked pods, only the first ones get an Event: etcd stores every one. */
const MAX_EVENTS_OF_KIND = 20;
/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ (note) */
const MAX_MESSAGE_CHARS = 1_000;
/** How long the end of a run waits for Events in flight. */
const FLUSH_TIMEOUT_MS = 500;
const SEND_TIMEOUT_MS = 5_000;

/**
 * Records the progress of a drain as Kubernetes Events. Best effort: nothing waits for them, and errors are ignored.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */
export class EventRecorder {
  readonly #client: KubernetesClient;
  readonly #node: NodeRef;
  readonly #clock: Clock;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #recorded = new Set<string>();
  readonly #countByKind = new Map<string, number>();

  constructor(client: KubernetesClient, node: NodeRef, clock: Clock) {
    this.#client = client;
    this.#node = node;
    this.#clock = clock;
  }

  record(event: RunEvent): void {
    for (const kubernetesEvent of eventsFor(event)) {
      const { regarding, reason, about = '' } = kubernetesEvent;
      const key = `${JSON.stringify(regarding)} ${reason} ${about}`;
      const kind = `${regarding.kind} ${reason}`;
      const count = this.#countByKind.get(kind) ?? 0;
      if (this.#recorded.has(key) || count >= MAX_EVENTS_OF_KIND) continue;
      this.#recorded.add(key);
      this.#countByKind.set(kind, count + 1);
      const sending = this.#send(kubernetesEvent)
        .catch(() => undefined)
        .finally(() => this.#inFlight.delete(sending));
      this.#inFlight.add(sending);
    }
  }

  /** Waits for Events in flight, for half a second at most. */
  async flush(): Promise<void> {
    const sent = () => Promise.all(this.#inFlight);
    await withTimeout(this.#clock, FLUSH_TIMEOUT_MS, sent).catch(() => undefined);
  }

  async #send({ regarding, type, reason, message }: KubernetesEvent): Promise<void> {
    const at = new Date(this.#clock.now()).toISOString();
    const involvedObject = this.#objectOf(regarding);
    const { namespace = 'default' } = involvedObject;
    const body = {
      metadata: { generateName: 'node-drainer-', namespace },
      involvedObject,
      type,
      reason,
      // Whoever looks at a budget has to learn which node waits for it.
      message: printable(
        regarding.kind === 'PodDisruptionBudget' ? `drain of node ${this.#node.name}: ${message}` : message,
        MAX_MESSAGE_CHARS,
      ),
      source: { component: 'node-drainer' },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    };
    const path = `/api/v1/namespaces/${namespace}/events`;
    const send = (signal: AbortSignal) => this.#client.call({ verb: 'create', path, body, signal, lowPriority: true });
    await withTimeout(this.#clock, SEND_TIMEOUT_MS, send);
  }

  #objectOf(regarding: KubernetesEvent['regarding']): ObjectReference {
    switch (regarding.kind) {
      case 'Node':
        return { apiVersion: 'v1', kind: 'Node', name: this.#node.name, uid: this.#node.uid };
      case 'Pod': {
        const [namespace = 'default', name = ''] = regarding.pod.split('/');
        return { apiVersion: 'v1', kind: 'Pod', namespace, name, uid: regarding.uid };
      }
      case 'PodDisruptionBudget':
        return { apiVersion: 'policy/v1', ...regarding };
    }
  }
}

/** The Kubernetes Events for an event of the run, if any. A pod gets one when it has blocked the drain for a while. */
export function eventsFor(event: RunEvent): KubernetesEvent[] {
  const onNode = (type: KubernetesEvent['type'], reason: string, message: string): KubernetesEvent[] => [
    { regarding: { kind: 'Node' }, type, reason, message },
  ];
  switch (event.type) {
    case 'cordoned':
      return onNode('Normal', 'DrainStarted', 'Cordoned by node-drainer: its instance is being terminated');
    case 'waiting for pods':
      return event.remaining
        .filter(({ blocked }) => blocked)
        .map(({ pod, uid, reason }) => ({
          regarding: { kind: 'Pod', pod, uid },
          type: 'Warning',
          reason: 'DrainBlocked',
          message: reason,
        }));
    case 'pods held':
      return event.dryRun === true ? [] : heldEvents(event.hold);
    case 'summary': {
      const { result, seconds, pods } = event.summary;
      const duration = `${Math.round(seconds['total'] ?? 0)} s`;
      return result === 'drained'
        ? onNode('Normal', 'Drained', `Drained in ${duration}: ${pods.evicted} pods evicted, ${pods.skipped} skipped`)
        : onNode('Warning', 'NotDrained', `Not drained after ${duration} (${result}): ${pods.remaining} pods remain`);
    }
    default:
      return [];
  }
}

/** One on the node, and one on each budget that only a change ends: its owner does not look at nodes. */
function heldEvents({ cause, by, owner = '', text, remedy, needsChange, budgets }: Hold): KubernetesEvent[] {
  const event = {
    type: needsChange ? 'Warning' : 'Normal',
    reason: 'DrainHeld',
    message: remedy === undefined ? text : `${text}. To end it: ${remedy}`,
    about: `${cause} ${by} ${owner}`,
  } as const;
  const owned = needsChange ? budgets : [];
  return [
    { ...event, regarding: { kind: 'Node' } },
    ...owned.map((budget) => ({ ...event, regarding: { kind: 'PodDisruptionBudget', ...budget } as const })),
  ];
}
