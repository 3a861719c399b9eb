import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readKubeconfigObject } from '../../../app/aws/s3.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { simulatedAws } from '../../support/simulated-aws.ts';

// KUBE_CONFIG_OBJECT names a disk image by mistake, and every task runs out of memory.
test('an object above the size limit is not read', async (t) => {
  const aws = await simulatedAws(t, { region: 'eu-west-1' });
  aws.putObject('configs', 'small', 'kind: Config');
  aws.putObject('configs', 'large', 'x'.repeat(5_000_000));
  const read = (object: string) =>
    readKubeconfigObject(
      { bucket: 'configs', object },
      { name: 'eu-west-1' },
      true,
      4_000_000,
      new AbortController().signal,
    );
  assert.equal(await read('small'), 'kind: Config');
  await assert.rejects(read('large'), (error) => {
    assert.ok(error instanceof Failure && !error.transient);
    return /s3:\/\/configs\/large: it has 5000000 bytes, and the limit is 4000000/.test(error.message);
  });
});
