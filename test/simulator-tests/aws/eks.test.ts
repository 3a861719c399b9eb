import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { clientOptions, started } from './account.ts';

// The certificate authority is base64-encoded PEM; plain PEM here would hide a wrong decoding.
test('EKS describes a cluster, or reports that it does not exist', async (t) => {
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
  // An encoded path is signed with double encoding; otherwise the signature fails before the lookup.
  await assert.rejects(client.send(new DescribeClusterCommand({ name: 'a b/c' })), {
    name: 'ResourceNotFoundException',
    message: 'No cluster found for name: a b/c.',
  });
});
