import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { CoreV1Api, PolicyV1Api, type V1Pod } from '@kubernetes/client-node';
import { type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';
import { type KubernetesSimulator, startKubernetes } from '../simulator/kubernetes/simulator.ts';
import { administrator, create, RBAC } from '../support/administrator.ts';
import { IN_BUCKET, launchGroup, putKubeconfig } from './account.ts';
import { Program } from './program.ts';

export const INSTANCE = 'i-0123456789abcdef0';
export const NODE = 'ip-10-0-0-1.eu-west-1.compute.internal';

/** A cluster and an AWS account of one test: a node on an instance of a group with a lifecycle hook. */
export type World = {
  readonly aws: AwsSimulator;
  readonly kubernetes: KubernetesSimulator;
  readonly core: CoreV1Api;
  /** Starts the program for the instance, with the kubeconfig in the bucket. */
  drain(environment?: Readonly<Record<string, string>>, ...flags: string[]): Program;
  /** A pod on the node, running once this resolves. */
  addPod(name: string, more?: { annotations?: Record<string, string>; finalizers?: string[] }): Promise<V1Pod>;
  /** A budget that lets none of the pods on the node go. */
  blockAll(): Promise<void>;
  /** Takes that budget away. */
  unblock(): Promise<void>;
};

export async function world(context: TestContext, options: { rbac?: boolean } = {}): Promise<World> {
  const [aws, kubernetes] = await Promise.all([
    startAws({ region: 'eu-west-1' }),
    startKubernetes({ nodes: [{ name: NODE, providerID: `aws:///eu-west-1a/${INSTANCE}` }] }),
  ]);
  context.after(() => Promise.all([aws.stop(), kubernetes.stop()]));
  launchGroup(aws, [{ instanceId: INSTANCE, privateDnsName: NODE }]);
  putKubeconfig(aws, kubernetes.kubeconfig('node-drainer'));
  if (options.rbac ?? true) await create(kubernetes, RBAC);
  const core = administrator(kubernetes).makeApiClient(CoreV1Api);
  const policy = () => administrator(kubernetes).makeApiClient(PolicyV1Api);
  const namespace = 'default';
  return {
    aws,
    kubernetes,
    core,
    drain: (environment = {}, ...flags) =>
      new Program(
        ['drain', ...flags],
        {
          ...aws.environment,
          INSTANCE_ID: INSTANCE,
          ...IN_BUCKET,
          ...environment,
        },
        () => aws.secrets,
      ),
    async addPod(name, { annotations = {}, finalizers = [] } = {}) {
      await core.createNamespacedPod({
        namespace,
        body: {
          metadata: { name, labels: { app: 'test' }, annotations, finalizers },
          spec: { nodeName: NODE, containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }] },
        },
      });
      for (;;) {
        const pod = await core.readNamespacedPod({ namespace, name });
        if (pod.status?.phase === 'Running') return pod;
        await pause(20);
      }
    },
    async blockAll() {
      await policy().createNamespacedPodDisruptionBudget({
        namespace,
        body: {
          metadata: { name: 'block-all' },
          spec: { maxUnavailable: 0, selector: { matchLabels: { app: 'test' } } },
        },
      });
    },
    async unblock() {
      await policy().deleteNamespacedPodDisruptionBudget({ namespace, name: 'block-all' });
    },
  };
}

/** What became of the lifecycle action of the instance. */
export function actionOf({ aws }: World) {
  const [action] = aws.lifecycleActions(INSTANCE);
  if (action === undefined) throw new Error('the instance has no lifecycle action');
  return action;
}
