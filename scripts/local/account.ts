import {
  AutoScalingClient,
  DescribeAutoScalingInstancesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Services } from './compose.ts';
import { StepFailed } from './runner.ts';

/** The simulated AWS account, accessed with the same calls as a real one. */
export class Account {
  readonly #autoScaling: AutoScalingClient;
  readonly #s3: S3Client;
  readonly #drainer: Readonly<Record<string, string>>;

  /** @param drainer its environment has the access keys, and the names of the group, the bucket and the instance */
  constructor(endpoint: string, { environment }: Services['drainer']) {
    this.#drainer = environment;
    const settings = {
      endpoint,
      region: this.#value('AWS_REGION'),
      credentials: {
        accessKeyId: this.#value('AWS_ACCESS_KEY_ID'),
        secretAccessKey: this.#value('AWS_SECRET_ACCESS_KEY'),
      },
    };
    this.#autoScaling = new AutoScalingClient(settings);
    this.#s3 = new S3Client({ ...settings, forcePathStyle: true });
  }

  get instanceId(): string {
    return this.#value('INSTANCE_ID');
  }

  /** The S3 URL from which the drainer reads its kubeconfig. */
  get kubeconfigObject(): string {
    return `s3://${this.#value('KUBE_CONFIG_BUCKET')}/${this.#value('KUBE_CONFIG_OBJECT')}`;
  }

  async storeKubeconfig(text: string): Promise<void> {
    const [Bucket, Key] = [this.#value('KUBE_CONFIG_BUCKET'), this.#value('KUBE_CONFIG_OBJECT')];
    await this.#s3.send(new PutObjectCommand({ Bucket, Key, Body: text }));
  }

  async terminateInstance(): Promise<void> {
    const input = { InstanceId: this.instanceId, ShouldDecrementDesiredCapacity: false };
    await this.#autoScaling.send(new TerminateInstanceInAutoScalingGroupCommand(input));
  }

  /** @throws StepFailed while the group still waits for the lifecycle hook of the instance */
  async needCompletedHook(): Promise<void> {
    const state = await this.#lifecycleState();
    if (state === undefined || state === 'Terminating:Proceed') return;
    throw new StepFailed(`the lifecycle hook is not completed: ${this.instanceId} is ${state}`);
  }

  /** Undefined once the instance has left the group. */
  async #lifecycleState(): Promise<string | undefined> {
    const command = new DescribeAutoScalingInstancesCommand({ InstanceIds: [this.instanceId] });
    return (await this.#autoScaling.send(command)).AutoScalingInstances?.[0]?.LifecycleState;
  }

  #value(name: string): string {
    const value = this.#drainer[name];
    if (value === undefined) throw new Error(`docker-compose.yml: the environment of service drainer has no ${name}`);
    return value;
  }
}
