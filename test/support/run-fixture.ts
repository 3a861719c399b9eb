import { clusterNameOf } from '../../app/config/cluster-source.ts';
import type { Config } from '../../app/config/drain-config.ts';
import type { RunEvent } from '../../app/events.ts';
import type { LifecycleAction } from '../../app/lifecycle/action.ts';
import type { GroupCapacity } from '../../app/run/capacity.ts';
import type { NodeRef } from '../../app/run/find-node.ts';
import type { InstanceInfo } from '../../app/run/instance.ts';
import type { Cluster, Ports } from '../../app/run/ports.ts';
import type { Room } from '../../app/run/room.ts';
import { run } from '../../app/run/run.ts';
import type { LeaseDirectory } from '../../app/run/slots.ts';
import { FakeCluster } from './fake-cluster.ts';
import { FakeLeases } from './fake-leases.ts';
import { FakeTargetGroups } from './fake-target-groups.ts';
import { FakeVolumes } from './fake-volumes.ts';
import { FakeHook } from './hooks.ts';
import { testContext } from './test-context.ts';

export const INSTANCE = 'i-0123456789abcdef0';

const CONFIG: Config = {
  target: { kind: 'instance', instanceId: INSTANCE, region: 'eu-central-1', action: {} },
  cluster: { kind: 'eks', name: 'prod', region: 'eu-central-1' },
  reason: 'termination',
  finishRetained: false,
  paused: false,
  onlyDrained: false,
  warnings: [],
  dryRun: false,
  force: false,
  connectTimeoutMs: 120_000,
  loadBalancerExclusion: 'end',
  loadBalancerMs: 0,
  unprovenNode: 'refuse',
  volumeDetachTimeoutMs: 300_000,
  drainDaemonSets: false,
  doNotDisruptMs: 0,
  lastResortMs: 30_000,
  lastResort: 'delete',
  finalizerMs: 300_000,
  spreadMs: 0,
  surge: 'off',
  evictionApi: 'auto',
  maxConcurrentDrains: 0,
  concurrencyKey: 'cluster',
  generation: 0,
  policies: { missingNode: 'continue', onFailure: 'leave', onDeadline: 'continue' },
};

export function nodeOf(name: string, instanceId: string, more: Partial<NodeRef> = {}): NodeRef {
  return {
    name,
    uid: 'n-1',
    resourceVersion: '1',
    providerID: `aws:///a/${instanceId}`,
    instanceLabel: undefined,
    internalIPs: ['10.0.0.1'],
    createdAt: 0,
    ready: 'True',
    cordoned: false,
    excluded: false,
    volumesInUse: [],
    ...more,
  };
}

/** A whole run in memory: an instance whose group waits for one hook, and its node in a cluster. */
export function runFixture() {
  const { clock, recorder, stop, context } = testContext();
  const cluster = new FakeCluster(clock);
  const hook = new FakeHook(clock);
  const volumes = new FakeVolumes(clock);
  const targetGroups = new FakeTargetGroups(clock);
  const node = nodeOf('node-a', INSTANCE);
  const calls: string[] = [];
  /** The names of the clusters. */
  const connectedTo: string[] = [];
  const recordedEvents: RunEvent['type'][] = [];
  /** The drain conditions of the node, one text for each write. */
  const written: string[] = [];
  /** What a test changes before the run. */
  const facts: {
    action: LifecycleAction;
    instance: () => Promise<InstanceInfo | undefined>;
    nodes: NodeRef[];
    connect: () => Error | undefined;
    /** What looking up a node by name rejects with. */
    lookUp: () => Error | undefined;
    cordon: (signal: AbortSignal) => Promise<'cordoned' | 'replaced'>;
    exclude: (signal: AbortSignal) => Promise<'excluded' | 'replaced'>;
    taint: () => Promise<'tainted' | 'replaced'>;
    /** What setting conditions of the node rejects with. */
    setDrainConditions: () => Error | undefined;
    capacity: () => Promise<GroupCapacity>;
    room: () => Promise<Room>;
    leases: LeaseDirectory;
    terminationStartedAt: Ports['actions']['terminationStartedAt'];
    /** Absent: as the action says. */
    lifecycleState: (() => string) | undefined;
    /** Does the group retain instances after ABANDON? */
    retains: boolean;
    onRetentionLookup: () => void;
    onTerminate: () => void;
    /** Ports that most runs have not. */
    ports: Partial<Ports>;
    /** The last of the notes on their way. */
    flush: () => Promise<void>;
  } = {
    action: { kind: 'pending', group: 'nodes', hooks: [hook] },
    instance: async () => ({
      privateDnsName: 'node-a',
      privateIPs: ['10.0.0.1'],
      state: 'running',
      clusters: ['prod'],
    }),
    nodes: [node],
    connect: () => undefined,
    lookUp: () => undefined,
    cordon: async () => 'cordoned',
    exclude: async () => 'excluded',
    taint: async () => 'tainted',
    setDrainConditions: () => undefined,
    capacity: async () => ({ desired: 0, inService: [] }),
    room: async () => ({ leaving: [], pending: [], nodes: [] }),
    leases: new FakeLeases(clock).directory(),
    terminationStartedAt: async () => undefined,
    lifecycleState: undefined,
    retains: false,
    onRetentionLookup: () => undefined,
    onTerminate: () => undefined,
    ports: {},
    flush: async () => undefined,
  };
  const connected: Cluster = {
    server: 'https://cluster',
    policyVersion: 'policy/v1',
    nodes: {
      async byName(name) {
        const fault = facts.lookUp();
        if (fault !== undefined) throw fault;
        return facts.nodes.find((node) => node.name === name);
      },
      byLabel: async () => [],
      async *all() {
        yield facts.nodes;
      },
    },
    async cordon(node, exclude, signal) {
      calls.push(`cordon ${node.name}${exclude ? ' and exclude it' : ''}`);
      return (await facts.cordon(signal)) === 'replaced' ? 'replaced' : { ...node, cordoned: true };
    },
    async exclude({ name }, signal) {
      calls.push(`exclude ${name}`);
      return facts.exclude(signal);
    },
    async markOutOfService({ name }) {
      calls.push(`mark ${name} as out of service`);
      return 'tainted';
    },
    async restore({ name }) {
      calls.push(`restore ${name}`);
      return ['uncordoned'];
    },
    async taint({ name }) {
      calls.push(`taint ${name}`);
      return facts.taint();
    },
    async setDrainConditions(_, conditions) {
      const fault = facts.setDrainConditions();
      if (fault !== undefined) throw fault;
      written.push(conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`).join(', '));
      return 'set';
    },
    podsOf: () => cluster,
    volumesOf: () => volumes,
    boundTargetGroups: async () => targetGroups.bound(),
    leasesOf: () => facts.leases,
    readRoom: () => facts.room(),
    eventsOn: () => ({ record: ({ type }) => recordedEvents.push(type), flush: () => facts.flush() }),
    requests: { get: 1 },
    async close() {
      calls.push('close');
    },
  };
  const ports: Ports = {
    actions: {
      async instanceState() {
        const { action } = facts;
        if (action.kind === 'none') return undefined;
        if (facts.lifecycleState !== undefined) return { group: action.group, lifecycleState: facts.lifecycleState() };
        return {
          group: action.group,
          lifecycleState: action.kind === 'pending' ? 'Terminating:Wait' : action.lifecycleState,
        };
      },
      async terminatingHooks(_, __, { hook }) {
        const hooks = facts.action.kind === 'pending' ? facts.action.hooks : [];
        return hooks.filter(({ name }) => hook === undefined || name === hook);
      },
      terminationStartedAt: (...call) => facts.terminationStartedAt(...call),
      async retainsAbandoned() {
        facts.onRetentionLookup();
        return facts.retains;
      },
      async terminate(instanceId) {
        calls.push(`terminate ${instanceId}`);
        facts.onTerminate();
      },
    },
    describeInstance: () => facts.instance(),
    groupCapacity: () => facts.capacity(),
    targetGroups: async () => targetGroups,
    async connect(source) {
      connectedTo.push(clusterNameOf(source));
      const fault = facts.connect();
      if (fault !== undefined) throw fault;
      return connected;
    },
  };
  return {
    clock,
    cluster,
    calls,
    connected,
    connectedTo,
    facts,
    node,
    hook,
    recordedEvents,
    recorder,
    stop,
    targetGroups,
    volumes,
    written,
    /** The node object is deleted, and the state of the instance in EC2 is this from then on. */
    loseNode(state: string): void {
      const before = facts.instance;
      facts.instance = async () => {
        const instance = await before();
        return instance && { ...instance, state };
      };
      facts.nodes = [];
      cluster.node.delete();
    },
    /** The kubelet registers its node again, as another object, with its pods still running. */
    registerNode(uid: string, name = 'node-a'): void {
      cluster.node.replace(uid);
      cluster.node.cordon(true);
      facts.nodes = [nodeOf(name, INSTANCE, { uid })];
    },
    /** Runs to the end, and tells what became of it. */
    async run(more: Partial<Config> = {}, withinMs = 600_000): Promise<string> {
      const code = await clock.until(
        run({ ...CONFIG, ...more }, { ...ports, ...facts.ports }, 'run-1', context),
        withinMs,
      );
      const [summary, ...others] = recorder.of('summary');
      if (summary === undefined || others.length > 0) throw new Error('there is not one summary');
      return `${summary.summary.result}, hook ${hook.results.join() || 'untouched'}, exit ${code}`;
    },
  };
}
