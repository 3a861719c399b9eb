import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { KubernetesObject, V1Container, V1Deployment, V1Service } from '@kubernetes/client-node';
import { POOL } from '../cluster/manifests.ts';
import { eventually } from '../cluster/poll.ts';
import type { Scenario } from '../cluster/scenario.ts';
import { Balancer, targetsOf } from './balancer.ts';
import { Load } from './load.ts';

/**
 * An HTTP server on port 8080 that reads LATENCY_MS, READY_MS (`/healthz` answers 503 until then), ON_TERM (`graceful`, `exit` or
 * `ignore`) and SHUTDOWN_DELAY_MS, writes a JSON line with `t` and `event` (`start`, `SIGTERM`, `exit`) for each, and has `sh` and `sleep`.
 */
const IMAGE = process.env['SERVER_IMAGE'] || 'lab/server:1';

export type ServerOptions = {
  readonly replicas: number;
  /** From the start of a container until it is ready. */
  readonly readyMs?: number;
  readonly latencyMs?: number;
  readonly onTerm?: 'graceful' | 'exit' | 'ignore';
  /** Seconds for which it goes on serving after it was asked to end: until proxies and load balancers no longer send anything. */
  readonly preStopSeconds?: number;
  /** For which it goes on serving after SIGTERM. */
  readonly shutdownMs?: number;
  readonly graceSeconds?: number;
  /** Its pods start on all nodes of the pool, as many on each. */
  readonly evenly?: boolean;
};

export function serverContainer(
  name: string,
  options: Omit<ServerOptions, 'replicas' | 'graceSeconds' | 'evenly'>,
): V1Container {
  const { readyMs = 500, latencyMs = 100, onTerm = 'graceful', preStopSeconds, shutdownMs = 0 } = options;
  const environment = {
    READY_MS: readyMs,
    LATENCY_MS: latencyMs,
    ON_TERM: onTerm,
    SHUTDOWN_DELAY_MS: shutdownMs,
  };
  return {
    name,
    image: IMAGE,
    imagePullPolicy: 'IfNotPresent',
    env: Object.entries(environment).map(([variable, value]) => ({ name: variable, value: String(value) })),
    readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
    ...(preStopSeconds !== undefined && {
      lifecycle: { preStop: { exec: { command: ['sleep', String(preStopSeconds)] } } },
    }),
  };
}

/** A Deployment `web` whose pods run only on nodes of the scenario's pool. */
export function deploymentOf(namespace: string, options: ServerOptions): V1Deployment {
  const { replicas, graceSeconds = 30, evenly = false } = options;
  const labelSelector = { matchLabels: { app: 'web' } };
  const even = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector,
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas,
      selector: labelSelector,
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          nodeSelector: { [POOL]: namespace },
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: graceSeconds,
          containers: [serverContainer('server', options)],
          ...(evenly && { topologySpreadConstraints: [even] }),
        },
      },
    },
  };
}

/** A Service for the pods of `deploymentOf`. */
export function serviceOf(type: 'ClusterIP' | 'LoadBalancer'): V1Service & KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { type, selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  };
}

/** Starts the Deployment with all its pods on the worker, and a Service. Resolves with the Service's URL once it answers. */
export async function serve(scenario: Scenario, options: ServerOptions): Promise<string> {
  await scenario.startOnWorker(deploymentOf(scenario.namespace, options), options.replicas);
  const { spec } = await scenario.create(serviceOf('ClusterIP'));
  const url = `http://${spec?.clusterIP}/`;
  await answers(url);
  return url;
}

/**
 * Starts the Deployment with all its pods on the worker, and a load balancer whose targets are the nodes. Resolves once it answers.
 * @param deregistrationMs for how long it still sends requests to a node that is being deregistered
 */
export async function serveByNodes(
  t: TestContext,
  scenario: Scenario,
  options: ServerOptions,
  deregistrationMs: number,
): Promise<Balancer> {
  const { admin } = scenario.cluster;
  await scenario.startOnWorker(deploymentOf(scenario.namespace, options), options.replicas);
  const { spec } = await scenario.create(serviceOf('LoadBalancer'));
  const balancer = await Balancer.start({
    service: `${scenario.namespace}/web`,
    nodePort: spec?.ports?.[0]?.nodePort ?? 0,
    nodes: async () => (await targetsOf(admin)).filter(({ labels }) => labels[POOL] === scenario.namespace),
    deregistrationMs,
  });
  t.after(() => balancer.close());
  await answers(balancer.url);
  return balancer;
}

/** Resolves once the URL has been answered. */
export async function answers(url: string): Promise<void> {
  await eventually(`${url} answers`, async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    return response.ok || undefined;
  });
}

/** Load from a while before some work until a while after it. */
export async function underLoad<T>(url: string, work: () => Promise<T>) {
  const load = new Load(url);
  await pause(1_000);
  const result = await work().catch(async (error: unknown) => {
    await load.stop();
    throw error;
  });
  // Proxies may still send requests to what is gone.
  await pause(2_000);
  return { result, load: await load.stop() };
}
