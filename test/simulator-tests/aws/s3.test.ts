import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { call, clientOptions, started } from './account.ts';

// A 404 for a kubeconfig that looks like a 403 would send people to the wrong policy.
test('S3 serves objects by path and by virtual host, and reports a missing bucket or key', async (t) => {
  const aws = await started(t);
  aws.putObject('kube', 'clusters/a b+c.yaml', 'kind: Config\n');
  const client = new S3Client(clientOptions(aws));
  const get = async (Bucket: string, Key: string) =>
    (await client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
  assert.equal(await get('kube', 'clusters/a b+c.yaml'), 'kind: Config\n');
  await client.send(new PutObjectCommand({ Bucket: 'kube', Key: 'ü/x', Body: 'put' }));
  assert.equal(await get('kube', 'ü/x'), 'put');
  await assert.rejects(get('kube', 'none'), { name: 'NoSuchKey' });
  await assert.rejects(get('none', 'none'), { name: 'NoSuchBucket' });

  const host = `kube.127.0.0.1:${new URL(aws.url).port}`;
  const virtual = await call(aws, { service: 's3', method: 'GET', path: '/clusters/a%20b%2Bc.yaml', host });
  assert.deepEqual([virtual.status, virtual.body], [200, 'kind: Config\n']);
  assert.deepEqual(aws.requests.at(-1)?.parameters, { Bucket: 'kube', Key: 'clusters/a b+c.yaml' });
});
