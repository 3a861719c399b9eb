import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';
import { Drainer } from './drainer.ts';
import type { Lab } from './test-cluster.ts';

const REGION = 'eu-west-1';
const HOOK = 'drain';
const BUCKET = 'kubeconfigs';
const OBJECT = 'production/drainer.conf';

/** An instance ID that no machine has. */
export function someInstanceId(): string {
  return `i-${randomBytes(9).toString('hex').slice(0, 17)}`;
}

export function providerIdOf(instanceId: string): string {
  return `aws:///${REGION}a/${instanceId}`;
}

/** The instance that a provider ID names, or else one of that node's own: a provider that is not AWS disproves nothing. */
export function instanceIdOf(providerID = ''): string {
  return /^aws:\/\/.*\/(i-[0-9a-f]+)$/.exec(providerID)?.[1] ?? someInstanceId();
}

/** A simulated Auto Scaling group that terminates one instance and waits for its hook. It ends with the test. */
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

  static async of(
    t: TestContext,
    instance: { instanceId: string; privateDnsName?: string; tags?: Record<string, string> },
    aws?: AwsSimulator,
  ): Promise<Termination> {
    const simulated = aws ?? (await regionOf(t));
    const group = groupOf(instance.instanceId);
    simulated.createAutoScalingGroup({ name: group, desiredCapacity: 1 });
    simulated.putLifecycleHook({ autoScalingGroupName: group, lifecycleHookName: HOOK, heartbeatTimeout: 60 });
    simulated.launchInstance({ ...instance, autoScalingGroupName: group });
    simulated.terminateInstance(instance.instanceId);
    const token = simulated.lifecycleActions(instance.instanceId)[0]?.token ?? '';
    return new Termination(t, simulated, instance.instanceId, token);
  }

  /** Another instance of the group, in service. */
  launch(instanceId: string): void {
    this.aws.launchInstance({ instanceId, autoScalingGroupName: groupOf(this.instanceId) });
  }

  /** The drainer as its event would start it, with the kubeconfig of `node-drainer` in a bucket. */
  drainByKubeconfig({ drainerText }: Lab, environment: Readonly<Record<string, string>> = {}): Drainer {
    this.aws.putObject(BUCKET, OBJECT, drainerText);
    return this.drain({ KUBE_CONFIG_BUCKET: BUCKET, KUBE_CONFIG_OBJECT: OBJECT, ...environment });
  }

  /** The drainer as its event would start it, with the task role's credentials. */
  drain(environment: Readonly<Record<string, string>>): Drainer {
    const task = this.aws.environmentWithContainerCredentials();
    return new Drainer(this.#test, [], { ...task, ...this.#event, ...environment });
  }

  /** What Auto Scaling knows of the hook's action. */
  get action(): { state: string | undefined; result: string | undefined; beats: number | undefined } {
    const [action] = this.aws.lifecycleActions(this.instanceId);
    return { state: action?.state, result: action?.result, beats: action?.beats };
  }
}

function groupOf(instanceId: string): string {
  return `workers-of-${instanceId}`;
}

/** A region that ends with the test. */
async function regionOf(t: TestContext): Promise<AwsSimulator> {
  const aws = await startRegion();
  t.after(() => aws.stop());
  return aws;
}

export function startRegion(): Promise<AwsSimulator> {
  return startAws({ region: REGION });
}
