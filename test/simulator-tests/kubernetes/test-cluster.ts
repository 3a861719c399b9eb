import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import {
  type KubernetesOptions,
  type KubernetesSimulator,
  startKubernetes,
} from '../../simulator/kubernetes/simulator.ts';

export type Body = Record<string, unknown>;
export type Answer = { status: number; headers: Record<string, unknown>; text: string; body: Body };
type Send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

export const MERGE = { 'content-type': 'application/merge-patch+json' };
export const PARTIAL = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/** The value at a path in a response. Undefined when it does not exist. */
export function at(value: unknown, ...steps: (string | number)[]): unknown {
  let found = value;
  for (const step of steps)
    found =
      typeof found === 'object' && found !== null
        ? Object.entries(found).find(([key]) => key === String(step))?.[1]
        : undefined;
  return found;
}

export function items(answer: Answer): unknown[] {
  const list = at(answer.body, 'items');
  return Array.isArray(list) ? list : [];
}

export const namesOf = (answer: Answer): unknown[] => items(answer).map((item) => at(item, 'metadata', 'name'));

function parsed(text: string): Body {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** A client that uses the connection pool of this agent. */
export function clientOf(simulator: KubernetesSimulator, token: string, agent: Agent): Send {
  return async (method, path, body, headers = {}) => {
    const response = await request(simulator.url + path, {
      method,
      dispatcher: agent,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json',
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, text, body: parsed(text) };
  };
}

export async function eventually<T>(look: () => Promise<T | undefined>, what: string): Promise<T> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) assert.fail(`timed out waiting for ${what}`);
    await pause(10);
  }
}

export const podBody = (
  name: string,
  more: { labels?: Body; spec?: Body; annotations?: Body; finalizers?: string[] } = {},
) => ({
  metadata: {
    name,
    labels: { app: name, ...more.labels },
    annotations: { 'lab/ready-ms': '0', ...more.annotations },
    ...(more.finalizers === undefined ? {} : { finalizers: more.finalizers }),
  },
  spec: { containers: [{ name: 'c', image: 'i' }], ...more.spec },
});

export const workload = (name: string, replicas: number | undefined, annotations: Body = {}) => ({
  metadata: { name },
  spec: {
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name }, annotations: { 'lab/ready-ms': '0', ...annotations } },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    },
  },
});

/** A simulated cluster with clients, and helpers for pods, budgets and watches. Each test creates its own namespace. */
export class TestCluster {
  readonly simulator: KubernetesSimulator;
  readonly send: Send;
  readonly drainer: Send;
  readonly #agent: Agent;
  #namespaces = 0;

  constructor(simulator: KubernetesSimulator) {
    this.simulator = simulator;
    this.#agent = new Agent({ connect: { ca: simulator.ca }, allowH2: true });
    this.send = clientOf(simulator, 'admin-token', this.#agent);
    this.drainer = clientOf(simulator, 'drainer-token', this.#agent);
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
    await this.simulator.stop();
  }

  async namespace(): Promise<string> {
    this.#namespaces += 1;
    const name = `n${this.#namespaces}`;
    assert.equal((await this.send('POST', '/api/v1/namespaces', { metadata: { name } })).status, 201);
    return name;
  }

  evict(namespace: string, name: string, deleteOptions: Body = {}, apiVersion = 'policy/v1'): Promise<Answer> {
    const body = { apiVersion, kind: 'Eviction', metadata: { name, namespace }, deleteOptions };
    return this.send('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, body);
  }

  async runningPod(namespace: string, body: ReturnType<typeof podBody>): Promise<unknown> {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    assert.equal((await this.send('POST', path, body)).status, 201);
    return this.running(namespace, body.metadata.name);
  }

  running(namespace: string, name: string): Promise<unknown> {
    return eventually(async () => {
      const { body } = await this.send('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
      return at(body, 'status', 'phase') === 'Running' ? body : undefined;
    }, `${name} to run`);
  }

  async pods(namespace: string, query = ''): Promise<unknown[]> {
    return items(await this.send('GET', `/api/v1/namespaces/${namespace}/pods?${query}`));
  }

  async budget(namespace: string, version: string, name: string, spec: Body): Promise<void> {
    const path = `/apis/policy/${version}/namespaces/${namespace}/poddisruptionbudgets`;
    assert.equal((await this.send('POST', path, { metadata: { name }, spec })).status, 201);
    await eventually(async () => {
      const { body } = await this.send('GET', `${path}/${name}`);
      return at(body, 'status', 'observedGeneration') === at(body, 'metadata', 'generation') ? body : undefined;
    }, `${name} to be counted`);
  }

  /** The events of a watch, until `enough` returns true or the server closes the watch. */
  async watch(
    path: string,
    enough: (events: Body[]) => boolean = () => false,
    headers: Record<string, string> = {},
  ): Promise<Body[]> {
    const response = await request(this.simulator.url + path, {
      dispatcher: this.#agent,
      headers: { authorization: 'Bearer admin-token', accept: 'application/json', ...headers },
    });
    assert.equal(response.statusCode, 200);
    const events: Body[] = [];
    let rest = '';
    for await (const chunk of response.body.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      events.push(...lines.map(parsed));
      if (enough(events)) break;
    }
    return events;
  }

  async version(path: string): Promise<string> {
    return String(at((await this.send('GET', path)).body, 'metadata', 'resourceVersion'));
  }
}

export const types = (events: Body[]): unknown[] => events.map((event) => event['type']);

/** Whether the last event has this type. */
export const endsWith =
  (type: string) =>
  (events: Body[]): boolean =>
    types(events).at(-1) === type;

/** Starts a cluster that stops with the test or suite. */
export async function startTestCluster(
  t: { after(work: () => Promise<void>): void },
  options: KubernetesOptions = {},
): Promise<TestCluster> {
  const cluster = new TestCluster(await startKubernetes(options));
  t.after(() => cluster.stop());
  return cluster;
}
