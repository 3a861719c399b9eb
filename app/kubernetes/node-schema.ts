import * as v from 'valibot';
import type { Candidate } from '../find-node.ts';
import { Conditions, isReady, Metadata } from './metadata.ts';

const NodeObject = v.object({
  metadata: Metadata,
  spec: v.optional(v.object({ providerID: v.optional(v.string(), ''), unschedulable: v.optional(v.boolean(), false) })),
  status: v.optional(v.object({ conditions: Conditions })),
});

/** @throws when the API sends something that is no node */
export function readNode(object: unknown): Candidate {
  const { metadata, spec, status } = v.parse(NodeObject, object);
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    providerID: spec?.providerID ?? '',
    ready: isReady(status?.conditions),
    cordoned: spec?.unschedulable ?? false,
  };
}
