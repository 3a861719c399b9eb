import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { type KubernetesObject, loadAllYaml, type V1Deployment } from '@kubernetes/client-node';
import { Account } from '../../scripts/local/account.ts';
import { readCompose } from '../../scripts/local/compose.ts';
import { merge } from './admin.ts';
import { POOL } from './manifests.ts';
import { EKSCTL_LABEL } from './nodes.ts';
import { Scenario } from './scenario.ts';
import type { Lab } from './test-cluster.ts';

type Environment = Readonly<Record<string, string>>;

/** The two services of docker-compose.yml, as processes or as containers of this machine. */
type Parts = {
  /** Starts the simulated AWS and gives its URL. */
  startAws(environment: Environment): Promise<string>;
  /** Runs the drainer to its end. */
  drain(environment: Environment): Promise<{ exitCode: number | null; text: string }>;
};

/**
 * What `npm run local` does, on the cluster under test: the environment comes from docker-compose.yml, the services' host
 * names become this machine's loopback. Fails unless the worker is drained under its budget and the hook completed.
 */
export async function localFlow(t: TestContext, lab: Lab, parts: Parts): Promise<void> {
  const scenario = await Scenario.open(t, lab);
  const { aws, drainer } = await readCompose(await instanceOf(scenario));
  const endpoint = await parts.startAws({ ...aws.environment, HOST: '127.0.0.1', PORT: '0' });
  const account = new Account(endpoint, drainer);

  await account.storeKubeconfig(lab.drainerText);
  const label = { metadata: { labels: { [EKSCTL_LABEL]: account.instanceId } } };
  await lab.admin.core.patchNode({ name: scenario.worker, body: label }, merge);
  await deploySample(scenario);
  await account.terminateInstance();
  await assert.rejects(account.needCompletedHook(), /Terminating:Wait/, 'the hook holds the instance back');

  const { exitCode, text } = await parts.drain({ ...drainer.environment, AWS_ENDPOINT_URL: endpoint });
  assert.equal(exitCode, 0, text);
  await account.needCompletedHook();
  const moved = await scenario.ready('shop', 6);
  assert.ok(moved.every(({ spec }) => spec?.nodeName !== scenario.worker));
  assert.equal((await lab.admin.core.readNode({ name: scenario.worker })).spec?.unschedulable, true);
}

/** A node whose provider ID says which instance it is can be no other's; kind's say nothing, and get the default. */
async function instanceOf({ lab, worker }: Scenario): Promise<{ INSTANCE_ID?: string }> {
  const { spec } = await lab.admin.core.readNode({ name: worker });
  const own = /^aws:\/\/.*\/(i-[0-9a-f]+)$/.exec(spec?.providerID ?? '')?.[1];
  return own === undefined ? {} : { INSTANCE_ID: own };
}

/** scripts/local/workload.yaml in the scenario's namespace, all of it on the worker, with an image that needs no loading. */
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
