import { Failure } from '../lib/errors.ts';
import { type AwsRegion, awsCall, clientSettings } from './call.ts';

/**
 * Reads the text of a kubeconfig in S3.
 * @param pathStyle put the bucket into the path of the URL, for endpoints without a DNS name for each bucket
 * @throws Failure when the object is missing, larger than `maxBytes`, or access is denied
 */
export async function readKubeconfigObject(
  { bucket, object }: { bucket: string; object: string },
  region: AwsRegion,
  pathStyle: boolean,
  maxBytes: number,
  signal: AbortSignal,
): Promise<string> {
  const { GetObjectCommand, S3Client } = await import('./sdk.ts');
  const client = new S3Client({ ...clientSettings(region), forcePathStyle: pathStyle });
  const command = new GetObjectCommand({ Bucket: bucket, Key: object });
  const what = `read the kubeconfig s3://${bucket}/${object}`;
  const tooLarge = new AbortController();
  const abortSignal = AbortSignal.any([signal, tooLarge.signal]);
  const { Body, ContentLength = 0 } = await awsCall(
    what,
    // Without s3:ListBucket, S3 denies access to an object that does not exist.
    `s3:GetObject on ${bucket}/${object} (if that object exists)`,
    () => client.send(command, { abortSignal }),
    signal,
  );
  if (ContentLength > maxBytes) {
    tooLarge.abort();
    throw new Failure(`could not ${what}: it has ${ContentLength} bytes, and the limit is ${maxBytes}`, {
      advice: 'check that KUBE_CONFIG_OBJECT is the key of the kubeconfig',
    });
  }
  return awsCall(what, undefined, async () => (await Body?.transformToString()) ?? '', signal);
}
