import { randomBytes } from 'node:crypto';
import { AutoScalingClient, CompleteLifecycleActionCommand } from '@aws-sdk/client-auto-scaling';
import { type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';
import type { Afterwards } from './afterwards.ts';
import { Drainer } from './drainer.ts';
import type { Scenario } from './scenario.ts';
import type { TestCluster } from './test-cluster.ts';

const REGION = 'eu-west-1';
const HOOK = 'drain';
const BUCKET = 'kubeconfigs';
const OBJECT = 'production/drainer.conf';

/** A random instance ID. */
export function randomInstanceId(): string {
  return `i-${randomBytes(9).toString('hex').slice(0, 17)}`;
}

export function providerIdOf(instanceId: string): string {
  return `aws:///${REGION}a/${instanceId}`;
}

/** The instance ID in a provider ID, or else a random one: the drainer does not check other providers' IDs. */
export function instanceIdOf(providerID = ''): string {
  return /^aws:\/\/.*\/(i-[0-9a-f]+)$/.exec(providerID)?.[1] ?? randomInstanceId();
}

/** A simulated Auto Scaling group that terminates one instance and waits for its hook. Stopped after the test. */
export class Termination {
  readonly aws: AwsSimulator;
  readonly instanceId: string;
  readonly #test: Afterwards;
  readonly #event: Readonly<Record<string, string>>;

  private constructor(t: Afterwards, aws: AwsSimulator, instanceId: string, token: string) {
    this.#test = t;
    this.aws = aws;
    this.instanceId = instanceId;
    this.#event = {
      INSTANCE_ID: instanceId,
      AUTO_SCALING_GROUP_NAME: groupOf(instanceId),
      LIFECYCLE_HOOK_NAME: HOOK,
      LIFECYCLE_ACTION_TOKEN: token,
    };
  }

  static async start(
    t: Afterwards,
    { witness }: Pick<Scenario, 'witness'>,
    {
      heartbeatTimeout = 60,
      ...instance
    }: {
      instanceId: string;
      privateDnsName?: string;
      tags?: Record<string, string>;
      launchTime?: number;
      /** Of the hook, in seconds. */
      heartbeatTimeout?: number;
    },
    aws?: AwsSimulator,
  ): Promise<Termination> {
    const simulated = aws ?? (await regionOf(t));
    witness.follow(simulated);
    const group = groupOf(instance.instanceId);
    simulated.createAutoScalingGroup({ name: group, desiredCapacity: 1 });
    simulated.putLifecycleHook({ autoScalingGroupName: group, lifecycleHookName: HOOK, heartbeatTimeout });
    simulated.launchInstance({ ...instance, autoScalingGroupName: group });
    simulated.terminateInstance(instance.instanceId);
    const token = simulated.lifecycleActions(instance.instanceId)[0]?.token ?? '';
    return new Termination(t, simulated, instance.instanceId, token);
  }

  /** Launches another instance of the group. */
  launch(instanceId: string): void {
    this.aws.launchInstance({ instanceId, autoScalingGroupName: groupOf(this.instanceId) });
  }

  /** Starts the drainer as the lifecycle event does, with the kubeconfig of `node-drainer` in S3. */
  drainByKubeconfig(cluster: TestCluster, environment: Readonly<Record<string, string>> = {}): Drainer {
    return new Drainer(this.#test, [], { ...this.environmentByKubeconfig(cluster), ...environment });
  }

  /** The environment in which the lifecycle event starts a drainer, with the kubeconfig of `node-drainer` in S3. */
  environmentByKubeconfig({ drainerText }: Pick<TestCluster, 'drainerText'>): Record<string, string> {
    this.aws.putObject(BUCKET, OBJECT, drainerText);
    return { ...this.#task(), KUBE_CONFIG_BUCKET: BUCKET, KUBE_CONFIG_OBJECT: OBJECT };
  }

  /** Starts the drainer as the lifecycle event does, with the task role's credentials. Waits for no load balancer. */
  drain(environment: Readonly<Record<string, string>>): Drainer {
    return new Drainer(this.#test, [], { ...this.#task(), ...environment });
  }

  #task(): Record<string, string> {
    return { ...this.aws.environmentWithContainerCredentials(), ...this.#event, LOAD_BALANCER_SECONDS: '0' };
  }

  /** Somebody else completes the hook, as `aws autoscaling complete-lifecycle-action` does. */
  async completeByHand(): Promise<void> {
    const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = this.aws.environment;
    const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
    const client = new AutoScalingClient({ region: REGION, endpoint: this.aws.url, credentials });
    await client.send(
      new CompleteLifecycleActionCommand({
        AutoScalingGroupName: groupOf(this.instanceId),
        LifecycleHookName: HOOK,
        InstanceId: this.instanceId,
        LifecycleActionResult: 'CONTINUE',
      }),
    );
    client.destroy();
  }

  /** The lifecycle action in the simulated Auto Scaling. */
  get action(): { state: string | undefined; result: string | undefined; heartbeats: number | undefined } {
    const [action] = this.aws.lifecycleActions(this.instanceId);
    return { state: action?.state, result: action?.result, heartbeats: action?.heartbeats };
  }
}

function groupOf(instanceId: string): string {
  return `workers-of-${instanceId}`;
}

/** A simulated region, stopped after the test. */
async function regionOf(t: Afterwards): Promise<AwsSimulator> {
  const aws = await startRegion();
  t.after(() => aws.stop());
  return aws;
}

export function startRegion(): Promise<AwsSimulator> {
  return startAws({ region: REGION });
}
