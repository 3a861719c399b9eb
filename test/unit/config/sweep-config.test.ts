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

// A sweep with half a kubeconfig location starts a task for every instance, and each task exits with 64.
test('each missing setting is named, and the bucket of a kubeconfig requires its object', () => {
  const { CLUSTER_NAME: _, ...noCluster } = GOOD;
  assert.match(errors(noCluster).join(), /^no cluster given/);
  for (const half of [{ KUBE_CONFIG_BUCKET: 'bucket' }, { KUBE_CONFIG_OBJECT: 'key' }]) {
    for (const rest of [GOOD, noCluster])
      assert.match(errors({ ...rest, ...half }).join(), /^KUBE_CONFIG_\w+ requires KUBE_CONFIG_\w+$/);
  }
  for (const name of Object.keys(GOOD).filter((each) => each !== 'CLUSTER_NAME')) {
    assert.deepEqual(errors({ ...GOOD, [name]: '' }), [`${name} is missing`]);
  }
});

// In a region of several clusters, the sweep starts hundreds of tasks for the wrong one.
test('the kubeconfig takes precedence over the name of an EKS cluster, as in a drain', () => {
  assert.deepEqual(read(GOOD).cluster, { kind: 'eks', name: 'prod', region: 'eu-central-1' });
  const both = read({ ...GOOD, KUBE_CONFIG_BUCKET: 'bucket', KUBE_CONFIG_OBJECT: 'key' });
  assert.equal(both.cluster.kind, 'kubeconfig-object');
});

// A sweep with half of a discovery starts a task for every instance, and each task exits with 64.
test('half of a discovery by tags is an error, as in a drain', () => {
  const s3 = { KUBE_CONFIG_BUCKET: 'configs', KUBE_CONFIG_OBJECT: 'config' };
  assert.match(errors({ ...GOOD, ...s3, CLUSTER_NAME: '*' }).join(), /^CLUSTER_NAME=\* requires \{cluster\}/);
  const { CLUSTER_NAME: _, ...noCluster } = GOOD;
  assert.match(errors({ ...noCluster, ...s3, KUBE_CONFIG_OBJECT: '{cluster}' }).join(), /requires CLUSTER_NAME/);
  const every = read({ ...GOOD, CLUSTER_NAME: '*' });
  assert.deepEqual(every.cluster, { kind: 'by-tags', template: { kind: 'eks', region: 'eu-central-1' } });
});

// A sweep that was started because an instance waits would check a thousand groups first.
test('groups are checked by the sweep from the clock, and by others only if they are told to', () => {
  assert.equal(read(GOOD).checkGroups, false);
  assert.equal(read({ ...GOOD, SCHEDULED_TIME: '2026-01-02T03:04:05Z' }).checkGroups, true);
  assert.equal(read({ ...GOOD, SCHEDULED_TIME: '2026-01-02T03:04:05Z', CHECK_GROUPS: 'false' }).checkGroups, false);
  assert.equal(read({ ...GOOD, CHECK_GROUPS: 'true' }).checkGroups, true);
});

// Terminating retained instances needs a permission that most stacks do not have.
test('retained instances are adopted only with RETAINED=finish', () => {
  assert.deepEqual([read(GOOD).finishRetained, read({ ...GOOD, RETAINED: 'finish' }).finishRetained], [false, true]);
});

// An operator pauses the drainer, and its sweeps go on starting drains.
test('ENABLED=false pauses the sweep', () => {
  assert.deepEqual([read(GOOD).paused, read({ ...GOOD, ENABLED: 'false' }).paused], [false, true]);
});
