import assert from 'node:assert/strict';
import type { AwsSimulator } from '../../simulator/aws/simulator.ts';
import type { Keys } from './account.ts';

/** Reads the credentials as a container does. */
export async function containerKeys(aws: AwsSimulator): Promise<Keys & { expiration: Date }> {
  const environment = aws.environmentWithContainerCredentials();
  const response = await fetch(environment['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '', {
    headers: { authorization: environment['AWS_CONTAINER_AUTHORIZATION_TOKEN'] ?? '' },
  });
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = Object.fromEntries(
    Object.entries(Object(await response.json())).map(([name, value]) => [name, String(value)]),
  );
  assert.ok(AccessKeyId && SecretAccessKey && Token && Expiration, `${response.status}`);
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: Token,
    expiration: new Date(Expiration),
  };
}
