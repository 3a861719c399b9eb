import * as v from 'valibot';
import type { Report } from '../events.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lease, LeaseDirectory } from '../run/slots.ts';
import { getOptional, type KubernetesClient } from './client.ts';
import { asDenied, isConflict, isNotFound, parseResponse } from './errors.ts';
import { listWatch } from './list-watch.ts';
import { Metadata } from './metadata.ts';

/** infra/kubernetes/slots.yaml creates it, and grants the rights in it. */
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/node-drainer/leases';

/** The name of the queue to which a lease belongs. */
const QUEUE_LABEL = 'node-drainer/queue';
const KIND_LABEL = 'node-drainer/lease';
const STARTED_AT = 'node-drainer/action-started-at';

const DEFAULT_SECONDS = 40;

/**
 * The leases of one queue of drains. Each write of an existing lease names the version that it replaces, so that of several writers
 * one wins. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
export function leasesOf(
  client: KubernetesClient,
  queue: string,
  { clock, report }: { clock: Clock; report: Report },
): LeaseDirectory {
  const path = `${LEASES}?labelSelector=${encodeURIComponent(`${QUEUE_LABEL}=${queue}`)}`;
  const collection = { name: `leases of queue ${queue}`, path, read: readLease };
  const write = async (what: string, work: () => Promise<unknown>): Promise<Lease | 'conflict'> => {
    try {
      const written = await work();
      return parseResponse(what, () => readLease(written));
    } catch (error) {
      if (isConflict(error)) return 'conflict';
      throw asDenied(error);
    }
  };
  return {
    observe: (sink, signal) => listWatch(client, collection, undefined, sink, { clock, report, signal }),
    read: async (name, signal) => {
      const lease = await getOptional(client, LEASES, name, signal);
      return lease === undefined ? undefined : parseResponse(`get lease ${name}`, () => readLease(lease));
    },
    create: (lease, signal) => {
      const metadata = {
        name: lease.name,
        labels: { [QUEUE_LABEL]: queue, [KIND_LABEL]: lease.kind },
        annotations: annotationsOf(lease),
      };
      const body = { metadata, spec: specOf(lease, clock.now()) };
      return write(`create lease ${lease.name}`, () => client.call({ verb: 'create', path: LEASES, body, signal }));
    },
    update: async (lease, signal) => {
      const { name, resourceVersion } = lease;
      const body = {
        metadata: { resourceVersion, annotations: annotationsOf(lease) },
        spec: specOf(lease, clock.now()),
      };
      const contentType = 'application/merge-patch+json';
      try {
        return await write(`patch lease ${name}`, () =>
          client.call({ verb: 'patch', path: `${LEASES}/${name}`, contentType, body, signal }),
        );
      } catch (error) {
        if (isNotFound(error, name)) return 'conflict';
        throw error;
      }
    },
    remove: async ({ name, resourceVersion }, signal) => {
      const body = { preconditions: { resourceVersion } };
      try {
        await client.call({ verb: 'delete', path: `${LEASES}/${name}`, body, signal });
        return 'removed';
      } catch (error) {
        if (isNotFound(error, name)) return 'removed';
        if (isConflict(error)) return 'conflict';
        throw asDenied(error);
      }
    },
  };
}

const LeaseObject = v.object({
  metadata: Metadata,
  spec: v.optional(
    v.object({
      holderIdentity: v.optional(v.nullable(v.string())),
      leaseDurationSeconds: v.optional(v.nullable(v.number())),
      acquireTime: v.optional(v.nullable(v.string())),
    }),
  ),
});

/** @throws ValiError when the object is not a lease */
function readLease(object: unknown): Lease {
  const { metadata, spec } = v.parse(LeaseObject, object);
  const acquiredAt = Date.parse(spec?.acquireTime ?? metadata.creationTimestamp ?? '') || 0;
  return {
    kind: metadata.labels?.[KIND_LABEL] === 'waiting' ? 'waiting' : 'slot',
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    holder: spec?.holderIdentity ?? '',
    durationMs: (spec?.leaseDurationSeconds ?? DEFAULT_SECONDS) * 1000,
    startedAt: Date.parse(metadata.annotations?.[STARTED_AT] ?? '') || acquiredAt,
    acquiredAt,
  };
}

function annotationsOf({ startedAt }: Pick<Lease, 'startedAt'>): Record<string, string> {
  return { [STARTED_AT]: new Date(startedAt).toISOString() };
}

/** `now` makes each renewal another version: what does not change is not written. */
function specOf({ holder, durationMs, acquiredAt }: Omit<Lease, 'resourceVersion'>, now: number): object {
  return {
    holderIdentity: holder,
    leaseDurationSeconds: Math.ceil(durationMs / 1000),
    acquireTime: microTime(acquiredAt),
    renewTime: microTime(now),
  };
}

/** The API reads six digits after the second, no more and no less. https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#MicroTime */
function microTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z');
}
