import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { CoreV1Api, KubeConfig, makeInformer } from '@kubernetes/client-node';
import { Agent, request } from 'undici';
import { type KubernetesSimulator, startKubernetes } from './simulator/kubernetes/simulator.ts';

type Body = Record<string, unknown>;
type Answer = { status: number; headers: Record<string, unknown>; text: string; body: Body };
type Send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

const MERGE = { 'content-type': 'application/merge-patch+json' };
const PARTIAL = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/** A field deep inside an answer, by steps; undefined when it is not there. */
function at(value: unknown, ...steps: (string | number)[]): unknown {
  let found = value;
  for (const step of steps)
    found =
      typeof found === 'object' && found !== null
        ? Object.entries(found).find(([key]) => key === String(step))?.[1]
        : undefined;
  return found;
}

function items(answer: Answer): unknown[] {
  const list = at(answer.body, 'items');
  return Array.isArray(list) ? list : [];
}

const namesOf = (answer: Answer): unknown[] => items(answer).map((item) => at(item, 'metadata', 'name'));

function parsed(text: string): Body {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** A client over one connection pool; it is closed with the simulator. */
function clientOf(simulator: KubernetesSimulator, token: string, agent: Agent): Send {
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

async function eventually<T>(look: () => Promise<T | undefined>, what: string): Promise<T> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) assert.fail(`in vain waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const podBody = (
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

const workload = (name: string, replicas: number | undefined, annotations: Body = {}) => ({
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

/** Everything that a test needs of one simulator, with a namespace of its own for each test. */
class Lab {
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

  static async start(options: Parameters<typeof startKubernetes>[0] = {}): Promise<Lab> {
    return new Lab(await startKubernetes(options));
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

  /** The events of a watch until they are enough, or until the server ends it. */
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

const types = (events: Body[]): unknown[] => events.map((event) => event['type']);

/** That the last event is of this type. */
const endsWith =
  (type: string) =>
  (events: Body[]): boolean =>
    types(events).at(-1) === type;

describe('the simulator of Kubernetes v1.34', { concurrency: true }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.start({ nodes: 3 });
  });
  after(() => lab.stop());

  // Prevents: a drainer that was tested against budgets that nobody enforces.
  test('an eviction that its budget refuses answers 429 with the budget as cause', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    await lab.budget(namespace, 'v1', 'tight', { minAvailable: 1, selector: { matchLabels: { app: 'a' } } });
    const refused = await lab.evict(namespace, 'a');
    assert.deepEqual(refused.body, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      reason: 'TooManyRequests',
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: 'The disruption budget tight needs 1 healthy pods and has 1 currently',
          },
        ],
      },
      code: 429,
    });
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['retry-after'], undefined);
  });

  // Prevents: evictions that are all let through at once because the budget is only counted later.
  test('one allowed disruption admits one of two evictions that come together', async () => {
    const namespace = await lab.namespace();
    await lab.send(
      'POST',
      `/apis/apps/v1/namespaces/${namespace}/replicasets`,
      workload('web', 3, { 'lab/shutdown-ms': 'never' }),
    );
    const pods = await eventually(async () => {
      const running = await lab.pods(namespace, 'fieldSelector=status.phase=Running');
      return running.length === 3 ? running : undefined;
    }, 'three pods to run');
    await lab.budget(namespace, 'v1', 'web', { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } });
    const answers = await Promise.all(pods.map((pod) => lab.evict(namespace, String(at(pod, 'metadata', 'name')))));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 429, 429]);
  });

  // Prevents: a blocked pod that is never tried again because the budget's status does not tell when it may go.
  test('a watch of the budgets tells when a replacement makes room for the next disruption', async () => {
    const namespace = await lab.namespace();
    await lab.send('POST', `/apis/apps/v1/namespaces/${namespace}/replicasets`, workload('web', 2));
    const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
    await lab.budget(namespace, 'v1', 'web', { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } });
    const pods = await eventually(async () => {
      const { body } = await lab.send('GET', `${path}/web`);
      return at(body, 'status', 'disruptionsAllowed') === 1 ? lab.pods(namespace) : undefined;
    }, 'a disruption to be allowed');
    const version = await lab.version(path);
    const roomAgain = (events: Body[]): boolean => at(events.at(-1), 'object', 'status', 'disruptionsAllowed') === 1;
    const watched = lab.watch(`${path}?watch=true&timeoutSeconds=5&resourceVersion=${version}`, roomAgain);
    assert.equal((await lab.evict(namespace, String(at(pods, 0, 'metadata', 'name')))).status, 201);
    const allowed = (await watched).map((event) => at(event, 'object', 'status', 'disruptionsAllowed'));
    assert.equal(allowed[0], 0);
    assert.equal(allowed.at(-1), 1);
  });

  // Prevents: a drain that hangs at a misconfiguration which it takes for a passing error.
  test('two budgets on one pod make its eviction a 500 with the known message', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    for (const name of ['one', 'two'])
      await lab.budget(namespace, 'v1', name, { maxUnavailable: 1, selector: { matchLabels: { app: 'a' } } });
    const { status, body } = await lab.evict(namespace, 'a');
    assert.equal(status, 500);
    assert.match(
      String(body['message']),
      /more than one PodDisruptionBudget, which the eviction subresource does not support/,
    );
  });

  // Prevents: a retry that evicts the new pod of the same name.
  test('an eviction with the UID of a pod that was replaced is a conflict, and the new pod stays', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    const { status, body } = await lab.evict(namespace, 'a', { preconditions: { uid: 'the-old-one' } });
    assert.equal(status, 409);
    assert.match(
      String(body['message']),
      /^Operation cannot be fulfilled on Pod "a": the UID in the precondition \(the-old-one\) does not match/,
    );
    assert.equal(at(await lab.running(namespace, 'a'), 'metadata', 'deletionTimestamp'), undefined);
  });

  // Prevents: an eviction in flight that is given up as hung: the real server takes such a conflict for a race, and tries again itself.
  test('an eviction with a stale UID waits while the new pod is pending, and is a conflict once it runs', async () => {
    const namespace = await lab.namespace();
    await lab.send(
      'POST',
      `/api/v1/namespaces/${namespace}/pods`,
      podBody('a', { annotations: { 'lab/ready-ms': '200' } }),
    );
    const { status } = await lab.evict(namespace, 'a', { preconditions: { uid: 'the-old-one' } });
    const { body } = await lab.send('GET', `/api/v1/namespaces/${namespace}/pods/a`);
    assert.deepEqual([status, at(body, 'status', 'phase')], [409, 'Running']);
  });

  // Prevents: a dry run that evicts.
  test('a dry run says what an eviction would answer and changes nothing', async () => {
    const namespace = await lab.namespace();
    const pod = await lab.runningPod(namespace, podBody('a'));
    assert.equal((await lab.evict(namespace, 'a', { dryRun: ['All'] })).status, 201);
    assert.deepEqual(await lab.running(namespace, 'a'), pod);
    assert.equal((await lab.evict(namespace, 'a', { dryRun: ['Some'] })).status, 422);
  });

  // Prevents: a drain that keeps the order of pods whose priority nobody has set.
  test('the system classes give a pod its priority, in any namespace, and no other class is known', async () => {
    const namespace = await lab.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const create = (name: string, spec: Body) => lab.send('POST', path, podBody(name, { spec }));
    for (const [priorityClassName, priority] of [
      ['system-cluster-critical', 2_000_000_000],
      ['system-node-critical', 2_000_001_000],
      [undefined, 0],
    ] as const) {
      const { body } = await create(priorityClassName ?? 'plain', { priorityClassName });
      assert.equal(at(body, 'spec', 'priority'), priority, priorityClassName);
    }
    const unknown = await create('unknown', { priorityClassName: 'gold' });
    assert.equal(unknown.status, 403);
    assert.equal(unknown.body['message'], 'pods "unknown" is forbidden: no PriorityClass with name gold was found');
    assert.equal((await create('number', { priority: 7 })).status, 403);
  });

  // Prevents: finished, pending and terminating pods that block a drain which the real API would let pass.
  test('finished and pending pods are evicted whatever their budget says, and are gone at once', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('done', { labels: { app: 'x' }, spec: { restartPolicy: 'Never' } }));
    await lab.send(
      'PATCH',
      `/api/v1/namespaces/${namespace}/pods/done/status`,
      { status: { phase: 'Succeeded' } },
      MERGE,
    );
    await lab.send(
      'POST',
      `/api/v1/namespaces/${namespace}/pods`,
      podBody('stuck', { labels: { app: 'x' }, spec: { nodeSelector: { no: 'such' } } }),
    );
    await lab.budget(namespace, 'v1', 'none', { maxUnavailable: 0, selector: { matchLabels: { app: 'x' } } });
    for (const name of ['done', 'stuck']) {
      assert.equal((await lab.evict(namespace, name)).status, 201);
      assert.equal((await lab.evict(namespace, name)).status, 404);
    }
  });

  // Prevents: unready pods that hold a node for ever under a policy which lets them go.
  test('AlwaysAllow lets an unready pod go that its budget would keep', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('sick'));
    const unready = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
    await lab.send('PATCH', `/api/v1/namespaces/${namespace}/pods/sick/status`, unready, MERGE);
    const selector = { matchLabels: { app: 'sick' } };
    await lab.budget(namespace, 'v1', 'sick', { minAvailable: 1, selector });
    assert.equal((await lab.evict(namespace, 'sick')).status, 429);
    const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/sick`;
    await lab.send('PATCH', path, { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } }, MERGE);
    assert.equal((await lab.evict(namespace, 'sick')).status, 201);
  });

  // Prevents: an eviction in a version that the server does not speak, taken for a missing pod.
  test('an eviction of an unknown version is a bad request', async () => {
    const namespace = await lab.namespace();
    const { status, body } = await lab.evict(namespace, 'a', {}, 'policy/v2');
    assert.equal(status, 400);
    assert.match(
      String(body['message']),
      /^Eviction in version "v2" cannot be handled as a Eviction: no kind "Eviction" is registered/,
    );
  });

  // Prevents: counting a pod as gone when it was only asked to go.
  test('a deleted pod is terminating for its shutdown time, and is then gone', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a', { annotations: { 'lab/shutdown-ms': '100' } }));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const query = `watch=1&timeoutSeconds=5&resourceVersion=${await lab.version(path)}`;
    const watched = lab.watch(`${path}?${query}`, endsWith('DELETED'));
    const { body } = await lab.send('DELETE', `${path}/a`);
    assert.equal(at(body, 'metadata', 'deletionGracePeriodSeconds'), 30);
    assert.deepEqual(types(await watched), ['MODIFIED', 'MODIFIED', 'DELETED']);
  });

  // Prevents: a drain that ends while a finalizer still holds the pod.
  test('a finalizer holds a pod until it is taken off', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('held', { finalizers: ['example.com/hold'] }));
    const path = `/api/v1/namespaces/${namespace}/pods/held`;
    assert.equal((await lab.evict(namespace, 'held')).status, 201);
    await eventually(async () => {
      const { body } = await lab.send('GET', path);
      return at(body, 'metadata', 'deletionGracePeriodSeconds') === 0 ? body : undefined;
    }, 'the containers to end');
    assert.equal((await lab.send('PATCH', path, { metadata: { finalizers: null } }, MERGE)).status, 200);
    assert.equal((await lab.send('GET', path)).status, 404);
  });

  // Prevents: a StatefulSet pod that comes back before the old one is gone, which the real controller never does.
  test('a StatefulSet makes a pod of the same name and another UID after the old one is gone', async () => {
    const namespace = await lab.namespace();
    await lab.send('POST', `/apis/apps/v1/namespaces/${namespace}/statefulsets`, {
      ...workload('db', 1),
      spec: { ...workload('db', 1).spec, serviceName: 'db' },
    });
    const old = await lab.running(namespace, 'db-0');
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const version = at(old, 'metadata', 'resourceVersion');
    const watched = lab.watch(`${path}?watch=1&timeoutSeconds=5&resourceVersion=${version}`, endsWith('ADDED'));
    await lab.evict(namespace, 'db-0');
    const seen = types(await watched);
    assert.ok(seen.indexOf('DELETED') < seen.indexOf('ADDED') && seen.includes('DELETED'), String(seen));
    const fresh = await lab.running(namespace, 'db-0');
    assert.notEqual(at(fresh, 'metadata', 'uid'), at(old, 'metadata', 'uid'));
  });

  // Prevents: a drain loop that fights with a DaemonSet, unnoticed because no DaemonSet fights back.
  test('a DaemonSet keeps its pod on a cordoned node, and a ReplicaSet avoids it', async () => {
    const own = await Lab.start({ nodes: 2 });
    try {
      const [node] = namesOf(await own.send('GET', '/api/v1/nodes'));
      await own.send('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: true } }, MERGE);
      await own.send('POST', '/apis/apps/v1/namespaces/default/daemonsets', workload('agent', undefined));
      await own.send('POST', '/apis/apps/v1/namespaces/default/replicasets', workload('web', 3));
      const pods = await eventually(async () => {
        const running = await own.pods('default', 'fieldSelector=status.phase=Running');
        return running.length === 5 ? running : undefined;
      }, 'five pods to run');
      const there = pods.filter((pod) => at(pod, 'spec', 'nodeName') === node);
      assert.deepEqual(
        there.map((pod) => at(pod, 'metadata', 'ownerReferences', 0, 'kind')),
        ['DaemonSet'],
      );
      assert.equal(at(there, 0, 'metadata', 'ownerReferences', 0, 'controller'), true);
    } finally {
      await own.stop();
    }
  });

  // Prevents: a watch that misses what happened between the list and the watch.
  test('a watch from the version of a list tells everything since, and nothing twice', async () => {
    const namespace = await lab.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    await lab.runningPod(namespace, podBody('old'));
    const version = await lab.version(path);
    await lab.runningPod(namespace, podBody('new'));
    // This one is read to its end, so that an event too many is seen as well.
    const events = await lab.watch(`${path}?watch=1&timeoutSeconds=1&resourceVersion=${version}`);
    assert.deepEqual(types(events), ['ADDED', 'MODIFIED', 'MODIFIED']);
    const versions = events.map((event) => Number(at(event, 'object', 'metadata', 'resourceVersion')));
    assert.deepEqual(
      versions,
      [...new Set(versions)].sort((a, b) => a - b),
    );
    assert.ok(versions.every((each) => each > Number(version)));
  });

  // Prevents: a pod that leaves a selector and is waited for until the end of time.
  test('an object that stops matching the selector of a watch is DELETED for that watch', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a', { labels: { tier: 'x' } }));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const query = `watch=1&timeoutSeconds=5&labelSelector=tier+in+(x,y)&resourceVersion=${await lab.version(path)}`;
    const watched = lab.watch(`${path}?${query}`, endsWith('ADDED'));
    await lab.send('PATCH', `${path}/a`, { metadata: { labels: { tier: 'z' } } }, MERGE);
    await lab.send('PATCH', `${path}/a`, { metadata: { labels: { tier: 'y' } } }, MERGE);
    assert.deepEqual(types(await watched), ['DELETED', 'ADDED']);
  });

  // Prevents: a client that waits for data which metadata-only watches never carry.
  test('PartialObjectMetadata carries the metadata only, in get, list and watch', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const one = await lab.send('GET', `${path}/a`, undefined, { accept: PARTIAL });
    assert.deepEqual(Object.keys(one.body), ['kind', 'apiVersion', 'metadata']);
    const list = await lab.send('GET', path, undefined, { accept: PARTIAL.replace('Metadata;', 'MetadataList;') });
    assert.equal(list.body['kind'], 'PartialObjectMetadataList');
    assert.deepEqual(items(list), [one.body]);
    const [event] = await lab.watch(`${path}?watch=1`, endsWith('ADDED'), { accept: PARTIAL });
    assert.deepEqual(event, { type: 'ADDED', object: one.body });
    assert.equal((await lab.send('GET', path, undefined, { accept: PARTIAL })).status, 406);
  });

  // Prevents: a paged list that skips or repeats objects when the cluster changes between its pages.
  test('the pages of a list are of one moment, and are empty of nothing', async () => {
    const namespace = await lab.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    for (const name of ['a', 'b', 'c', 'd', 'e']) await lab.runningPod(namespace, podBody(name));
    const first = await lab.send('GET', `${path}?limit=2`);
    assert.equal(at(first.body, 'metadata', 'remainingItemCount'), 3);
    await lab.send('DELETE', `${path}/e`, { gracePeriodSeconds: 0 });
    const token = encodeURIComponent(String(at(first.body, 'metadata', 'continue')));
    const rest = await lab.send('GET', `${path}?limit=9&continue=${token}`);
    assert.deepEqual([...namesOf(first), ...namesOf(rest)], ['a', 'b', 'c', 'd', 'e']);
    assert.equal(at(rest.body, 'metadata', 'continue'), undefined);
  });

  // Prevents: two writers that overwrite one another.
  test('an update from an old version is a conflict, and a patch that changes nothing is no event', async () => {
    const namespace = await lab.namespace();
    const pod = await lab.runningPod(namespace, podBody('a'));
    const path = `/api/v1/namespaces/${namespace}/pods/a`;
    await lab.send('PATCH', path, { metadata: { labels: { x: '1' } } }, MERGE);
    const stale = await lab.send('PUT', path, pod);
    assert.equal(stale.status, 409);
    assert.match(
      String(stale.body['message']),
      /the object has been modified; please apply your changes to the latest version/,
    );
    const version = await lab.version(path);
    await lab.send('PATCH', path, { metadata: { labels: { x: '1' } } }, MERGE);
    assert.equal(await lab.version(path), version);
  });

  // Prevents: missing RBAC rules that are only found in production.
  test('a user has what bindings grant, by verb, resource, subresource and name, and no more', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const [first, second] = namesOf(await lab.send('GET', '/api/v1/nodes'));
    const denied = await lab.drainer('GET', '/api/v1/pods');
    assert.equal(denied.status, 403);
    assert.equal(
      denied.body['message'],
      'pods is forbidden: User "node-drainer" cannot list resource "pods" in API group "" at the cluster scope',
    );
    const rules = [
      { apiGroups: [''], resources: ['nodes'], resourceNames: [first], verbs: ['get'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    ];
    await lab.send('POST', `${rbac}/clusterroles`, { metadata: { name: 'drainer' }, rules });
    await lab.send('POST', `${rbac}/clusterrolebindings`, {
      metadata: { name: 'drainer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'drainer' },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'node-drainer' }],
    });
    const statuses = await Promise.all(
      [
        ['GET', '/api/v1/pods'],
        ['GET', `/api/v1/nodes/${first}`],
        ['GET', `/api/v1/nodes/${second}`],
        ['GET', '/api/v1/pods?watch=1'],
        ['POST', '/api/v1/namespaces/default/pods/x/eviction'],
        ['GET', '/apis/policy/v1'],
      ].map(async ([method = '', path = '']) => (await lab.drainer(method, path)).status),
    );
    assert.deepEqual(statuses, [200, 200, 403, 403, 403, 200]);
    const evicted = await lab.drainer('POST', '/api/v1/namespaces/default/pods/x/eviction');
    assert.equal(
      evicted.body['message'],
      'pods "x" is forbidden: User "node-drainer" cannot create resource "pods/eviction" in API group "" in the namespace "default"',
    );
    assert.equal((await lab.send('GET', '/api/v1/pods', undefined, { authorization: 'Bearer wrong' })).status, 401);
  });

  // Prevents: taking the refusals in a namespace that is going for missing rights.
  test('a namespace that is deleted refuses evictions with its own cause, is emptied, and goes', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    await lab.send('DELETE', `/api/v1/namespaces/${namespace}`);
    const { status, body } = await lab.evict(namespace, 'a');
    assert.equal(status, 403);
    assert.equal(at(body, 'details', 'causes', 0, 'reason'), 'NamespaceTerminating');
    await eventually(async () => {
      const answer = await lab.send('GET', `/api/v1/namespaces/${namespace}`);
      return answer.status === 404 ? answer : undefined;
    }, 'the namespace to go');
  });

  // Prevents: pods of a node that is gone, which a drain of that node would wait for.
  test('the pods of a deleted node are removed, and dependents go with their owner', async () => {
    const own = await Lab.start({ nodes: [{ name: 'only' }] });
    try {
      await own.send('POST', '/apis/apps/v1/namespaces/default/replicasets', workload('web', 2));
      const owned = async () =>
        (await own.pods('default', 'fieldSelector=spec.nodeName=only')).length === 2 ? true : undefined;
      await eventually(owned, 'two pods on the node');
      await own.send('DELETE', '/apis/apps/v1/namespaces/default/replicasets/web');
      await eventually(
        async () => ((await own.pods('default')).length === 0 ? true : undefined),
        'the pods to go with their owner',
      );
      await own.runningPod('default', podBody('stray', { annotations: { 'lab/shutdown-ms': 'never' } }));
      await own.send('DELETE', '/api/v1/nodes/only');
      await eventually(
        async () => ((await own.pods('default')).length === 0 ? true : undefined),
        'the pods to go with their node',
      );
    } finally {
      await own.stop();
    }
  });

  // Prevents: a drainer that speaks the wrong eviction API because discovery did not say.
  test('discovery names the version of Eviction', async () => {
    const { body } = await lab.send('GET', '/api/v1');
    const resources = at(body, 'resources');
    assert.ok(Array.isArray(resources));
    const found = resources.find((resource) => at(resource, 'name') === 'pods/eviction');
    assert.deepEqual([at(found, 'group'), at(found, 'version'), at(found, 'kind')], ['policy', 'v1', 'Eviction']);
    assert.equal((await lab.send('GET', '/apis/policy/v1beta1')).status, 404);
  });

  // Prevents: a simulator that only its own client understands.
  test("the generated client's informer sees pods come and go", async () => {
    const namespace = await lab.namespace();
    const config = new KubeConfig();
    config.loadFromString(lab.simulator.kubeconfig());
    const api = config.makeApiClient(CoreV1Api);
    const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/pods`, () =>
      api.listNamespacedPod({ namespace }),
    );
    const seen: string[] = [];
    informer.on('add', (pod) => void seen.push(`add ${pod.metadata?.name}`));
    informer.on('delete', (pod) => void seen.push(`delete ${pod.metadata?.name}`));
    await informer.start();
    try {
      const spec = { containers: [{ name: 'c', image: 'i' }] };
      await api.createNamespacedPod({ namespace, body: { metadata: { name: 'a' }, spec } });
      await lab.running(namespace, 'a');
      await api.createNamespacedPodEviction({
        name: 'a',
        namespace,
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'a' } },
      });
      await eventually(async () => (seen.includes('delete a') ? true : undefined), 'the informer to see the pod go');
      assert.deepEqual(seen, ['add a', 'delete a']);
    } finally {
      await informer.stop();
    }
  });
});

describe('the simulator of Kubernetes v1.20', { concurrency: true }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.start({ version: 'v1.20' });
  });
  after(() => lab.stop());

  // Prevents: a drainer that only works with policy/v1.
  test('only policy/v1beta1 is served, for budgets and evictions', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    assert.equal((await lab.send('GET', '/apis/policy/v1')).status, 404);
    assert.equal((await lab.evict(namespace, 'a', {}, 'policy/v1')).status, 400);
    assert.equal((await lab.evict(namespace, 'a', {}, 'policy/v1beta1')).status, 201);
  });

  // Prevents: a retry at once of what the server has not counted yet.
  test('a budget that nobody has counted yet refuses, and says so', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('lonely'));
    // A pod without a controller has no scale, so that this budget is never counted.
    const body = { metadata: { name: 'b' }, spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'lonely' } } } };
    await lab.send('POST', `/apis/policy/v1beta1/namespaces/${namespace}/poddisruptionbudgets`, body);
    const refused = await lab.evict(namespace, 'lonely', {}, 'policy/v1beta1');
    assert.equal(refused.status, 429);
    assert.equal(
      at(refused.body, 'details', 'causes', 0, 'message'),
      'The disruption budget b is still being processed by the server.',
    );
  });
});

describe('the failures of the simulator', { concurrency: true }, () => {
  const start = async (
    t: { after(work: () => Promise<void>): void },
    options: Parameters<typeof startKubernetes>[0] = {},
  ) => {
    const lab = await Lab.start(options);
    t.after(() => lab.stop());
    return lab;
  };

  // Prevents: a drainer that goes on from a version that is gone, and hangs.
  test('after a compaction, an old watch gets 410 as an event, and an old page as a status', async (t) => {
    const lab = await start(t);
    const version = await lab.version('/api/v1/pods');
    const page = await lab.send('GET', '/api/v1/nodes?limit=1');
    await lab.runningPod('default', podBody('a'));
    lab.simulator.compact();
    const events = await lab.watch(`/api/v1/pods?watch=1&resourceVersion=${version}`);
    assert.deepEqual(types(events), ['ERROR']);
    assert.deepEqual([at(events, 0, 'object', 'code'), at(events, 0, 'object', 'reason')], [410, 'Expired']);
    const token = encodeURIComponent(String(at(page.body, 'metadata', 'continue')));
    assert.equal((await lab.send('GET', `/api/v1/nodes?limit=1&continue=${token}`)).status, 410);
  });

  // Prevents: waiting for ever for a version that another server has and this one has not.
  test('a version from the future is a 504 that asks to come back', async (t) => {
    const lab = await start(t);
    const { status, body, headers } = await lab.send('GET', '/api/v1/pods?resourceVersion=99999999');
    assert.equal(status, 504);
    assert.match(String(body['message']), /^Timeout: Too large resource version: 99999999, current: \d+$/);
    assert.equal(headers['retry-after'], '1');
  });

  // Prevents: a watch whose silence is taken for peace.
  test('bookmarks come while nothing happens, and before the server ends a watch', async (t) => {
    const lab = await start(t, { bookmarkIntervalMs: 200 });
    const query = 'watch=1&allowWatchBookmarks=true&timeoutSeconds=2';
    const events = await lab.watch(`/api/v1/pods?${query}&resourceVersion=${await lab.version('/api/v1/pods')}`);
    assert.ok(events.length >= 2, `${events.length} bookmarks`);
    assert.deepEqual([...new Set(types(events))], ['BOOKMARK']);
  });

  // Prevents: a drain that believes in one watch.
  test('watches can be ended or reset while they run', async (t) => {
    const lab = await start(t);
    const version = await lab.version('/api/v1/nodes');
    const opened = () => lab.simulator.requests.filter(({ verb, status }) => verb === 'watch' && status === 200).length;
    const query = `watch=1&timeoutSeconds=5&resourceVersion=${version}`;
    const ended = lab.watch(`/api/v1/nodes?${query}`);
    await eventually(async () => (opened() === 1 ? true : undefined), 'the first watch to open');
    lab.simulator.dropWatches();
    assert.deepEqual(await ended, []);
    const reset = assert.rejects(lab.watch(`/api/v1/nodes?${query}`));
    await eventually(async () => (opened() === 2 ? true : undefined), 'the second watch to open');
    lab.simulator.dropWatches('reset');
    await reset;
  });

  // Prevents: faults that hit other requests than those meant, so that a test proves nothing.
  test('a rule hits what it matches, as often as it says', async (t) => {
    const lab = await start(t);
    const rule = lab.simulator.faults.add({
      when: ({ path }) => path === '/api/v1/nodes',
      times: 2,
      every: 2,
      fault: { kind: 'status', status: 429, headers: { 'retry-after': '1' }, body: '{}' },
    });
    const statuses: number[] = [];
    for (let count = 0; count < 6; count += 1) statuses.push((await lab.send('GET', '/api/v1/nodes')).status);
    assert.deepEqual(statuses, [200, 429, 200, 429, 200, 200]);
    assert.equal(rule.hits(), 2);
    assert.equal((await lab.send('GET', '/api/v1/pods')).status, 200);
  });

  // Prevents: an eviction whose answer was lost, taken for one that did not happen.
  test('a lost answer means that the work was done all the same', async (t) => {
    const lab = await start(t);
    await lab.runningPod('default', podBody('a', { annotations: { 'lab/shutdown-ms': 'never' } }));
    lab.simulator.faults.add({
      when: ({ path }) => path.endsWith('/eviction'),
      times: 1,
      fault: { kind: 'after', fault: 'reset' },
    });
    await assert.rejects(lab.evict('default', 'a'));
    const { body } = await lab.send('GET', '/api/v1/namespaces/default/pods/a');
    assert.equal(typeof at(body, 'metadata', 'deletionTimestamp'), 'string');
  });

  // Prevents: half an answer that is taken for a whole one.
  test('half a body is a broken connection, over HTTP/1.1 and HTTP/2', async (t) => {
    const lab = await start(t);
    lab.simulator.faults.add({ when: ({ path }) => path === '/api/v1/nodes', fault: { kind: 'half-body' } });
    for (const allowH2 of [false, true]) {
      const agent = new Agent({ connect: { ca: lab.simulator.ca }, allowH2 });
      const send = clientOf(lab.simulator, 'admin-token', agent);
      assert.equal((await send('GET', '/api/v1/pods')).status, 200);
      await assert.rejects(send('GET', '/api/v1/nodes'));
      await agent.destroy();
    }
  });

  // Prevents: an outage that open watches survive.
  test('an outage resets what is open and every new request, until it ends', async (t) => {
    const lab = await start(t);
    const session = connect(lab.simulator.url, { ca: lab.simulator.ca });
    t.after(async () => session.destroy());
    const stream = session.request({ ':path': '/api/v1/nodes?watch=1', authorization: 'Bearer admin-token' });
    await once(stream, 'data');
    const broken = once(stream, 'error');
    const outage = lab.simulator.faults.outage();
    await broken;
    await assert.rejects(lab.send('GET', '/readyz'));
    outage.end();
    assert.equal((await lab.send('GET', '/readyz')).status, 200);
  });

  // Prevents: a token check that nobody asks.
  test('a token of another kind is known through authenticate, and counted in the record of requests', async (t) => {
    const lab = await start(t, {
      authenticate: async (token) =>
        token === 'k8s-aws-v1.x' ? { name: 'role', groups: ['system:masters'] } : undefined,
    });
    const headers = { authorization: 'Bearer k8s-aws-v1.x' };
    assert.equal((await lab.send('GET', '/api/v1/namespaces/default/pods/none', undefined, headers)).status, 404);
    const { at: _when, ...record } = lab.simulator.requests.at(-1) ?? assert.fail('no record');
    const path = '/api/v1/namespaces/default/pods/none';
    assert.deepEqual(record, {
      user: 'role',
      verb: 'get',
      resource: 'pods',
      namespace: 'default',
      name: 'none',
      path,
      status: 404,
    });
  });

  // Prevents: a simulator that is the bottleneck of the tests of big nodes.
  test('a thousand pods of one node are evicted in seconds, and a watch sees each of them go', async (t) => {
    const lab = await start(t, { nodes: [{ name: 'big' }] });
    const replicaSet = workload('web', 1000, { 'lab/shutdown-ms': '10' });
    await lab.send('POST', '/apis/apps/v1/namespaces/default/replicasets', replicaSet);
    const query = 'fieldSelector=spec.nodeName=big,status.phase=Running';
    const pods = await eventually(async () => {
      const running = await lab.pods('default', query);
      return running.length === 1000 ? running : undefined;
    }, 'a thousand pods to run');
    await lab.send('PATCH', '/api/v1/nodes/big', { spec: { unschedulable: true } }, MERGE);
    const version = await lab.version('/api/v1/pods?limit=1');
    const gone = (events: Body[]): number => types(events).filter((type) => type === 'DELETED').length;
    const watched = lab.watch(
      `/api/v1/pods?watch=1&timeoutSeconds=10&fieldSelector=spec.nodeName=big&resourceVersion=${version}`,
      (events) => gone(events) === 1000,
      { accept: PARTIAL },
    );
    const queue = pods.map((pod) => String(at(pod, 'metadata', 'name')));
    const evictAll = async (): Promise<void> => {
      for (let name = queue.pop(); name !== undefined; name = queue.pop())
        assert.equal((await lab.evict('default', name)).status, 201);
    };
    await Promise.all(Array.from({ length: 50 }, evictAll));
    assert.equal(gone(await watched), 1000);
  });
});
