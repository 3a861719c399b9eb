import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { folder } from '../support/folder.ts';
import { putKubeconfig } from './account.ts';
import { actionOf, INSTANCE, world } from './process-fixture.ts';
import { summaryOf } from './program.ts';

describe('what the drainer refuses', { concurrency: 4 }, () => {
  test('a kubeconfig from the bucket that would run a command is refused, and the command is not run', async (context) => {
    // Otherwise: whoever may write to the bucket runs programs with the role of the task.
    const w = await world(context);
    w.aws.terminateInstance(INSTANCE);
    const proof = join(await folder(context), 'proof');
    const config = w.kubernetes
      .kubeconfig()
      .replace(
        /user:\s*\{?[^}\n]*token: [^}\s]+\}?/,
        `user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: ["${proof}"], interactiveMode: Never}}`,
      );
    assert.match(config, /exec/, 'the kubeconfig of this test has an exec user');
    putKubeconfig(w.aws, config);
    const ended = await w.drain().ended();
    assert.equal(ended.code, 1);
    assert.match(ended.lines.find(({ event }) => event === 'run failed')?.message ?? '', /refused: user .* has 'exec'/);
    assert.equal(actionOf(w).state, 'pending');
    await assert.rejects(access(proof));
  });

  test('an instance whose tags name another cluster is left to the drainer of that cluster', async (context) => {
    // Otherwise: of two clusters in a region, the one that has no such node continues the hook while the other drains.
    const w = await world(context);
    w.aws.createCluster({ name: 'ours', endpoint: w.kubernetes.url, certificateAuthority: w.kubernetes.ca });
    const instanceId = 'i-0fedcba9876543210';
    w.aws.launchInstance({
      instanceId,
      autoScalingGroupName: 'workers',
      privateDnsName: 'ip-10-9-9-9.eu-west-1.compute.internal',
      tags: { 'kubernetes.io/cluster/theirs': 'owned' },
    });
    w.aws.terminateInstance(instanceId);
    const ended = await w
      .drain({ INSTANCE_ID: instanceId, CLUSTER_NAME: 'ours', KUBE_CONFIG_BUCKET: '', KUBE_CONFIG_OBJECT: '' })
      .ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'instance of another cluster');
    assert.deepEqual(
      w.aws.lifecycleActions(instanceId).map(({ state, beats }) => ({ state, beats })),
      [{ state: 'pending', beats: 0 }],
    );
  });

  test('no secret shows in any line, whatever goes wrong', async (context) => {
    // Otherwise: everybody who may read the log group may act as the drainer.
    const w = await world(context, { rbac: false });
    const [event] = w.aws.terminateInstance(INSTANCE);
    const token = event?.detail.LifecycleActionToken ?? '';
    const secrets = ['drainer-token', w.aws.environment['AWS_SECRET_ACCESS_KEY'] ?? '', token, 'k8s-aws-v1'];
    const settings = { LIFECYCLE_HOOK_NAME: 'node-drainer', LIFECYCLE_ACTION_TOKEN: token };
    const denied = await w.drain(settings).ended();
    putKubeconfig(w.aws, `users:\n- name: u\n  user: {token: drainer-token}}\n`);
    const unreadable = await w.drain(settings).ended();
    putKubeconfig(w.aws, 'drainer-token');
    const nonsense = await w.drain(settings).ended();
    const mistyped = await w.drain({ ...settings, LIFECYCLE_ACTION_TOKEN: `${token}0`, INSTANCE_ID: '' }).ended();
    assert.deepEqual([denied.code, unreadable.code, nonsense.code, mistyped.code], [1, 1, 1, 64]);
    for (const { lines, stderr } of [denied, unreadable, nonsense, mistyped]) {
      const output = JSON.stringify(lines) + stderr;
      for (const secret of secrets) assert.ok(!output.includes(secret), `${secret} in ${output}`);
    }
  });
});
