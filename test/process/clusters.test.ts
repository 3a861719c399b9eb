import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { CoreV1Api } from '@kubernetes/client-node';
import { type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';
import { type KubernetesSimulator, startKubernetes } from '../simulator/kubernetes/simulator.ts';
import { administrator, create, RBAC } from '../support/administrator.ts';
import { extract } from '../support/emf.ts';
import { noHarm } from '../witness/harm.ts';
import { simulated } from '../witness/simulated-cluster.ts';
import { watchInstances } from '../witness/watch-instances.ts';
import { GROUP, HOOK, launchGroup, NO_LOAD_BALANCERS } from './account.ts';
import { Fargate, TASK_PLACEMENT } from './fargate.ts';
import { Program, summaryOf } from './program.ts';

const BUCKET = 'configs';
const NAMES = ['prod', 'lab'] as const;
type ClusterName = (typeof NAMES)[number];

/** One instance per cluster, and one that belongs to none. */
const INSTANCES = { prod: 'i-00000000000000001', lab: 'i-00000000000000002', stray: 'i-00000000000000003' } as const;
const nodeOf = (name: string) => `ip-10-0-0-${name.length}.eu-west-1.compute.internal`;

/** An account with two clusters whose kubeconfigs lie in one bucket, and one drainer for both. */
async function twoClusters(context: TestContext, strayTags: Record<string, string>) {
  const aws = await startAws({ region: 'eu-west-1' });
  const clusters = new Map<ClusterName, KubernetesSimulator>();
  launchGroup(aws, []);
  aws.createBucket(BUCKET);
  for (const name of NAMES) {
    const providerID = `aws:///eu-west-1a/${INSTANCES[name]}`;
    const kubernetes = await startKubernetes({ nodes: [{ name: nodeOf(name), providerID }] });
    await create(kubernetes, RBAC);
    aws.putObject(BUCKET, `clusters/${name}/kubeconfig`, kubernetes.kubeconfig('node-drainer'));
    launch(aws, INSTANCES[name], nodeOf(name), { 'eks:cluster-name': name });
    clusters.set(name, kubernetes);
  }
  launch(aws, INSTANCES.stray, nodeOf('stray'), strayTags);
  const witnesses = await Promise.all([...clusters.values()].map((each) => watchInstances(simulated(each), aws)));
  context.after(async () => {
    for (const witness of witnesses) await witness[Symbol.asyncDispose]();
    await Promise.all([aws.stop(), ...[...clusters.values()].map((each) => each.stop())]);
  });
  const environment = {
    ...aws.environment,
    ...TASK_PLACEMENT,
    ...NO_LOAD_BALANCERS,
    CLUSTER_NAME: '*',
    KUBE_CONFIG_BUCKET: BUCKET,
    KUBE_CONFIG_OBJECT: 'clusters/{cluster}/kubeconfig',
    LIFECYCLE_HOOK_NAME: HOOK,
    DRAINER_NAME: 'drains',
  };
  return {
    aws,
    clusters,
    environment,
    drain: (instanceId: string, more: Record<string, string> = {}) =>
      new Program(['drain'], { ...environment, INSTANCE_ID: instanceId, ...more }, () => aws.secrets),
    async isCordoned(name: ClusterName): Promise<boolean> {
      const kubernetes = clusters.get(name);
      assert.ok(kubernetes);
      const node = await administrator(kubernetes).makeApiClient(CoreV1Api).listNode();
      return node.items.some(({ spec }) => spec?.unschedulable === true);
    },
    noHarm: async () => {
      for (const witness of witnesses) await noHarm(witness);
    },
  };
}

function launch(aws: AwsSimulator, instanceId: string, privateDnsName: string, tags: Record<string, string>): void {
  aws.launchInstance({ instanceId, privateDnsName, autoScalingGroupName: GROUP, tags });
}

describe('one drainer for many clusters', { concurrency: 4 }, () => {
  // The first cluster's node is drained for every instance, or none is found and the hooks are completed.
  test('each instance is drained in the cluster that its tags name, and its metrics have the name of that cluster', async (context) => {
    const region = await twoClusters(context, {});
    for (const name of NAMES) {
      region.aws.terminateInstance(INSTANCES[name]);
      const ended = await region.drain(INSTANCES[name]).ended();
      assert.equal(ended.code, 0, ended.stderr);
      const summary = summaryOf(ended);
      assert.deepEqual([summary['result'], summary['cluster'], summary['node']], ['drained', name, nodeOf(name)]);
      assert.deepEqual(extract(summary).dimensions, [{ Drainer: 'drains' }, { Cluster: name }]);
      assert.deepEqual([await region.isCordoned('prod'), await region.isCordoned('lab')], [true, name === 'lab']);
      assert.equal(region.aws.lifecycleActions(INSTANCES[name])[0]?.result, 'CONTINUE');
    }
    await region.noHarm();
  });

  // Whoever may tag an instance chooses whose kubeconfig is read; or the hook of an instance that nobody has looked at is
  // completed, because ON_FAILURE says so.
  test('an instance whose tags name two clusters, none or a path is refused, and nothing is touched', async (context) => {
    const lies: readonly Record<string, string>[] = [
      { 'eks:cluster-name': 'prod', 'kubernetes.io/cluster/lab': 'shared' },
      { 'node-drainer/cluster': '../../other', 'eks:cluster-name': 'prod' },
      { Name: 'prod' },
    ];
    for (const tags of lies) {
      const region = await twoClusters(context, tags);
      region.aws.putObject(BUCKET, 'clusters/../../other/kubeconfig', 'not a kubeconfig');
      region.aws.putObject(BUCKET, 'other/kubeconfig', 'not a kubeconfig');
      region.aws.terminateInstance(INSTANCES.stray);
      const ended = await region.drain(INSTANCES.stray, { ON_FAILURE: 'continue' }).ended();
      assert.equal(ended.code, 1, ended.stderr);
      const summary = summaryOf(ended);
      assert.deepEqual(
        [summary['result'], summary['hook'], summary['cluster']],
        ['cluster unknown', 'not completed', undefined],
      );
      assert.equal(extract(summary).metrics['ClustersUnknown'], 1);
      const failed = ended.lines.find(({ event }) => event === 'run failed');
      assert.match(failed?.message ?? '', /^the cluster of i-\w+ is unknown: its tags name /);
      assert.match(String(failed?.['advice']), /node-drainer\/cluster/);
      assert.equal(region.aws.lifecycleActions(INSTANCES.stray)[0]?.state, 'pending');
      assert.ok(!region.aws.requests.some(({ action }) => /^s3:|^eks:|Heartbeat|Complete/.test(action)));
      assert.deepEqual([await region.isCordoned('prod'), await region.isCordoned('lab')], [false, false]);
      await region.noHarm();
    }
  });

  // A sweep starts a task every five minutes that can only fail, or none for the instances of the second cluster.
  test('a sweep starts the drains of both clusters, and names the instance of neither', async (context) => {
    const region = await twoClusters(context, { 'node-drainer/cluster': '../../other' });
    const fargate = new Fargate(region.aws, region.environment);
    for (const instanceId of Object.values(INSTANCES)) region.aws.terminateInstance(instanceId);
    const swept = await new Program(['sweep'], region.environment, () => region.aws.secrets).ended();
    assert.equal(swept.code, 0, swept.stderr);
    const summary = swept.lines.at(-1);
    assert.ok(summary);
    assert.deepEqual([summary['waiting'], summary['started'], summary['clustersUnknown']], [3, 2, 1]);
    assert.deepEqual(extract(summary).dimensions, [{ Drainer: 'drains' }]);
    const warning = swept.lines.find(({ event }) => event === 'warning');
    assert.match(warning?.message ?? '', /i-00000000000000003 of workers \(its tags name '\.\.\/\.\.\/other'/);
    const ended = await fargate.allEnded();
    assert.deepEqual(ended.map((each) => summaryOf(each)['cluster']).sort(), ['lab', 'prod']);
    // The successor of a drain looks the cluster up again.
    assert.ok(region.aws.tasks.every(({ overrides }) => overrides['CLUSTER_NAME'] === undefined));
    await region.noHarm();
  });
});
