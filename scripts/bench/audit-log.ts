import { existsSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import type { Eviction } from './figures.ts';

/** https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
const AuditEvent = v.object({
  stage: v.string(),
  verb: v.string(),
  userAgent: v.optional(v.string(), ''),
  requestReceivedTimestamp: v.pipe(v.string(), v.transform(Date.parse)),
  stageTimestamp: v.pipe(v.string(), v.transform(Date.parse)),
  objectRef: v.optional(
    v.object({
      namespace: v.optional(v.string(), ''),
      name: v.optional(v.string(), ''),
      subresource: v.optional(v.string()),
    }),
  ),
  responseStatus: v.optional(v.object({ code: v.optional(v.number()) })),
});

/** The requests of one client in the audit log. */
type AuditedRequests = {
  readonly requests: Readonly<Record<string, number>>;
  readonly evictions: readonly Eviction[];
  /** When the API server first responded, in milliseconds since the epoch. */
  readonly firstResponseAt: number | undefined;
};

/** The audit log of the API server, if it is on this machine: AUDIT_LOG, or audit.log in KUBE_RUN or beside KUBECONFIG. */
export function auditLogOf(environment: NodeJS.ProcessEnv, kubeconfig: string): string | undefined {
  const { AUDIT_LOG, KUBE_RUN } = environment;
  const paths = [AUDIT_LOG, join(KUBE_RUN || dirname(kubeconfig), 'audit.log')];
  return paths.find((path) => path && existsSync(path));
}

export async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}

/** Reads the log from an offset on. */
export async function readAuditLog(path: string, from: number, userAgent: string): Promise<AuditedRequests> {
  const requests: Record<string, number> = {};
  const evictions: Eviction[] = [];
  let firstResponseAt: number | undefined;
  await using log = await open(path);
  for await (const line of log.readLines({ start: from })) {
    if (!line.includes(`"userAgent":"${userAgent}`)) continue;
    const {
      stage,
      verb,
      requestReceivedTimestamp: at,
      stageTimestamp,
      objectRef,
      responseStatus,
    } = v.parse(AuditEvent, JSON.parse(line));
    // A watch has one entry for its start and one for its end, all other requests have one for their end.
    if (stage !== (verb === 'watch' ? 'ResponseStarted' : 'ResponseComplete')) continue;
    requests[verb] = (requests[verb] ?? 0) + 1;
    firstResponseAt = Math.min(firstResponseAt ?? stageTimestamp, stageTimestamp);
    if (verb === 'create' && objectRef?.subresource === 'eviction') {
      evictions.push({ pod: objectRef.name, at, refused: (responseStatus?.code ?? 0) >= 400 });
    }
  }
  return { requests, evictions, firstResponseAt };
}
