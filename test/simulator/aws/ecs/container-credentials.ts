import { randomBytes } from 'node:crypto';
import type { Context } from '../context.ts';
import type { AccessKey, AccessKeys } from '../protocol/access-keys.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { AwsRequest, Reply } from '../protocol/message.ts';

const path = '/v2/credentials/task';
const defaultLifetimeSeconds = 6 * 3600;

/** Whether a request is for the container credentials endpoint. */
export function isCredentialsRequest({ path: requested }: Pick<AwsRequest, 'path'>): boolean {
  return requested.startsWith('/v2/credentials');
}

/**
 * The task role's temporary credentials, as the ECS agent serves them.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
 */
export class ContainerCredentials {
  readonly #keys: AccessKeys;
  readonly #context: Context;
  readonly #authorization = randomBytes(24).toString('base64url');
  #lifetimeSeconds = defaultLifetimeSeconds;
  #current: AccessKey & { expiresAt: number };

  constructor(keys: AccessKeys, context: Context) {
    this.#keys = keys;
    this.#context = context;
    this.#current = this.#issue();
  }

  /** Issues new credentials. The old ones expire at once. */
  rotate(lifetimeSeconds = defaultLifetimeSeconds): void {
    this.#keys.expire(this.#current.accessKeyId, this.#context.now());
    this.#lifetimeSeconds = lifetimeSeconds;
    this.#current = this.#issue();
  }

  environment(url: string): Record<string, string> {
    return {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}${path}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: this.#authorization,
    };
  }

  serve(request: AwsRequest): Reply {
    if (request.headers['authorization'] !== this.#authorization) {
      throw new ServiceError('AccessDeniedException', 'Authorization token does not match', 403);
    }
    // The agent renews credentials well before they expire. Earlier ones stay valid until their own expiry.
    const left = this.#current.expiresAt - this.#context.now();
    if (left < this.#lifetimeSeconds * 200) this.#current = this.#issue();
    const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = this.#current;
    const { partition, accountId } = this.#context;
    const body = {
      RoleArn: `arn:${partition.id}:iam::${accountId}:role/node-drainer-task`,
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: new Date(expiresAt).toISOString(),
    };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  }

  #issue(): AccessKey & { expiresAt: number } {
    const { partition, accountId, now } = this.#context;
    const session = randomBytes(16).toString('hex');
    const key = {
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      // As long as a real token, with characters that must be escaped in a URL.
      sessionToken: `IQoJ+/${randomBytes(600).toString('base64')}`,
      expiresAt: now() + this.#lifetimeSeconds * 1000,
      arn: `arn:${partition.id}:sts::${accountId}:assumed-role/node-drainer-task/${session}`,
      userId: `AROASIMULATEDTASKROLE:${session}`,
      accountId,
    };
    this.#keys.add(key);
    return key;
  }
}
