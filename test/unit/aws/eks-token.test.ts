import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { type AwsCredentials, eksToken } from '../../../app/aws/eks-token.ts';
import { startAws } from '../../simulator/aws/simulator.ts';

const NOW = Date.parse('2026-01-02T03:04:05.678Z');
const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const SESSION = 'IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQD+/=';

function urlOf(token: string): URL {
  const [prefix, encoded = '', ...rest] = token.split('.');
  assert.deepEqual([prefix, rest], ['k8s-aws-v1', []]);
  assert.match(encoded, /^[A-Za-z0-9_-]+$/);
  return new URL(Buffer.from(encoded, 'base64url').toString());
}

/**
 * The signature of the token's request, by the steps of the specification and without a library.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
function signatureOf(url: URL, cluster: string, region: string, secret: string): string {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const headers = `host:${url.host}\nx-k8s-aws-id:${cluster}\n`;
  const request = ['GET', '/', query, headers, 'host;x-k8s-aws-id', sha256('')].join('\n');
  const scope = `20260102/${region}/sts/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', '20260102T030405Z', scope, sha256(request)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return createHmac('sha256', key).update(toSign).digest('hex');
}

const KNOWN_SIGNATURES = [
  {
    region: 'eu-central-1',
    host: 'sts.eu-central-1.amazonaws.com',
    signature: '8fb212f6307177b21f5b98e84955bafa8cd337f36e6eb27ed4bb552f48ff4494',
  },
  {
    region: 'cn-north-1',
    host: 'sts.cn-north-1.amazonaws.com.cn',
    signature: 'cce9ca090853b024727472cb52bd4a454eb385a2ef0d98bce121aa99e5afe680',
  },
  {
    region: 'us-gov-west-1',
    host: 'sts.us-gov-west-1.amazonaws.com',
    signature: 'efc543c2c95f8b6dd5c55947d4302327f25c1e6862eb852fadec6ce1c494e75a',
  },
];

// A signature that lacks a header, or a host of the wrong partition: the cluster answers only "Unauthorized".
test('the signature at a fixed time is the known one, in each partition', () => {
  for (const { region, host, signature } of KNOWN_SIGNATURES) {
    const url = urlOf(eksToken('prod', region, KEYS, NOW));
    assert.equal(url.protocol, 'https:');
    assert.equal(url.host, host);
    const signed = url.searchParams.get('X-Amz-Signature');
    assert.equal(signed, signatureOf(url, 'prod', region, KEYS.secretAccessKey), region);
    assert.equal(signed, signature, region);
  }
});

// A parameter that the authenticator does not expect, which it rejects.
test('the request has exactly the parameters that the authenticator accepts', () => {
  const { searchParams, pathname } = urlOf(eksToken('prod', 'eu-central-1', KEYS, NOW));
  assert.equal(pathname, '/');
  const { 'X-Amz-Signature': _, ...parameters } = Object.fromEntries(searchParams);
  assert.deepEqual(parameters, {
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'AKIDEXAMPLE/20260102/eu-central-1/sts/aws4_request',
    'X-Amz-Date': '20260102T030405Z',
    'X-Amz-Expires': '60',
    'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
  });
});

// No token works on Fargate, whose credentials are always temporary.
test('a session token is part of the signed request', () => {
  const credentials: AwsCredentials = { ...KEYS, sessionToken: SESSION };
  const url = urlOf(eksToken('prod', 'eu-central-1', credentials, NOW));
  assert.equal(url.searchParams.get('X-Amz-Security-Token'), SESSION);
  const signed = url.searchParams.get('X-Amz-Signature');
  assert.equal(signed, signatureOf(url, 'prod', 'eu-central-1', KEYS.secretAccessKey));
  assert.equal(signed, '9f2eea6b2f180146aa507e437ab16076a2111aae6ee43ad0f27309b92581a543');
});

// A token for one cluster is accepted by every cluster.
test('the name of the cluster is signed', () => {
  const signature = (cluster: string) =>
    urlOf(eksToken(cluster, 'eu-central-1', KEYS, NOW)).searchParams.get('X-Amz-Signature');
  assert.notEqual(signature('prod'), signature('prod2'));
});

// A request object that is signed twice keeps its first date, and every token after 15 minutes is expired.
test('each token has its own date', () => {
  const date = (now: number) => urlOf(eksToken('prod', 'eu-central-1', KEYS, now)).searchParams.get('X-Amz-Date');
  assert.deepEqual([date(NOW), date(NOW + 3_600_000)], ['20260102T030405Z', '20260102T040405Z']);
});

// The API server, which sends the request to STS from its own network, gets the host of a private endpoint.
test('a custom endpoint in the environment does not change the host of the token', (t) => {
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  for (const name of ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_STS']) process.env[name] = 'http://127.0.0.1:4566';
  assert.equal(urlOf(eksToken('prod', 'eu-central-1', KEYS, NOW)).host, 'sts.eu-central-1.amazonaws.com');
});

// The authenticator rejects longer tokens, and session tokens of more than a thousand characters are common.
test('a token with a long session token has at most 4,096 bytes', () => {
  const token = eksToken(
    'c'.repeat(100),
    'us-gov-west-1',
    { ...KEYS, sessionToken: 'AbCdEfGhIjKlMnOpQrStUvWxYz012345/+'.repeat(50) },
    NOW,
  );
  assert.ok(Buffer.byteLength(token) <= 4_096, `${Buffer.byteLength(token)} bytes`);
});

// A token that is well formed and not accepted. The simulated authenticator checks what the real one does.
test('the authenticator accepts the token for 15 minutes, and only for its cluster', async (t) => {
  let now = NOW;
  const aws = await startAws({ region: 'eu-central-1', now: () => now });
  t.after(() => aws.stop());
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = aws.environment;
  const token = eksToken('prod', 'eu-central-1', { accessKeyId, secretAccessKey }, now);
  assert.deepEqual(aws.verifyToken(token, 'prod'), { arn: 'arn:aws:iam::123456789012:user/simulated' });
  assert.ok('error' in aws.verifyToken(token, 'lab'));
  assert.ok('error' in aws.verifyToken(eksToken('prod', 'eu-central-1', KEYS, now), 'prod'));
  now += 15 * 60_000 - 1_000;
  assert.ok('arn' in aws.verifyToken(token, 'prod'));
  now += 2_000;
  assert.ok('error' in aws.verifyToken(token, 'prod'));
});
