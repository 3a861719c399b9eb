import { awsCall, clientSettings } from './call.ts';

/**
 * The text of a kubeconfig in S3.
 * @param pathStyle address the bucket in the path: needed for endpoints that have no DNS name for each bucket
 * @throws Failure when the object is missing, too large to be one, or may not be read
 */
export async function readKubeconfigObject(
  { bucket, object, region }: { bucket: string; object: string; region: string },
  pathStyle: boolean,
  signal: AbortSignal,
): Promise<string> {
  const { GetObjectCommand, S3Client } = await import('./sdk.ts');
  const client = new S3Client({ ...clientSettings(region), forcePathStyle: pathStyle });
  const command = new GetObjectCommand({ Bucket: bucket, Key: object });
  return awsCall(
    `read the kubeconfig s3://${bucket}/${object}`,
    // Without s3:ListBucket, S3 denies access to what is not there.
    `s3:GetObject on ${bucket}/${object}, if there is such an object,`,
    async () => (await (await client.send(command, { abortSignal: signal })).Body?.transformToString()) ?? '',
    signal,
  );
}
