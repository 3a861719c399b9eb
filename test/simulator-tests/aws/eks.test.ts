import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { clientOptions, started } from './account.ts';

// The certificate authority travels as base64 of PEM; a simulator that skipped it would hide a double decoding.
test('EKS describes a cluster, and says when there is none', async (t) => {
  const aws = await started(t);
  aws.createCluster({ name: 'demo', endpoint: 'https://127.0.0.1:6443', certificateAuthority: '-----BEGIN' });
  const client = new EKSClient(clientOptions(aws));
  const { cluster } = await client.send(new DescribeClusterCommand({ name: 'demo' }));
  assert.deepEqual(
    [cluster?.endpoint, cluster?.status, cluster?.certificateAuthority?.data],
    ['https://127.0.0.1:6443', 'ACTIVE', Buffer.from('-----BEGIN').toString('base64')],
  );
  await assert.rejects(client.send(new DescribeClusterCommand({ name: 'none' })), {
    name: 'ResourceNotFoundException',
    message: 'No cluster found for name: none.',
  });
  // A path that has to be encoded is signed encoded twice; only then is the cluster looked for at all.
  await assert.rejects(client.send(new DescribeClusterCommand({ name: 'a b/c' })), {
    name: 'ResourceNotFoundException',
    message: 'No cluster found for name: a b/c.',
  });
});
