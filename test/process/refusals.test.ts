import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { folder } from '../support/folder.ts';
import { noHarm } from '../witness/harm.ts';
import { putKubeconfig } from './account.ts';
import { actionOf, INSTANCE, processFixture } from './process-fixture.ts';
import { summaryOf } from './program.ts';

describe('inputs that the drainer refuses', { concurrency: 4 }, () => {
  // Anybody who can write to the bucket runs commands with the task role.
  test('a kubeconfig from the bucket that would run a command is refused, and the command is not run', async (context) => {
    const fixture = await processFixture(context);
    fixture.aws.terminateInstance(INSTANCE);
    const proof = join(await folder(context), 'proof');
    const config = fixture.kubernetes
      .kubeconfig()
      .replace(
        /user:\s*\{?[^}\n]*token: [^}\s]+\}?/,
        `user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: ["${proof}"], interactiveMode: Never}}`,
      );
    assert.match(config, /exec/, 'the kubeconfig of this test has an exec user');
    putKubeconfig(fixture.aws, config);
    const ended = await fixture.drain().ended();
    assert.equal(ended.code, 1);
    assert.match(ended.lines.find(({ event }) => event === 'run failed')?.message ?? '', /refused: user .* has 'exec'/);
    assert.equal(actionOf(fixture).state, 'pending');
    await assert.rejects(access(proof));
    await noHarm(fixture.witness);
  });

  // With two clusters in a region, the drainer of the cluster without that node completes the hook while the other one drains.
  test('an instance whose tags name another cluster is skipped, with no heartbeat and no completion', async (context) => {
    const fixture = await processFixture(context);
    fixture.aws.createCluster({
      name: 'ours',
      endpoint: fixture.kubernetes.url,
      certificateAuthority: fixture.kubernetes.ca,
    });
    const instanceId = 'i-0fedcba9876543210';
    fixture.aws.launchInstance({
      instanceId,
      autoScalingGroupName: 'workers',
      privateDnsName: 'ip-10-9-9-9.eu-west-1.compute.internal',
      tags: { 'kubernetes.io/cluster/theirs': 'owned' },
    });
    fixture.aws.terminateInstance(instanceId);
    const ended = await fixture
      .drain({ INSTANCE_ID: instanceId, CLUSTER_NAME: 'ours', KUBE_CONFIG_BUCKET: '', KUBE_CONFIG_OBJECT: '' })
      .ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'instance of another cluster');
    assert.deepEqual(
      fixture.aws.lifecycleActions(instanceId).map(({ state, heartbeats }) => ({ state, heartbeats })),
      [{ state: 'pending', heartbeats: 0 }],
    );
    await noHarm(fixture.witness);
  });

  // Anybody who can read the log group can act as the drainer.
  test('no secret appears in any line of a failed run', async (context) => {
    const fixture = await processFixture(context, { rbac: false });
    const [event] = fixture.aws.terminateInstance(INSTANCE);
    const token = event?.detail.LifecycleActionToken ?? '';
    const secrets = ['drainer-token', fixture.aws.environment['AWS_SECRET_ACCESS_KEY'] ?? '', token, 'k8s-aws-v1'];
    const settings = { LIFECYCLE_HOOK_NAME: 'node-drainer', LIFECYCLE_ACTION_TOKEN: token };
    const denied = await fixture.drain(settings).ended();
    putKubeconfig(fixture.aws, `users:\n- name: u\n  user: {token: drainer-token}}\n`);
    const unreadable = await fixture.drain(settings).ended();
    putKubeconfig(fixture.aws, 'drainer-token');
    const malformed = await fixture.drain(settings).ended();
    const mistyped = await fixture.drain({ ...settings, LIFECYCLE_ACTION_TOKEN: `${token}0`, INSTANCE_ID: '' }).ended();
    assert.deepEqual([denied.code, unreadable.code, malformed.code, mistyped.code], [1, 1, 1, 64]);
    for (const { lines, stderr } of [denied, unreadable, malformed, mistyped]) {
      const output = JSON.stringify(lines) + stderr;
      for (const secret of secrets) assert.ok(!output.includes(secret), `${secret} in ${output}`);
    }
    await noHarm(fixture.witness);
  });
});
