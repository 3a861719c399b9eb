import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Scenario } from './scenario.ts';
import { instanceIdOf, startRegion, Termination } from './termination.ts';
import { type Authenticate, isSimulated, openTestCluster, webhookPort } from './test-cluster.ts';

const CLUSTER = 'production';
const aws = await startRegion();

/** Authenticates as EKS does: the IAM principal that signed a token for this cluster gets the groups of its access entry. */
const authenticate: Authenticate = (token) => {
  const identity = aws.verifyToken(token, CLUSTER);
  return 'arn' in identity ? { name: identity.arn, groups: ['node-drainer'] } : undefined;
};

const cluster = await openTestCluster({ authenticate });
after(async () => {
  await cluster.close();
  await aws.stop();
});
const skip = isSimulated || webhookPort !== undefined ? false : 'AUTHN_WEBHOOK_PORT is not set: nothing reviews tokens';

// No library creates the EKS token: with one wrong byte in it, no node is ever drained.
test('an EKS cluster accepts the token that the task role signed, and its node is drained', { skip }, async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  const { spec } = await cluster.admin.core.readNode({ name: scenario.worker });
  const instance = { instanceId: instanceIdOf(spec?.providerID), privateDnsName: scenario.worker };
  const termination = await Termination.start(t, scenario, instance, aws);
  const { server: endpoint, certificateAuthority } = cluster;
  aws.createCluster({ name: CLUSTER, endpoint, certificateAuthority });
  const { exitCode, summary, text } = await termination.drain({ CLUSTER_NAME: CLUSTER }).ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.deepEqual(await scenario.pods(), []);
  assert.equal(termination.action.result, 'CONTINUE');
  assert.ok(!text.includes('k8s-aws-v1.'), 'the token is not in the log');
  await scenario.noHarm();
});

// If a cluster accepts another cluster's token, a drainer drains the wrong nodes.
test('a token that is signed for another cluster is refused, and the hook is not completed', { skip }, async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const termination = await Termination.start(t, scenario, { instanceId: instanceIdOf() }, aws);
  const { server: endpoint, certificateAuthority } = cluster;
  aws.createCluster({ name: 'staging', endpoint, certificateAuthority });
  const drainer = termination.drain({ CLUSTER_NAME: 'staging', CONNECT_TIMEOUT_SECONDS: '2' });
  const { exitCode, text } = await drainer.ended();
  assert.equal(exitCode, 1);
  assert.match(text, /401|Unauthorized/);
  assert.equal(termination.action.state, 'pending');
  await scenario.noHarm();
});
