import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { styleText } from 'node:util';
import { CoreV1Api } from '@kubernetes/client-node';
import { accessEntry } from '../../test/simulator/access-entry.ts';
import type { LaunchedTask } from '../../test/simulator/aws/ecs/task.ts';
import { startAws } from '../../test/simulator/aws/simulator.ts';
import { startKubernetes } from '../../test/simulator/kubernetes/simulator.ts';
import { administrator, create, RBAC } from '../../test/support/administrator.ts';
import { harmText } from '../../test/witness/harm.ts';
import { simulated } from '../../test/witness/simulated-cluster.ts';
import { watchInstances } from '../../test/witness/watch-instances.ts';

/**
 * `npm run demo`: an Auto Scaling group terminates an instance, and the built program drains its node. The rule, the task
 * definition and the environment of the program come from the real CloudFormation template. Only the Kubernetes API server and the
 * AWS APIs are simulated, over HTTP on loopback.
 */
const INSTANCE = 'i-0123456789abcdef0';
const NODE = 'ip-10-0-0-1.eu-central-1.compute.internal';
const CLUSTER = 'demo';

const aws = await startAws({ region: 'eu-central-1' });
const kubernetes = await startKubernetes({
  version: 'v1.34',
  nodes: [
    { name: NODE, providerID: `aws:///eu-central-1a/${INSTANCE}` },
    ...[2, 3].map((n) => ({
      name: `ip-10-0-0-${n}.eu-central-1.compute.internal`,
      providerID: `aws:///eu-central-1a/i-0123456789abcdef${n}`,
    })),
  ],
  // Verifies the token of the program as EKS does, including its signature.
  authenticate: accessEntry(aws, CLUSTER),
});

for (const manifest of [RBAC, new URL('workload.yaml', import.meta.url)]) await create(kubernetes, manifest);
const pods = async () => (await administrator(kubernetes).makeApiClient(CoreV1Api).listPodForAllNamespaces()).items;
while ((await pods()).some(({ status }) => status?.phase !== 'Running')) await pause(200);

aws.createCluster({ name: CLUSTER, endpoint: kubernetes.url, certificateAuthority: kubernetes.ca });
aws.createAutoScalingGroup({ name: 'workers' });
aws.putLifecycleHook({ autoScalingGroupName: 'workers', lifecycleHookName: 'node-drainer', heartbeatTimeout: 30 });
aws.launchInstance({ instanceId: INSTANCE, autoScalingGroupName: 'workers', privateDnsName: NODE });
const witness = await watchInstances(simulated(kubernetes), aws);
const before = await pods();
const onNode = before.filter(({ spec }) => spec?.nodeName === NODE).length;
say(`A simulated EKS cluster runs ${before.length} pods on 3 nodes, ${onNode} of them on ${NODE}.`);
say(`Its Auto Scaling group terminates ${INSTANCE}, and the drainer starts, as on Fargate:`);

aws.deploy(await readFile(new URL('../../infra/cloudformation/drainer.yaml', import.meta.url), 'utf8'), {
  ClusterName: CLUSTER,
  VpcId: 'vpc-0123456789abcdef0',
  SubnetIds: 'subnet-0123456789abcdef0',
  Image: 'node-drainer',
  // The workload has no load balancer to wait for.
  LoadBalancerSeconds: '0',
});
const started = new Promise<LaunchedTask>((resolve) => aws.onRunTask(resolve));
aws.terminateInstance(INSTANCE);
const [lost] = aws.deadLetters;
if (lost !== undefined) throw new Error(`the rule started no task: ${lost.reason}`);
const task = await started;
const command = [new URL('../../dist/main.mjs', import.meta.url).pathname, ...(task.command ?? [])];
say(
  styleText(
    'dim',
    `$ INSTANCE_ID=${task.environment['INSTANCE_ID']} CLUSTER_NAME=${CLUSTER} … node dist/main.mjs drain\n`,
  ),
);
const terminal = ['TERM', 'COLORTERM', 'NO_COLOR', 'FORCE_COLOR'].flatMap((name) => {
  const value = process.env[name];
  return value === undefined ? [] : [[name, value]];
});
const drainer = spawn(process.execPath, command, {
  stdio: 'inherit',
  // The environment of the task, what Fargate adds, and the capabilities of this terminal.
  env: { ...task.environment, ...aws.environmentWithContainerCredentials(), ...Object.fromEntries(terminal) },
});
task.running();
const [code] = await once(drainer, 'exit');
task.stopped(code ?? undefined);

// The replacement of the last pod may still be starting.
for (let looks = 0; looks < 50 && (await pods()).some(({ status }) => status?.phase !== 'Running'); looks++)
  await pause(200);
const after = await pods();
const [action] = aws.lifecycleActions(INSTANCE);
say('');
say(
  `Exit code ${code}. The hook got ${action?.heartbeats} heartbeats, and is ${action?.state}: ${action?.result ?? 'no result'}.`,
);
const remaining = after.filter(({ spec }) => spec?.nodeName === NODE).map(({ metadata }) => metadata?.name);
const harm = await witness.harm();
const moved = runningElsewhere(after) - runningElsewhere(before);
say(`On the node: ${remaining.join(', ') || 'no pods'}. In the cluster: ${after.length} pods again.`);
say(
  `${moved} pods run again elsewhere, ${harm.length === 0 ? 'none was cut off' : `and there was harm: ${harmText(harm)}`}.`,
);
await witness[Symbol.asyncDispose]();
await kubernetes.stop();
await aws.stop();
process.exitCode = code === 0 && action?.result === 'CONTINUE' && harm.length === 0 ? 0 : 1;

function runningElsewhere(all: Awaited<ReturnType<typeof pods>>): number {
  return all.filter(({ spec, status }) => spec?.nodeName !== NODE && status?.phase === 'Running').length;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
