import type { RunEvent } from '../events.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';
import type { NodeRef } from '../run/find-node.ts';
import type { KubernetesClient } from './client.ts';

/** What `kubectl describe` shows of us: on the node, or on a pod of it. */
type Note = {
  readonly on: { readonly kind: 'Node' } | { readonly kind: 'Pod'; readonly pod: string; readonly uid: string };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
};

/** A cluster with hundreds of blocked pods hears of the first ones. */
const MOST_POD_NOTES = 20;
/** The end of a run waits for notes that are under way no longer than this. */
const FLUSH_WITHIN_MS = 500;
const SEND_WITHIN_MS = 5_000;

/**
 * Tells the story of a drain as Kubernetes Events. Best effort: nothing waits for them, and a failure is no failure.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */
export class EventRecorder {
  readonly #api: KubernetesClient;
  readonly #node: NodeRef;
  readonly #clock: Clock;
  readonly #underWay = new Set<Promise<void>>();
  readonly #told = new Set<string>();

  constructor(api: KubernetesClient, node: NodeRef, clock: Clock) {
    this.#api = api;
    this.#node = node;
    this.#clock = clock;
  }

  record(event: RunEvent): void {
    for (const record of eventsFor(event)) {
      const key = `${JSON.stringify(record.on)} ${record.reason}`;
      if (this.#told.has(key) || (record.on.kind === 'Pod' && this.#told.size > MOST_POD_NOTES)) continue;
      this.#told.add(key);
      const sending = this.#send(record)
        .catch(() => undefined)
        .finally(() => this.#underWay.delete(sending));
      this.#underWay.add(sending);
    }
  }

  /** Lets what is under way arrive, for a moment. */
  async flush(): Promise<void> {
    const arrived = () => Promise.all(this.#underWay);
    await withTimeout(this.#clock, FLUSH_WITHIN_MS, arrived).catch(() => undefined);
  }

  async #send({ on, type, reason, message }: Note): Promise<void> {
    const at = new Date(this.#clock.now()).toISOString();
    const [namespace = 'default', name = ''] = on.kind === 'Pod' ? on.pod.split('/') : ['default', this.#node.name];
    const involvedObject =
      on.kind === 'Pod'
        ? { apiVersion: 'v1', kind: 'Pod', namespace, name, uid: on.uid }
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
    const send = (signal: AbortSignal) => this.#api.call({ verb: 'create', path, body, signal, lowPriority: true });
    await withTimeout(this.#clock, SEND_WITHIN_MS, send);
  }
}

/** What of a run is worth an Event. A pod is told of when it has kept the drain waiting for a while. */
export function eventsFor(event: RunEvent): Note[] {
  const onNode = (type: Note['type'], reason: string, message: string): Note[] => [
    { on: { kind: 'Node' }, type, reason, message },
  ];
  switch (event.type) {
    case 'cordoned':
      return onNode('Normal', 'DrainStarted', `Cordoned by node-drainer: its instance is going`);
    case 'waiting for pods':
      return event.remaining
        .filter(({ blocked }) => blocked)
        .map(({ pod, uid, reason }) => ({
          on: { kind: 'Pod', pod, uid },
          type: 'Warning',
          reason: 'DrainBlocked',
          message: reason,
        }));
    case 'summary': {
      const { result, seconds, pods } = event.summary;
      const took = `${Math.round(seconds['total'] ?? 0)} s`;
      return result === 'drained'
        ? onNode('Normal', 'Drained', `Drained in ${took}: ${pods.evicted} pods evicted, ${pods.skipped} skipped`)
        : onNode('Warning', 'NotDrained', `Not drained after ${took} (${result}): ${pods.remaining} pods remain`);
    }
    default:
      return [];
  }
}
