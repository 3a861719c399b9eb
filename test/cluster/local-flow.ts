import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { type KubernetesObject, loadAllYaml, type V1Deployment } from '@kubernetes/client-node';
import { Account } from '../../scripts/local/account.ts';
import { readCompose } from '../../scripts/local/compose.ts';
import { POOL } from './manifests.ts';
import { Scenario } from './scenario.ts';
import type { TestCluster } from './test-cluster.ts';

type Environment = Readonly<Record<string, string>>;

/** How to run the two services of docker-compose.yml: as processes or as containers on this machine. */
type Parts = {
  /** Starts the simulated AWS and returns its URL. */
  startAws(environment: Environment): Promise<string>;
  /** Runs the drainer until it ends. */
  drain(environment: Environment): Promise<{ exitCode: number | null; text: string }>;
};

/**
 * Does what `npm run local` does, on the cluster under test: the environment comes from docker-compose.yml, and the services' host
 * names become this machine's loopback address. Fails unless the worker is drained under its budget and the hook completed.
 */
export async function localFlow(t: TestContext, cluster: TestCluster, parts: Parts): Promise<void> {
  const scenario = await Scenario.open(t, cluster);
  const { aws, drainer } = await readCompose(await instanceOf(scenario));
  const endpoint = await parts.startAws({ ...aws.environment, HOST: '127.0.0.1', PORT: '0' });
  const account = new Account(endpoint, drainer);

  await account.storeKubeconfig(cluster.drainerText);
  await deploySample(scenario);
  await account.terminateInstance();
  await assert.rejects(account.needCompletedHook(), /Terminating:Wait/, 'the instance waits for its hook');

  const { exitCode, text } = await parts.drain({ ...drainer.environment, AWS_ENDPOINT_URL: endpoint });
  assert.equal(exitCode, 0, text);
  await account.needCompletedHook();
  const moved = await scenario.ready('shop', 6);
  assert.ok(moved.every(({ spec }) => spec?.nodeName !== scenario.worker));
  assert.equal((await cluster.admin.core.readNode({ name: scenario.worker })).spec?.unschedulable, true);
}

/** The instance that the node's provider ID names. Nodes of kind name none: they have the address of the default instance. */
async function instanceOf({ cluster, worker }: Scenario): Promise<Environment> {
  const { spec, status, metadata } = await cluster.admin.core.readNode({ name: worker });
  const own = /^aws:\/\/.*\/(i-[0-9a-f]+)$/.exec(spec?.providerID ?? '')?.[1];
  if (own !== undefined) return { INSTANCE_ID: own };
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  assert.ok(address !== undefined && metadata?.creationTimestamp !== undefined, `${worker} has an address and an age`);
  return { PRIVATE_IP_ADDRESS: address, LAUNCH_TIME: `${metadata.creationTimestamp.toISOString().slice(0, 19)}Z` };
}

/** Deploys scripts/local/workload.yaml in the scenario's namespace, on the worker only, with an image that needs no loading. */
async function deploySample(scenario: Scenario): Promise<void> {
  const text = await readFile(new URL('../../scripts/local/workload.yaml', import.meta.url), 'utf8');
  const objects: KubernetesObject[] = loadAllYaml(text);
  const sample = objects.find(isDeployment);
  assert.ok(sample?.spec?.template.spec, 'the sample workload has a deployment');
  const pod = sample.spec.template.spec;
  pod.nodeSelector = { [POOL]: scenario.namespace };
  pod.containers = [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }];
  await scenario.startOnWorker(sample, sample.spec.replicas ?? 1);
  await scenario.budget('shop', 'shop', { maxUnavailable: 1 }, sample.spec.replicas ?? 1);
}

function isDeployment(object: KubernetesObject): object is V1Deployment {
  return object.kind === 'Deployment';
}
