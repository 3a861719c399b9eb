import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { readConfig } from '../../app/config/drain-config.ts';
import { interpolate, publishedAt, readCompose } from '../../scripts/local/compose.ts';
import { impersonating } from '../../scripts/local/kubeconfig.ts';
import { readSeed, SeedErrors } from '../simulator/aws/seed.ts';

const services = await readCompose({});
const NO_FLAGS = { settings: {}, dryRun: false, force: false };

// A setting that was renamed in the program fails only when the compose file is used.
test("the compose file's drainer has a valid configuration", () => {
  const { target, cluster } = readConfig(services.drainer.environment, NO_FLAGS);
  assert.equal(target.kind, 'instance');
  assert.equal(cluster.kind, 'kubeconfig-object');
});

// Different keys or names look like a wrong signature or a missing permission.
test('the simulated account and the drainer have the same settings', () => {
  const { aws, drainer } = services;
  for (const name of [
    ...['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'KUBE_CONFIG_BUCKET'],
    ...['INSTANCE_ID', 'AUTO_SCALING_GROUP_NAME', 'LIFECYCLE_HOOK_NAME'],
  ]) {
    assert.ok(aws.environment[name], name);
    assert.equal(drainer.environment[name], aws.environment[name], name);
  }
});

// A drainer that refuses the nodes of kind, because their provider IDs name no instance, fails every local run.
test('the compose file accepts a node by its address, which the simulated EC2 has from the shell', async () => {
  assert.equal(readConfig(services.drainer.environment, NO_FLAGS).unprovenNode, 'accept');
  const { aws } = await readCompose({ PRIVATE_IP_ADDRESS: '172.18.0.3', LAUNCH_TIME: '2026-11-22T13:00:00Z' });
  const seed = readSeed(aws.environment);
  assert.equal(seed.privateIpAddress, '172.18.0.3');
  assert.equal(seed.launchTime, Date.UTC(2026, 10, 22, 13));
  assert.equal(readSeed(services.aws.environment).privateIpAddress, undefined);
});

// Compose resolves only service names: with another name or port, the endpoint is unreachable.
test("the drainer's endpoint is the port that the simulated AWS listens on and publishes", () => {
  const { PORT, HOST } = services.aws.environment;
  assert.equal(services.drainer.environment['AWS_ENDPOINT_URL'], `http://aws:${PORT}`);
  assert.equal(publishedAt(services.aws), `http://127.0.0.1:${PORT}`);
  assert.equal(HOST, '0.0.0.0', 'a loopback address is unreachable from other containers');
});

// If only one service gets the instance ID, the drainer looks for an instance that the group does not have.
test('INSTANCE_ID from the shell replaces the default in both services', async () => {
  const { aws, drainer } = await readCompose({ INSTANCE_ID: 'i-00000000' });
  assert.equal(aws.environment['INSTANCE_ID'], 'i-00000000');
  assert.equal(drainer.environment['INSTANCE_ID'], 'i-00000000');
});

// Compose's `:-` also replaces an empty variable: otherwise the test reads another configuration than Compose.
test('interpolation uses the default for an absent or empty variable', () => {
  assert.equal(interpolate(['A:-x', 'B:-y', 'C:-'].map((part) => `$\{${part}}`).join(' '), { A: '', B: 'z' }), 'x z ');
});

// A simulator without its group replies to every request with a misleading error.
test('the simulated AWS reports every error in its environment', () => {
  assert.throws(
    () => readSeed({ PORT: 'http', INSTANCE_ID: 'i-1' }),
    (error: unknown) => {
      assert.ok(error instanceof SeedErrors);
      const faults = error.message.split('\n');
      assert.ok(faults.includes("PORT ('http') is invalid"));
      assert.ok(faults.includes("INSTANCE_ID ('i-1') is invalid"));
      assert.ok(faults.includes('KUBE_CONFIG_BUCKET is missing'));
      assert.equal(faults.length, 9);
      return true;
    },
  );
});

// With administrator permissions, the drainer passes with any RBAC manifest.
test("the stored kubeconfig keeps the administrator's key and impersonates node-drainer", () => {
  const text = [
    'clusters: [{ name: kind, cluster: { server: "https://control-plane:6443" } }]',
    'contexts: [{ name: kind, context: { cluster: kind, user: kind } }]',
    'current-context: kind',
    'users: [{ name: kind, user: { client-certificate-data: YQ==, client-key-data: Yg== } }]',
  ].join('\n');
  const config = new KubeConfig();
  config.loadFromString(impersonating(text, 'node-drainer'));
  const user = config.getCurrentUser();
  assert.equal(user?.impersonateUser, 'node-drainer');
  assert.equal(user?.keyData, 'Yg==');
  assert.equal(config.getCurrentCluster()?.server, 'https://control-plane:6443');
});
