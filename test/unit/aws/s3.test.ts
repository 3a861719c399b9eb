import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readKubeconfigObject } from '../../../app/aws/s3.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { awsOfProcess } from '../../support/aws-of-process.ts';

// KUBE_CONFIG_OBJECT that names a disk image by mistake takes the task's memory, over and over.
test('an object that is too large for a kubeconfig is not read', async (t) => {
  const aws = await awsOfProcess(t, { region: 'eu-west-1' });
  aws.putObject('configs', 'small', 'kind: Config');
  aws.putObject('configs', 'large', 'x'.repeat(5_000_000));
  const read = (object: string) =>
    readKubeconfigObject(
      { bucket: 'configs', object, region: 'eu-west-1' },
      true,
      4_000_000,
      new AbortController().signal,
    );
  assert.equal(await read('small'), 'kind: Config');
  await assert.rejects(read('large'), (error) => {
    assert.ok(error instanceof Failure && !error.transient);
    return /s3:\/\/configs\/large: its 5000000 bytes are too many/.test(error.message);
  });
});
