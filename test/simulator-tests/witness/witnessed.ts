import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { AutoScalingClient, CompleteLifecycleActionCommand } from '@aws-sdk/client-auto-scaling';
import { type AwsSimulator, startAws } from '../../simulator/aws/simulator.ts';
import { simulated } from '../../witness/simulated-cluster.ts';
import { watchInstances } from '../../witness/watch-instances.ts';
import type { Witness, WitnessOptions } from '../../witness/witness.ts';
import {
  type Answer,
  type Body,
  MERGE,
  podBody,
  startTestCluster,
  type TestCluster,
} from '../kubernetes/test-cluster.ts';

export const INSTANCE = 'i-0123456789abcdef0';
export const GROUP = 'nodes';
export const NODE = 'mine';
export const OTHER = 'other';
const NAMESPACE = 'default';

export type Options = WitnessOptions & { readonly heartbeatTimeout?: number; readonly timeScale?: number };

/** An instance in a group with a hook, its node and another one, and the witness. The suite plays the drainer. */
export class Witnessed {
  readonly cluster: TestCluster;
  readonly aws: AwsSimulator;
  readonly witness: Witness;
  /** How far the clock of the witness is ahead, in milliseconds: time passes for it alone. */
  readonly #clock: { ahead: number };

  private constructor(cluster: TestCluster, aws: AwsSimulator, witness: Witness, clock: { ahead: number }) {
    this.cluster = cluster;
    this.aws = aws;
    this.witness = witness;
    this.#clock = clock;
  }

  static async open(
    t: TestContext,
    { heartbeatTimeout = 3_600, timeScale = 1, ...options }: Options = {},
  ): Promise<Witnessed> {
    const cluster = await startTestCluster(t, {
      nodes: [
        { name: NODE, providerID: `aws:///eu-west-1a/${INSTANCE}` },
        { name: OTHER, providerID: 'aws:///eu-west-1a/i-0123456789abcdef1' },
      ],
    });
    const aws = await startAws({ timeScale });
    t.after(() => aws.stop());
    aws.createAutoScalingGroup({ name: GROUP });
    aws.putLifecycleHook({ autoScalingGroupName: GROUP, lifecycleHookName: 'drain', heartbeatTimeout });
    aws.launchInstance({ instanceId: INSTANCE, autoScalingGroupName: GROUP });
    const apiGroup = 'rbac.authorization.k8s.io';
    await cluster.send('POST', `/apis/${apiGroup}/v1/clusterrolebindings`, {
      metadata: { name: 'drainer' },
      subjects: [{ kind: 'User', name: 'node-drainer', apiGroup }],
      roleRef: { kind: 'ClusterRole', name: 'cluster-admin', apiGroup },
    });
    const clock = { ahead: 0 };
    const now = () => Date.now() + clock.ahead;
    const witness = await watchInstances(simulated(cluster.simulator), aws, { now, ...options });
    t.after(async () => witness[Symbol.asyncDispose]());
    return new Witnessed(cluster, aws, witness, clock);
  }

  pass(ms: number): void {
    this.#clock.ahead += ms;
  }

  /** A pod on the node that runs. Its containers do not end before they are killed. */
  async pod(
    name: string,
    { node = NODE, spec = {}, ...more }: { node?: string; spec?: Body; annotations?: Body; finalizers?: string[] } = {},
  ): Promise<void> {
    const annotations = { 'lab/shutdown-ms': 'never', ...more.annotations };
    await this.cluster.runningPod(
      NAMESPACE,
      podBody(name, { ...more, annotations, spec: { nodeName: node, ...spec } }),
    );
  }

  async post(path: string, body: Body): Promise<void> {
    assert.equal((await this.cluster.send('POST', path, body)).status, 201, path);
  }

  async budget(name: string, spec: Body): Promise<void> {
    await this.cluster.budget(NAMESPACE, 'v1', name, spec);
  }

  /** As the drainer. */
  async evict(name: string, deleteOptions: Body = {}): Promise<void> {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE }, deleteOptions };
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`;
    assert.equal((await this.cluster.drainer('POST', path, body)).status, 201);
  }

  /** As the drainer. */
  async delete(name: string, options?: Body): Promise<Answer> {
    return this.cluster.drainer('DELETE', `/api/v1/namespaces/${NAMESPACE}/pods/${name}`, options);
  }

  /** As the drainer. */
  async patchNode(name: string, change: Body): Promise<void> {
    assert.equal((await this.cluster.drainer('PATCH', `/api/v1/nodes/${name}`, change, MERGE)).status, 200);
  }

  async complete(result: 'CONTINUE' | 'ABANDON' = 'CONTINUE', group = GROUP): Promise<void> {
    const { AWS_REGION: region = '', AWS_ACCESS_KEY_ID: accessKeyId = '' } = this.aws.environment;
    const secretAccessKey = this.aws.environment['AWS_SECRET_ACCESS_KEY'] ?? '';
    const credentials = { accessKeyId, secretAccessKey };
    const client = new AutoScalingClient({ endpoint: this.aws.url, region, credentials });
    const action = { AutoScalingGroupName: group, LifecycleHookName: 'drain', InstanceId: INSTANCE };
    const command = new CompleteLifecycleActionCommand({ ...action, LifecycleActionResult: result });
    await client.send(command).finally(() => client.destroy());
  }

  /** Terminates the instance; its hook is completed at once. */
  async end(): Promise<void> {
    this.aws.terminateInstance(INSTANCE);
    await this.complete();
  }
}

/** The witness takes what is younger than the blur of clocks for possibly not yet known to the drainer. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 150));
}
