import { setTimeout as pause } from 'node:timers/promises';
import { awsError } from '../simulator/aws/protocol/errors.ts';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import { followNodes } from '../support/target-controller.ts';
import { CLUSTER, FaultEnvironment } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';

type LoadBalancingFault = {
  readonly name: string;
  /** Makes calls to Elastic Load Balancing fail. */
  readonly cause: (aws: AwsSimulator) => Promise<void> | void;
  /** LOAD_BALANCER_SECONDS: too few for the load balancer, unless the target groups cannot be asked. */
  readonly leastSeconds?: number;
};

const NODES = 3;
const HEALTH = 'elasticloadbalancing:DescribeTargetHealth';

/** How long the NLB takes to let a target go. */
const DEREGISTRATION_MS = 15_000;

const isLoadBalancing = ({ path }: { path: string }) => path.startsWith('elasticloadbalancing:');

const FAULTS: readonly LoadBalancingFault[] = [
  {
    name: 'Elastic Load Balancing throttles every second call',
    cause: ({ faults }) => {
      let calls = 0;
      const when = (call: { path: string }) => isLoadBalancing(call) && calls++ % 2 === 0;
      faults.add({ when, fault: { kind: 'throttle' } });
    },
  },
  {
    name: 'Elastic Load Balancing does not answer for 20 s',
    cause: async ({ faults, requests }) => {
      const looks = () => requests.filter(({ action, status }) => action === HEALTH && status === 200).length;
      // Until then, nothing is known of the targets.
      while (looks() < NODES) await pause(50);
      const rule = faults.add({ when: isLoadBalancing, fault: { kind: 'hang' } });
      await pause(20_000);
      rule.remove();
    },
  },
  {
    name: 'the task may not describe target groups, LOAD_BALANCER_SECONDS=20',
    leastSeconds: 20,
    cause: ({ faults }) => {
      faults.add({ when: isLoadBalancing, fault: awsError('elasticloadbalancing', 'AccessDenied') });
    },
  },
];

/** Three nodes at once are targets of an NLB: whoever completes a hook too early costs requests, which the witness sees. */
export const loadBalancing: readonly FaultScenario[] = FAULTS.map(({ name, cause, leastSeconds = 0 }) => ({
  name: `an NLB needs ${DEREGISTRATION_MS / 1_000} s to let three nodes go; ${name}`,
  busy: false,
  run: async (): Promise<FaultResult> => {
    await using fixture = await FaultEnvironment.open({ nodes: NODES, podsPerNode: 4, shutdownMs: 6_000, eks: true });
    const { aws, kubernetes } = fixture;
    const group = aws.createTargetGroup({
      ...{ name: 'k8s-shop-web', of: 'network', slowMs: DEREGISTRATION_MS },
      tags: { 'elbv2.k8s.aws/cluster': CLUSTER },
    });
    const stop = followNodes(kubernetes, aws, { group });
    const startedAt = Date.now();
    const environment = { LOAD_BALANCER_SECONDS: String(leastSeconds) };
    const workers = fixture.instances.map((id) => fixture.drain(id, environment));
    await Promise.all([cause(aws), ...workers.map((worker) => worker.ended())]);
    stop();
    return await resultOf(fixture, seconds(Date.now() - startedAt));
  },
}));
