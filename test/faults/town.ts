import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { CoreV1Api, KubeConfig, KubernetesObjectApi, loadAllYaml, StorageV1Api } from '@kubernetes/client-node';
import { Fargate } from '../process/fargate.ts';
import { Program } from '../process/program.ts';
import type { AwsSimulator } from '../simulator/aws/aws-simulator.ts';
import type { AwsOptions } from '../simulator/aws/context.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import { type KubernetesSimulator, startKubernetes } from '../simulator/kubernetes/simulator.ts';

export const GROUP = 'workers';
export const HOOK = 'node-drainer';
export const CLUSTER = 'prod';
const NAMESPACE = 'default';
/** So many requests of the set-up are under way at once. */
const AT_A_TIME = 20;

export type TownOptions = {
  readonly nodes?: number;
  readonly podsPerNode?: number;
  /** How long each pod takes to end, in milliseconds. */
  readonly shutdownMs?: number;
  /** Seconds. */
  readonly heartbeatTimeout?: number;
  /** The cluster is reached by EKS and tokens; otherwise by a kubeconfig in S3. */
  readonly eks?: boolean;
  readonly aws?: AwsOptions;
  /** Tasks that run at once; Fargate places the others later. */
  readonly tasksAtOnce?: number;
};

type Environment = Readonly<Record<string, string>>;

/** A cluster whose nodes are instances of one group with a lifecycle hook, and a Fargate that runs the built program. */
export class Town {
  readonly aws: AwsSimulator;
  readonly kubernetes: KubernetesSimulator;
  readonly instances: readonly string[];
  readonly fargate: Fargate;
  readonly programs: Program[] = [];
  readonly #environment: Environment;

  private constructor(
    aws: AwsSimulator,
    kubernetes: KubernetesSimulator,
    instances: readonly string[],
    { eks = false, tasksAtOnce }: TownOptions,
  ) {
    this.aws = aws;
    this.kubernetes = kubernetes;
    this.instances = instances;
    this.#environment = {
      ...aws.environment,
      ...(eks ? { CLUSTER_NAME: CLUSTER } : { KUBE_CONFIG_BUCKET: 'configs', KUBE_CONFIG_OBJECT: 'kube/config' }),
      ECS_CLUSTER: 'drains',
      TASK_DEFINITION: 'node-drainer',
      SUBNET_IDS: 'subnet-0123456789abcdef0',
      SECURITY_GROUP_IDS: 'sg-0123456789abcdef0',
      SWEEP_GRACE_SECONDS: '0',
    };
    this.fargate = new Fargate(aws, this.#environment, { ...(tasksAtOnce !== undefined && { atOnce: tasksAtOnce }) });
  }

  static async open(options: TownOptions = {}): Promise<Town> {
    const { nodes = 1, podsPerNode = 10, shutdownMs = 500, heartbeatTimeout = 120, eks = false } = options;
    const instances = Array.from({ length: nodes }, (_, index) => `i-${index.toString(16).padStart(17, '0')}`);
    const aws = await startAws({ region: 'eu-west-1', ...options.aws });
    const kubernetes = await startKubernetes({
      nodes: instances.map((id, index) => ({ name: nodeOf(index), providerID: `aws:///eu-west-1a/${id}` })),
      authenticate: async (token) =>
        'arn' in aws.verifyToken(token, CLUSTER) ? { name: 'node-drainer', groups: ['node-drainer'] } : undefined,
    });
    aws.createAutoScalingGroup({ name: GROUP });
    aws.putLifecycleHook({ autoScalingGroupName: GROUP, lifecycleHookName: HOOK, heartbeatTimeout });
    for (const [index, instanceId] of instances.entries()) {
      aws.launchInstance({ instanceId, autoScalingGroupName: GROUP, privateDnsName: nodeOf(index) });
    }
    aws.putObject('configs', 'kube/config', kubernetes.kubeconfig('node-drainer'));
    if (eks) aws.createCluster({ name: CLUSTER, endpoint: kubernetes.url, certificateAuthority: kubernetes.ca });

    const admin = new KubeConfig();
    admin.loadFromString(kubernetes.kubeconfig());
    const objects = KubernetesObjectApi.makeApiClient(admin);
    const rbac = await readFile(new URL('../../infra/kubernetes/rbac.yaml', import.meta.url), 'utf8');
    for (const object of loadAllYaml(rbac)) await objects.create(object);
    const town = new Town(aws, kubernetes, instances, options);
    await town.#populate(podsPerNode, shutdownMs);
    return town;
  }

  /** The program as a process of its own, as the task definition starts it. */
  start(command: 'drain' | 'sweep', more: Environment = {}): Program {
    const environment = { ...this.#environment, LIFECYCLE_HOOK_NAME: HOOK, ...more };
    const program = new Program([command], environment, () => this.aws.secrets);
    this.programs.push(program);
    return program;
  }

  /** Terminates the instance, and starts the worker that its event would start. */
  drain(instanceId: string, more: Environment = {}): Program {
    this.aws.terminateInstance(instanceId);
    return this.start('drain', { INSTANCE_ID: instanceId, AUTO_SCALING_GROUP_NAME: GROUP, ...more });
  }

  /** The names of the pods that are left on a node, or on all of them. */
  async podsLeft(node?: number): Promise<string[]> {
    const fieldSelector = node === undefined ? {} : { fieldSelector: `spec.nodeName=${nodeOf(node)}` };
    const { items } = await this.core.listNamespacedPod({ namespace: NAMESPACE, ...fieldSelector });
    return items.map(({ metadata }) => metadata?.name ?? '');
  }

  /** Made anew each time: the certificate of the cluster may have changed. */
  get core(): CoreV1Api {
    return this.#admin().makeApiClient(CoreV1Api);
  }

  get storage(): StorageV1Api {
    return this.#admin().makeApiClient(StorageV1Api);
  }

  #admin(): KubeConfig {
    const admin = new KubeConfig();
    admin.loadFromString(this.kubernetes.kubeconfig());
    return admin;
  }

  async close(): Promise<void> {
    await Promise.all([this.aws.stop(), this.kubernetes.stop()]);
  }

  async #populate(podsPerNode: number, shutdownMs: number): Promise<void> {
    const pods = this.instances.flatMap((_, node) =>
      Array.from({ length: podsPerNode }, (_, index) => ({ name: `pod-${node}-${index}`, nodeName: nodeOf(node) })),
    );
    const { core } = this;
    const creators = Array.from({ length: AT_A_TIME }, async () => {
      for (let pod = pods.pop(); pod !== undefined; pod = pods.pop()) {
        await core.createNamespacedPod({
          namespace: NAMESPACE,
          body: {
            metadata: {
              name: pod.name,
              labels: { app: 'town' },
              annotations: { 'lab/shutdown-ms': String(shutdownMs) },
            },
            spec: {
              nodeName: pod.nodeName,
              terminationGracePeriodSeconds: 3_600,
              containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }],
            },
          },
        });
      }
    });
    await Promise.all(creators);
    while (
      (await core.listNamespacedPod({ namespace: NAMESPACE })).items.some(({ status }) => status?.phase !== 'Running')
    ) {
      await pause(50);
    }
  }
}

export function nodeOf(index: number): string {
  return `ip-10-0-${index >> 8}-${index & 255}.eu-west-1.compute.internal`;
}
