import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { CoreV1Api, PolicyV1Api, type V1Pod } from '@kubernetes/client-node';
import type { NewGroup } from '../simulator/aws/autoscaling/group.ts';
import { type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';
import type { PowerTimes } from '../simulator/kubernetes/controllers/power.ts';
import { type KubernetesSimulator, startKubernetes } from '../simulator/kubernetes/simulator.ts';
import { administrator, create, RBAC } from '../support/administrator.ts';
import { simulated } from '../witness/simulated-cluster.ts';
import { watchInstances } from '../witness/watch-instances.ts';
import type { Witness } from '../witness/witness.ts';
import { KUBECONFIG_SETTINGS, launchGroup, NO_LOAD_BALANCERS, putKubeconfig } from './account.ts';
import { Program } from './program.ts';

export const INSTANCE = 'i-0123456789abcdef0';
export const NODE = 'ip-10-0-0-1.eu-west-1.compute.internal';

type PodOptions = { annotations?: Record<string, string>; finalizers?: string[]; graceSeconds?: number };

/** Simulated cluster and AWS account of one test: one node, on an instance of an Auto Scaling group with a lifecycle hook. */
export type ProcessFixture = {
  readonly aws: AwsSimulator;
  readonly kubernetes: KubernetesSimulator;
  readonly core: CoreV1Api;
  /** Asked at the end of every test: what happened to the pods. */
  readonly witness: Witness;
  /** Starts `drain` for the instance, with the kubeconfig from S3. */
  drain(environment?: Readonly<Record<string, string>>, ...flags: string[]): Program;
  /** Starts another command for the instance. */
  run(command: 'undo' | 'cordon', environment?: Readonly<Record<string, string>>): Program;
  /** Resolves when EC2 says that the machine of the instance is in this state. */
  stateChange(state: string): Promise<void>;
  /** Creates a pod on the node and waits until it runs. */
  addPod(name: string, more?: PodOptions): Promise<V1Pod>;
  /** Resolves when no container of the pod runs any more, whatever holds its object. */
  containersEnd(name: string): Promise<void>;
  /** Creates a budget that allows no disruption of any pod on the node. */
  blockAll(): Promise<void>;
  /** Deletes that budget. */
  unblock(): Promise<void>;
};

export async function processFixture(
  context: TestContext,
  options: { rbac?: boolean; group?: Omit<NewGroup, 'name'>; power?: PowerTimes } = {},
): Promise<ProcessFixture> {
  const [aws, kubernetes] = await Promise.all([
    startAws({ region: 'eu-west-1' }),
    startKubernetes({
      nodes: [{ name: NODE, providerID: `aws:///eu-west-1a/${INSTANCE}` }],
      ...(options.power !== undefined && { power: options.power }),
    }),
  ]);
  const witness = await watchInstances(simulated(kubernetes), aws);
  context.after(async () => {
    await witness[Symbol.asyncDispose]();
    await Promise.all([aws.stop(), kubernetes.stop()]);
  });
  launchGroup(aws, [{ instanceId: INSTANCE, privateDnsName: NODE }], options.group);
  putKubeconfig(aws, kubernetes.kubeconfig('node-drainer'));
  if (options.rbac ?? true) await create(kubernetes, RBAC);
  const core = administrator(kubernetes).makeApiClient(CoreV1Api);
  const policy = () => administrator(kubernetes).makeApiClient(PolicyV1Api);
  const namespace = 'default';
  return {
    aws,
    kubernetes,
    core,
    witness,
    drain: (environment = {}, ...flags) =>
      new Program(
        ['drain', ...flags],
        {
          ...aws.environment,
          INSTANCE_ID: INSTANCE,
          ...KUBECONFIG_SETTINGS,
          ...NO_LOAD_BALANCERS,
          ...environment,
        },
        () => aws.secrets,
      ),
    run: (command, environment = {}) =>
      new Program(
        [command],
        { ...aws.environment, INSTANCE_ID: INSTANCE, ...KUBECONFIG_SETTINGS, ...environment },
        () => aws.secrets,
      ),
    stateChange: (state) =>
      new Promise((resolve) => {
        const { end } = aws.alterEvents((event) => {
          if (event['detail-type'] !== 'EC2 Instance State-change Notification') return event;
          if (JSON.stringify(event).includes(`"state":"${state}"`)) {
            end();
            // The event comes before the state shows.
            setImmediate(resolve);
          }
          return event;
        });
      }),
    async addPod(name, { annotations = {}, finalizers = [], graceSeconds = 30 } = {}) {
      await core.createNamespacedPod({
        namespace,
        body: {
          metadata: { name, labels: { app: 'test' }, annotations, finalizers },
          spec: {
            nodeName: NODE,
            terminationGracePeriodSeconds: graceSeconds,
            containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }],
          },
        },
      });
      for (;;) {
        const pod = await core.readNamespacedPod({ namespace, name });
        if (pod.status?.phase === 'Running') return pod;
        await pause(20);
      }
    },
    async containersEnd(name) {
      for (;;) {
        // What the kubelet writes when it deletes the pod for good.
        const { metadata } = await core.readNamespacedPod({ namespace, name });
        if (metadata?.deletionGracePeriodSeconds === 0) return;
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

/** The instance's lifecycle action in the simulated Auto Scaling. */
export function actionOf({ aws }: ProcessFixture) {
  const [action] = aws.lifecycleActions(INSTANCE);
  if (action === undefined) throw new Error('the instance has no lifecycle action');
  return action;
}
