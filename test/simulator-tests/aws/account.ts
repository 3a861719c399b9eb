import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import aws4 from 'aws4';
import { type AwsOptions, type AwsSimulator, startAws } from '../../simulator/aws/simulator.ts';

export const id = 'i-0123456789abcdef0';
export const hook = { AutoScalingGroupName: 'nodes', LifecycleHookName: 'drainer' };
export const second = 1000;

export type Keys = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };

export async function started(t: TestContext, options?: AwsOptions): Promise<AwsSimulator> {
  const aws = await startAws(options);
  t.after(() => aws.stop());
  return aws;
}

export function keysOf(aws: AwsSimulator): Keys {
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = aws.environment;
  return { accessKeyId, secretAccessKey };
}

export function clientOptions(aws: AwsSimulator, credentials = keysOf(aws)) {
  return { endpoint: aws.url, region: aws.environment['AWS_REGION'] ?? '', credentials, maxAttempts: 1 };
}

/** A group with one instance and a hook. */
export function seed(
  aws: AwsSimulator,
  options: { heartbeatTimeout?: number; defaultResult?: 'CONTINUE' | 'ABANDON' } = {},
) {
  aws.createAutoScalingGroup({ name: 'nodes', desiredCapacity: 1 });
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'drainer', ...options });
  aws.launchInstance({ instanceId: id, autoScalingGroupName: 'nodes' });
}

export function soleAction(aws: AwsSimulator) {
  const [action, ...others] = aws.lifecycleActions(id);
  assert.ok(action && others.length === 0, 'exactly one lifecycle action');
  return action;
}

export type Call = {
  service: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
  host?: string;
  keys?: Keys;
  /** Sent instead of the signed body. */
  sentBody?: string;
  /** Headers added after signing. */
  unsignedHeaders?: Record<string, string>;
  signQuery?: boolean;
};

/** Sends a request signed by aws4, which is independent of the simulator and the SDK. */
export async function call(aws: AwsSimulator, { keys = keysOf(aws), sentBody, unsignedHeaders, ...rest }: Call) {
  const url = new URL(aws.url);
  const region = aws.environment['AWS_REGION'] ?? '';
  const { method, path, headers, body } = aws4.sign(
    { method: 'POST', path: '/', host: url.host, region, ...rest },
    keys,
  );
  const sending = request({
    host: url.hostname,
    port: url.port,
    method,
    path,
    headers: { ...headers, ...unsignedHeaders },
  });
  sending.end(sentBody ?? body);
  const [response]: IncomingMessage[] = await once(sending, 'response');
  assert.ok(response);
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

export const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
export const callerIdentity: Call = {
  service: 'sts',
  headers: form,
  body: 'Action=GetCallerIdentity&Version=2011-06-15',
};
