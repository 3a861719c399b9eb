import { AutoScalingClient, CompleteLifecycleActionCommand } from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { parse } from 'yaml';
import type { Services } from '../../scripts/local/compose.ts';
import type { Command, Options, Result, Run } from '../../scripts/local/runner.ts';
import { launchSeed, readSeed } from '../simulator/aws/seed.ts';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';

type Worker = { cordoned: boolean; address: string; pods: number };

/** When kind created its nodes. */
const CREATED = '2026-11-22T13:00:00Z';

type Handler = (...words: string[]) => unknown;
type Environment = NonNullable<Options['environment']>;

class Refused extends Error {}

/** Simulates docker, kind and kubectl: records their commands, and fails those that would fail on a real machine. */
export class FakeMachine {
  /** Every command, without the path of the kubeconfig. */
  readonly commands: string[] = [];
  /** Tools that are not installed, and the errors of commands that fail. */
  readonly missing = new Set<string>();
  readonly broken = new Map<string, string>();
  /** Exit code of a drainer that does not drain. */
  drainerExitCode: number | undefined;
  hasCluster = false;
  images = new Set<string>();
  workers = new Map<string, Worker>();
  isAwsRunning = false;
  readonly #aws: AwsSimulator;
  readonly #services: Services;
  #loaded = new Set<string>();
  #hasRights = false;

  constructor(aws: AwsSimulator, services: Services) {
    this.#aws = aws;
    this.#services = services;
  }

  readonly run: Run = async (command, options) => {
    const line = command.join(' ').replace(/ --kubeconfig \S+/, '');
    this.commands.push(line);
    const [program] = command;
    if (this.missing.has(program)) return { code: 127, stdout: '', stderr: `spawn ${program} ENOENT` };
    const complaint = [...this.broken].find(([start]) => line.startsWith(start))?.[1];
    if (complaint !== undefined) return { code: 1, stdout: '', stderr: complaint };
    return this.#perform(command, line, options?.environment ?? {});
  };

  async #perform(command: Command, line: string, environment: Environment): Promise<Result> {
    for (const [form, handle] of this.#handlers(environment)) {
      const words = form.exec(line);
      if (words === null) continue;
      try {
        const output = await handle(...words.slice(1));
        return { code: 0, stdout: typeof output === 'string' ? output : '', stderr: '' };
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return { code: 1, stdout: '', stderr: error.message };
      }
    }
    throw new Error(`unexpected command of a local run: ${command.join(' ')}`);
  }

  readonly #handlers = (environment: Environment): readonly [RegExp, Handler][] => [
    [/^(docker|docker compose|kind|kubectl) version/, () => 'v1'],
    [/^docker compose --profile drain build$/, () => this.#build()],
    [/^docker compose up --detach --wait --force-recreate aws$/, () => this.#startAws(environment)],
    [/^docker compose run --rm drainer$/, () => this.#drain()],
    [/^docker compose --profile drain down --rmi all --remove-orphans$/, () => this.#composeDown()],
    [/^kind get clusters$/, () => (this.hasCluster ? 'other\nnode-drainer\n' : 'other\n')],
    [/^kind create cluster --name node-drainer --config \S+kind.yaml --wait 3m$/, () => this.#createCluster()],
    [/^kind export kubeconfig --name node-drainer$/, () => this.#needCluster()],
    [/^kind load docker-image (\S+) --name node-drainer$/, (image = '') => this.#load(image)],
    [/^kind get kubeconfig --internal --name node-drainer$/, () => this.#kubeconfig()],
    [/^kind delete cluster --name node-drainer$/, () => this.#deleteCluster()],
    [/^kubectl apply --filename \S+infra\/kubernetes\/rbac.yaml$/, () => this.#grantRights()],
    [/^kubectl get nodes .*--output json$/, () => JSON.stringify({ items: [...this.workers].map(nodeObject) })],
    [/^kubectl uncordon (.*)$/, (names = '') => this.#each(names, uncordon)],
    [/^kubectl label nodes (.*) node\S+balancers-$/, (names = '') => this.#each(names, () => undefined)],
    [/^kubectl delete namespace node-drainer-sample --ignore-not-found$/, () => this.#schedule(0)],
    [/^kubectl apply --filename \S+scripts\/local\/workload.yaml$/, () => this.#deploy()],
    [/^kubectl --namespace node-drainer-sample (rollout status deployment\/shop|get pods) /, () => this.#needCluster()],
  ];

  #build(): void {
    this.images = new Set([this.#services.aws.image, this.#services.drainer.image]);
  }

  #createCluster(): void {
    if (this.hasCluster) throw new Refused('node(s) already exist for a cluster with the name "node-drainer"');
    this.hasCluster = true;
    for (const [index, name] of ['worker', 'worker2'].entries()) {
      this.workers.set(name, { cordoned: false, address: `172.18.0.${index + 2}`, pods: 0 });
    }
  }

  #deleteCluster(): void {
    this.hasCluster = false;
  }

  #grantRights(): void {
    this.#needCluster();
    this.#hasRights = true;
  }

  #needCluster(): void {
    if (!this.hasCluster) throw new Refused('no cluster');
  }

  #load(image: string): void {
    this.#needCluster();
    if (!this.images.has(image)) throw new Refused(`image: "${image}" not present locally`);
    this.#loaded.add(image);
  }

  /** Needs kind's network. A new container has no state of an earlier one. */
  #startAws(environment: Environment): void {
    this.#needCluster();
    launchSeed(this.#aws, readSeed({ ...this.#services.aws.environment, ...environment }));
    this.isAwsRunning = true;
  }

  #kubeconfig(): string {
    this.#needCluster();
    return 'users: [{ name: kind, user: { client-key-data: a2V5 } }]\n';
  }

  #each(names: string, change: (worker: Worker) => void): void {
    for (const name of names.split(' ')) {
      const worker = this.workers.get(name);
      if (worker === undefined) throw new Refused(`nodes "${name}" not found`);
      change(worker);
    }
  }

  #deploy(): void {
    if (!this.#loaded.has(this.#services.aws.image)) throw new Refused('ErrImageNeverPull');
    this.#schedule(6);
  }

  #schedule(pods: number): void {
    const open = [...this.workers.values()].filter(({ cordoned }) => !cordoned);
    for (const worker of this.workers.values()) worker.pods = worker.cordoned ? 0 : pods / open.length;
  }

  /** Does what the drainer does, and fails where it would fail. */
  async #drain(): Promise<void> {
    if (this.drainerExitCode === 0) return;
    if (this.drainerExitCode !== undefined || !this.#hasRights) throw new Refused('the drain failed');
    const environment = this.#services.drainer.environment;
    const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_REGION = '' } = environment;
    const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
    const settings = { endpoint: this.#aws.url, region: AWS_REGION, credentials };
    const { KUBE_CONFIG_BUCKET: Bucket, KUBE_CONFIG_OBJECT: Key } = environment;
    const s3 = new S3Client({ ...settings, forcePathStyle: true });
    const text = await (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
    if (parse(text ?? '').users[0].user.as !== 'node-drainer')
      throw new Refused('the kubeconfig does not impersonate node-drainer');
    const { UNPROVEN_NODE: unproven, INSTANCE_ID: instanceId = '' } = environment;
    if (unproven !== 'accept') throw new Refused('nothing proves that a node of kind is the instance');
    const describe = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
    const instance = (await new EC2Client(settings).send(describe)).Reservations?.[0]?.Instances?.[0];
    const worker = [...this.workers.values()].find(({ address }) => address === instance?.PrivateIpAddress);
    if (worker === undefined) throw new Refused('no node has the address of this instance');
    if ((instance?.LaunchTime?.getTime() ?? Number.POSITIVE_INFINITY) > Date.parse(CREATED)) {
      throw new Refused('the node is older than the instance');
    }
    worker.cordoned = true;
    this.#schedule(6);
    await new AutoScalingClient(settings).send(
      new CompleteLifecycleActionCommand({
        AutoScalingGroupName: environment['AUTO_SCALING_GROUP_NAME'],
        LifecycleHookName: environment['LIFECYCLE_HOOK_NAME'],
        InstanceId: environment['INSTANCE_ID'],
        LifecycleActionResult: 'CONTINUE',
      }),
    );
  }

  #composeDown(): void {
    this.isAwsRunning = false;
    this.images.clear();
  }
}

function uncordon(worker: Worker): void {
  worker.cordoned = false;
}

function nodeObject([name, { address }]: [string, Worker]) {
  return {
    metadata: { name, creationTimestamp: CREATED },
    status: { addresses: [{ type: 'InternalIP', address }] },
  };
}
