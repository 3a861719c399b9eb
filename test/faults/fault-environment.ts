import { CoreV1Api, PolicyV1Api, StorageV1Api } from '@kubernetes/client-node';
import { GROUP, HOOK, KUBECONFIG_SETTINGS, launchGroup, NO_LOAD_BALANCERS, putKubeconfig } from '../process/account.ts';
import { Fargate, TASK_PLACEMENT } from '../process/fargate.ts';
import { Program } from '../process/program.ts';
import { accessEntry } from '../simulator/access-entry.ts';
import type { AwsOptions } from '../simulator/aws/context.ts';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import { type KubernetesSimulator, startKubernetes } from '../simulator/kubernetes/simulator.ts';
import { administrator, create, RBAC } from '../support/administrator.ts';
import { simulated } from '../witness/simulated-cluster.ts';
import { watchInstances } from '../witness/watch-instances.ts';
import type { Witness, WitnessedInstances, WitnessOptions } from '../witness/witness.ts';
import { LABELS, runPods } from './pods.ts';

export const CLUSTER = 'prod';
export const NAMESPACE = 'default';

type Environment = Readonly<Record<string, string>>;

export type FaultEnvironmentOptions = {
  readonly nodes?: number;
  readonly podsPerNode?: number;
  /** Time until each pod has terminated, in milliseconds. */
  readonly shutdownMs?: number;
  /** Seconds. */
  readonly heartbeatTimeout?: number;
  /** Connect through EKS with a token; otherwise through a kubeconfig in S3. */
  readonly eks?: boolean;
  readonly aws?: AwsOptions;
  readonly witness?: WitnessOptions;
  /** Tasks that run at the same time; Fargate places the others later. */
  readonly maxRunningTasks?: number;
  /** Further settings of every program. */
  readonly settings?: Environment;
};

/** A simulated cluster whose nodes are instances of one group with a lifecycle hook, and a Fargate that runs the built program. */
export class FaultEnvironment {
  readonly aws: AwsSimulator;
  readonly kubernetes: KubernetesSimulator;
  readonly witness: Witness;
  readonly instances: readonly string[];
  readonly fargate: Fargate;
  readonly programs: Program[] = [];
  readonly #environment: Environment;

  private constructor(
    aws: AwsSimulator,
    kubernetes: KubernetesSimulator,
    witness: Witness,
    instances: readonly string[],
    { eks = false, maxRunningTasks, settings = {} }: FaultEnvironmentOptions,
  ) {
    this.aws = aws;
    this.kubernetes = kubernetes;
    this.witness = witness;
    this.instances = instances;
    this.#environment = {
      ...aws.environment,
      ...(eks ? { CLUSTER_NAME: CLUSTER } : KUBECONFIG_SETTINGS),
      ...TASK_PLACEMENT,
      ...NO_LOAD_BALANCERS,
      ...settings,
    };
    this.fargate = new Fargate(aws, this.#environment, maxRunningTasks);
  }

  static async open(options: FaultEnvironmentOptions = {}): Promise<FaultEnvironment> {
    const { nodes = 1, podsPerNode = 10, shutdownMs = 500, heartbeatTimeout = 120, eks = false } = options;
    const instances = Array.from({ length: nodes }, (_, index) => `i-${index.toString(16).padStart(17, '0')}`);
    const aws = await startAws({ region: 'eu-west-1', ...options.aws });
    const kubernetes = await startKubernetes({
      nodes: instances.map((id, index) => ({ name: nodeOf(index), providerID: `aws:///eu-west-1a/${id}` })),
      authenticate: accessEntry(aws, CLUSTER),
    });
    const launched = instances.map((instanceId, index) => ({ instanceId, privateDnsName: nodeOf(index) }));
    launchGroup(aws, launched, { heartbeatTimeout });
    putKubeconfig(aws, kubernetes.kubeconfig('node-drainer'));
    if (eks) aws.createCluster({ name: CLUSTER, endpoint: kubernetes.url, certificateAuthority: kubernetes.ca });
    await create(kubernetes, RBAC);
    const witness = await watchInstances(simulated(kubernetes), inOwnTime(aws, options.aws?.now), options.witness);
    const environment = new FaultEnvironment(aws, kubernetes, witness, instances, options);
    const pods = instances.flatMap((_, node) =>
      Array.from({ length: podsPerNode }, (_, pod) => ({
        name: `pod-${node}-${pod}`,
        nodeName: nodeOf(node),
        shutdownMs,
      })),
    );
    await runPods(environment.core, NAMESPACE, pods);
    return environment;
  }

  /** Starts the program as a child process, as the task definition does. */
  start(command: 'drain' | 'sweep', more: Environment = {}): Program {
    const environment = { ...this.#environment, LIFECYCLE_HOOK_NAME: HOOK, ...more };
    const program = new Program([command], environment, () => this.aws.secrets);
    this.programs.push(program);
    return program;
  }

  /** Terminates the instance, and starts the worker that its lifecycle event starts. */
  drain(instanceId: string, more: Environment = {}): Program {
    this.aws.terminateInstance(instanceId);
    return this.startDrain(instanceId, more);
  }

  /** Starts the worker of an instance that is terminating. */
  startDrain(instanceId: string, more: Environment = {}): Program {
    return this.start('drain', { INSTANCE_ID: instanceId, AUTO_SCALING_GROUP_NAME: GROUP, ...more });
  }

  /** Names of the remaining pods, on all nodes. */
  async remainingPods(): Promise<string[]> {
    const { items } = await this.core.listNamespacedPod({ namespace: NAMESPACE });
    return items.map(({ metadata }) => metadata?.name ?? '');
  }

  get core(): CoreV1Api {
    return administrator(this.kubernetes).makeApiClient(CoreV1Api);
  }

  get storage(): StorageV1Api {
    return administrator(this.kubernetes).makeApiClient(StorageV1Api);
  }

  /** Creates a budget for all pods, which allows nothing until the function that it resolves with is called. */
  async block(): Promise<() => Promise<void>> {
    const policy = () => administrator(this.kubernetes).makeApiClient(PolicyV1Api);
    const pods = (await this.remainingPods()).length;
    const metadata = { name: 'never' };
    const spec = { minAvailable: pods, selector: { matchLabels: LABELS } };
    await policy().createNamespacedPodDisruptionBudget({ namespace: NAMESPACE, body: { metadata, spec } });
    return async () => {
      await policy().deleteNamespacedPodDisruptionBudget({ namespace: NAMESPACE, name: 'never' });
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.witness[Symbol.asyncDispose]();
    await Promise.all([this.aws.stop(), this.kubernetes.stop()]);
  }
}

/** Why instances go at the times of the witness, whose clock is that of the worker and of the cluster. */
function inOwnTime(aws: AwsSimulator, now: () => number = Date.now): WitnessedInstances {
  const own = (time: number) => time - (now() - Date.now());
  return {
    onInstanceEnd: (listener) => aws.onInstanceEnd(listener),
    onInstanceReset: (listener) => aws.onInstanceReset(listener),
    onInstanceReturn: (listener) => aws.onInstanceReturn(listener),
    departures: (instanceId) =>
      aws.departures(instanceId).map(({ startedAt, endsAt, survivedAt }) => ({
        startedAt: own(startedAt),
        endsAt: own(endsAt),
        ...(survivedAt === undefined ? {} : { survivedAt: own(survivedAt) }),
      })),
    sendingTo: (ids, at) => aws.sendingTo(ids, at + (now() - Date.now())),
  };
}

export function nodeOf(index: number): string {
  return `ip-10-0-${index >> 8}-${index & 255}.eu-west-1.compute.internal`;
}
