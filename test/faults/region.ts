import { setTimeout as pause } from 'node:timers/promises';
import { CoreV1Api } from '@kubernetes/client-node';
import { HOOK, NO_LOAD_BALANCERS } from '../process/account.ts';
import { Fargate, TASK_PLACEMENT } from '../process/fargate.ts';
import { accessEntry } from '../simulator/access-entry.ts';
import type { AwsOptions } from '../simulator/aws/context.ts';
import { type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';
import { type KubernetesSimulator, startKubernetes } from '../simulator/kubernetes/simulator.ts';
import { administrator, create, RBAC } from '../support/administrator.ts';
import { type Harm, harmText } from '../witness/harm.ts';
import { simulated } from '../witness/simulated-cluster.ts';
import { watchInstances } from '../witness/watch-instances.ts';
import type { Witness } from '../witness/witness.ts';
import { NAMESPACE } from './fault-environment.ts';
import { runPods } from './pods.ts';
import type { FaultResult } from './scenario.ts';

type EksCluster = {
  readonly name: string;
  readonly kubernetes: KubernetesSimulator;
  readonly witness: Witness;
  readonly instances: readonly string[];
};

/** A region with several EKS clusters, each with a group and a hook, and a Fargate that runs the built program for all of them. */
export class Region {
  readonly aws: AwsSimulator;
  readonly fargate: Fargate;
  readonly #clusters: readonly EksCluster[];

  private constructor(aws: AwsSimulator, clusters: readonly EksCluster[], maxRunningTasks: number) {
    this.aws = aws;
    this.#clusters = clusters;
    this.fargate = new Fargate(
      aws,
      { ...aws.environment, CLUSTER_NAME: '*', ...TASK_PLACEMENT, ...NO_LOAD_BALANCERS },
      maxRunningTasks,
    );
  }

  static async open(options: {
    readonly clusters: number;
    readonly nodesPerCluster: number;
    readonly maxRunningTasks: number;
    readonly aws?: AwsOptions;
  }): Promise<Region> {
    const aws = await startAws({ region: 'eu-west-1', ...options.aws });
    const clusters: EksCluster[] = [];
    for (let index = 0; index < options.clusters; index++) {
      clusters.push(await openCluster(aws, index, options.nodesPerCluster));
    }
    return new Region(aws, clusters, options.maxRunningTasks);
  }

  get instances(): readonly string[] {
    return this.#clusters.flatMap(({ instances }) => instances);
  }

  /** Checks every instance and every program, and asks the witness of each cluster. */
  async result(figures: string, more: readonly string[] = []): Promise<FaultResult> {
    const problems = [...more];
    const programs = await this.fargate.allEnded();
    const crashes = programs.filter(({ stderr }) => /\n\s+at /.test(stderr)).length;
    if (crashes > 0) problems.push(`${crashes} ended with a stack trace`);
    let drained = 0;
    const harm: Harm[] = [];
    for (const { kubernetes, instances, witness } of this.#clusters) {
      const core = administrator(kubernetes).makeApiClient(CoreV1Api);
      const { items } = await core.listNamespacedPod({ namespace: NAMESPACE });
      const nodesWithPods = new Set(items.map(({ spec }) => spec?.nodeName));
      drained += instances.filter((id, node) => {
        const [action, ...others] = this.aws.lifecycleActions(id);
        return others.length === 0 && action?.result === 'CONTINUE' && !nodesWithPods.has(nodeOf(node));
      }).length;
      harm.push(...(await witness.harm()));
    }
    return { nodes: this.instances.length, drained, harm: harmText(harm), figures, problems, programs };
  }

  /** Terminates all instances at once, and lets the schedules run until no lifecycle action is pending. */
  async terminateAll(everyMs: number): Promise<number> {
    const startedAt = Date.now();
    for (const instance of this.instances) this.aws.terminateInstance(instance);
    const schedules = this.aws.startSchedules({ everyMs });
    while (this.instances.some((id) => this.aws.lifecycleActions(id).some(({ state }) => state === 'pending'))) {
      await pause(100);
    }
    schedules.stop();
    return Date.now() - startedAt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { witness } of this.#clusters) await witness[Symbol.asyncDispose]();
    await Promise.all([this.aws.stop(), ...this.#clusters.map(({ kubernetes }) => kubernetes.stop())]);
  }
}

async function openCluster(aws: AwsSimulator, index: number, nodes: number): Promise<EksCluster> {
  const name = `cluster-${index}`;
  const instances = Array.from(
    { length: nodes },
    (_, node) => `i-${(index * 4096 + node).toString(16).padStart(17, '0')}`,
  );
  const kubernetes = await startKubernetes({
    nodes: instances.map((id, node) => ({ name: nodeOf(node), providerID: `aws:///eu-west-1a/${id}` })),
    authenticate: accessEntry(aws, name),
  });
  aws.createCluster({ name, endpoint: kubernetes.url, certificateAuthority: kubernetes.ca });
  await create(kubernetes, RBAC);
  const group = `workers-${index}`;
  const tags = { 'eks:cluster-name': name };
  aws.createAutoScalingGroup({ name: group, tags });
  aws.putLifecycleHook({ autoScalingGroupName: group, lifecycleHookName: HOOK, heartbeatTimeout: 7_200 });
  for (const [node, instanceId] of instances.entries()) {
    aws.launchInstance({ instanceId, privateDnsName: nodeOf(node), autoScalingGroupName: group, tags });
  }
  const witness = await watchInstances(simulated(kubernetes), aws);
  const pods = instances.map((_, node) => ({ name: `pod-${node}`, nodeName: nodeOf(node), shutdownMs: 500 }));
  await runPods(administrator(kubernetes).makeApiClient(CoreV1Api), NAMESPACE, pods);
  return { name, kubernetes, witness, instances };
}

/** The clusters are in VPCs of their own: their nodes have the same names. */
function nodeOf(node: number): string {
  return `ip-10-0-${node >> 8}-${node & 255}.eu-west-1.compute.internal`;
}
