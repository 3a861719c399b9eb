import { Failure } from '../lib/errors.ts';
import { awsCall, clientSettings } from './call.ts';

/**
 * The text of a kubeconfig in S3.
 * @param pathStyle address the bucket in the path: needed for endpoints that have no DNS name for each bucket
 * @throws Failure when the object is missing, too large to be one, or may not be read
 */
export async function readKubeconfigObject(
  { bucket, object, region }: { bucket: string; object: string; region: string },
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
    // Without s3:ListBucket, S3 denies access to what is not there.
    `s3:GetObject on ${bucket}/${object}, if there is such an object,`,
    () => client.send(command, { abortSignal }),
    signal,
  );
  if (ContentLength > maxBytes) {
    tooLarge.abort();
    throw new Failure(`could not ${what}: its ${ContentLength} bytes are too many for one`, {
      advice: 'see whether KUBE_CONFIG_OBJECT names the right object',
    });
  }
  return awsCall(what, undefined, async () => (await Body?.transformToString()) ?? '', signal);
}
