import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';
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
  readonly #test: TestContext;
  readonly #event: Readonly<Record<string, string>>;

  private constructor(t: TestContext, aws: AwsSimulator, instanceId: string, token: string) {
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
    t: TestContext,
    { witness }: Pick<Scenario, 'witness'>,
    instance: { instanceId: string; privateDnsName?: string; tags?: Record<string, string>; launchTime?: number },
    aws?: AwsSimulator,
  ): Promise<Termination> {
    const simulated = aws ?? (await regionOf(t));
    witness.follow(simulated);
    const group = groupOf(instance.instanceId);
    simulated.createAutoScalingGroup({ name: group, desiredCapacity: 1 });
    simulated.putLifecycleHook({ autoScalingGroupName: group, lifecycleHookName: HOOK, heartbeatTimeout: 60 });
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
  drainByKubeconfig({ drainerText }: TestCluster, environment: Readonly<Record<string, string>> = {}): Drainer {
    this.aws.putObject(BUCKET, OBJECT, drainerText);
    return this.drain({ KUBE_CONFIG_BUCKET: BUCKET, KUBE_CONFIG_OBJECT: OBJECT, ...environment });
  }

  /** Starts the drainer as the lifecycle event does, with the task role's credentials. Waits for no load balancer. */
  drain(environment: Readonly<Record<string, string>>): Drainer {
    const task = this.aws.environmentWithContainerCredentials();
    return new Drainer(this.#test, [], { ...task, ...this.#event, LOAD_BALANCER_SECONDS: '0', ...environment });
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
async function regionOf(t: TestContext): Promise<AwsSimulator> {
  const aws = await startRegion();
  t.after(() => aws.stop());
  return aws;
}

export function startRegion(): Promise<AwsSimulator> {
  return startAws({ region: REGION });
}
