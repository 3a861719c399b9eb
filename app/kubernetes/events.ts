import type { RunEvent } from '../events.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';
import type { NodeRef } from '../run/find-node.ts';
import type { KubernetesClient } from './client.ts';

/** A Kubernetes Event about the node or one of its pods, as `kubectl describe` shows it. */
type KubernetesEvent = {
  readonly regarding: { readonly kind: 'Node' } | { readonly kind: 'Pod'; readonly pod: string; readonly uid: string };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
};

/** Of hundreds of blocked pods, only the first ones get an Event: etcd stores every one. */
const MAX_POD_EVENTS = 20;
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

  constructor(client: KubernetesClient, node: NodeRef, clock: Clock) {
    this.#client = client;
    this.#node = node;
    this.#clock = clock;
  }

  record(event: RunEvent): void {
    for (const kubernetesEvent of eventsFor(event)) {
      const { regarding, reason } = kubernetesEvent;
      const key = `${JSON.stringify(regarding)} ${reason}`;
      if (this.#recorded.has(key) || (regarding.kind === 'Pod' && this.#recorded.size > MAX_POD_EVENTS)) continue;
      this.#recorded.add(key);
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
    const [namespace = 'default', name = ''] =
      regarding.kind === 'Pod' ? regarding.pod.split('/') : ['default', this.#node.name];
    const involvedObject =
      regarding.kind === 'Pod'
        ? { apiVersion: 'v1', kind: 'Pod', namespace, name, uid: regarding.uid }
        : { apiVersion: 'v1', kind: 'Node', name, uid: this.#node.uid };
    const body = {
      metadata: { generateName: 'node-drainer-', namespace },
      involvedObject,
      type,
      reason,
      message,
      source: { component: 'node-drainer' },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    };
    const path = `/api/v1/namespaces/${namespace}/events`;
    const send = (signal: AbortSignal) => this.#client.call({ verb: 'create', path, body, signal, lowPriority: true });
    await withTimeout(this.#clock, SEND_TIMEOUT_MS, send);
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
