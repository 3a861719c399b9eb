import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigErrors } from '../../../app/config/setting-values.ts';
import { readSweepConfig } from '../../../app/config/sweep-config.ts';

const GOOD = {
  AWS_REGION: 'eu-central-1',
  LIFECYCLE_HOOK_NAME: 'node-drainer',
  CLUSTER_NAME: 'prod',
  ECS_CLUSTER: 'drains',
  TASK_DEFINITION: 'node-drainer',
  SUBNET_IDS: 'subnet-0123456789abcdef0',
  SECURITY_GROUP_IDS: 'sg-0123456789abcdef0',
};
const read = (environment: Record<string, string>) => readSweepConfig(environment, { settings: {}, dryRun: false });

function errors(environment: Record<string, string>): readonly string[] {
  try {
    read(environment);
  } catch (error) {
    assert.ok(error instanceof ConfigErrors);
    return error.errors;
  }
  return [];
}

// A sweep that takes half a kubeconfig for one starts a task for every instance, and each of them ends with 64.
test('each thing that is missing is named, and half a kubeconfig is none', () => {
  const { CLUSTER_NAME: _, ...noCluster } = GOOD;
  assert.match(errors(noCluster).join(), /^nothing says which cluster/);
  for (const half of [{ KUBE_CONFIG_BUCKET: 'bucket' }, { KUBE_CONFIG_OBJECT: 'key' }]) {
    for (const rest of [GOOD, noCluster]) assert.match(errors({ ...rest, ...half }).join(), /^KUBE.* go together/);
  }
  for (const name of Object.keys(GOOD).filter((each) => each !== 'CLUSTER_NAME')) {
    assert.deepEqual(errors({ ...GOOD, [name]: '' }), [`${name} is missing`]);
  }
});

// In a region of several clusters, tasks of the wrong one would be started by the hundred.
test('the kubeconfig wins over the name of an EKS cluster, as it does in a drain', () => {
  assert.deepEqual(read(GOOD).cluster, { kind: 'eks', name: 'prod', region: 'eu-central-1' });
  const both = read({ ...GOOD, KUBE_CONFIG_BUCKET: 'bucket', KUBE_CONFIG_OBJECT: 'key' });
  assert.equal(both.cluster.kind, 'kubeconfig-object');
});
