import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Scenario } from './scenario.ts';
import { instanceIdOf, startRegion, Termination } from './termination.ts';
import { isSimulated, openLab, type Recognise, webhookPort } from './test-cluster.ts';

const CLUSTER = 'production';
const aws = await startRegion();

/** What EKS does: whoever signed the token for this cluster is the member of a group that its access entry names. */
const recognise: Recognise = (token) => {
  const verdict = aws.verifyToken(token, CLUSTER);
  return 'arn' in verdict ? { name: verdict.arn, groups: ['node-drainer'] } : undefined;
};

const lab = await openLab({ recognise });
after(async () => {
  await lab.close();
  await aws.stop();
});
const skip = isSimulated || webhookPort !== undefined ? false : 'AUTHN_WEBHOOK_PORT does not say who reviews tokens';

// The token is the one part of EKS that no library makes for us: one wrong byte, and no node is ever drained.
test('an EKS cluster is reached with a token that the task role signed, and its node drained', { skip }, async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('web');
  const { spec } = await lab.admin.core.readNode({ name: scenario.worker });
  const instance = { instanceId: instanceIdOf(spec?.providerID), privateDnsName: scenario.worker };
  const termination = await Termination.of(t, instance, aws);
  const { server: endpoint, certificateAuthority } = lab;
  aws.createCluster({ name: CLUSTER, endpoint, certificateAuthority });
  const { exitCode, summary, text } = await termination.drain({ CLUSTER_NAME: CLUSTER }).ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.deepEqual(await scenario.pods(), []);
  assert.equal(termination.action.result, 'CONTINUE');
  assert.ok(!text.includes('k8s-aws-v1.'), 'the token is not in the log');
});

// A token for one cluster that another accepts would let a drainer loose on the wrong nodes.
test('a token that is signed for another cluster is refused, and the hook left alone', { skip }, async (t) => {
  const termination = await Termination.of(t, { instanceId: instanceIdOf() }, aws);
  const { server: endpoint, certificateAuthority } = lab;
  aws.createCluster({ name: 'staging', endpoint, certificateAuthority });
  const drainer = termination.drain({ CLUSTER_NAME: 'staging', CONNECT_TIMEOUT_SECONDS: '2' });
  const { exitCode, text } = await drainer.ended();
  assert.equal(exitCode, 1);
  assert.match(text, /401|Unauthorized/);
  assert.equal(termination.action.state, 'pending');
});
