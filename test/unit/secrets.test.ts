import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secretsIn, secretsOf } from '../support/secrets.ts';

// Otherwise the check of every process test finds nothing, whatever is told.
test('what looks like a secret is found in any line', () => {
  const key = '-----BEGIN EC PRIVATE KEY-----\nMHc';
  for (const text of [
    'no answer (Bearer k8s-aws-v1.aHR0cHM6Ly9)',
    'GET /?X-Amz-Date=1&X-Amz-Signature=ab',
    `token IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJH ends`,
    '{"authorization":"Basic YWRhOmxvdmVsYWNl"}',
    'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.x',
    key,
    Buffer.from(key).toString('base64'),
    Buffer.from(key.replace('EC ', '')).toString('base64'),
    Buffer.from(key.replace('EC ', 'RSA ')).toString('base64'),
    'user drainer-token',
  ]) {
    assert.equal(secretsIn(text).length > 0, true, text);
  }
});

// Otherwise a password in a URL, or in an error as JSON, passes.
test('a known secret is found as it is, quoted and encoded', () => {
  const secret = 'pa"ss/wörd+1';
  const known = secretsOf({ AWS_SECRET_ACCESS_KEY: secret, AWS_REGION: 'eu-west-1', AWS_SESSION_TOKEN: '' });
  assert.deepEqual(known, [secret]);
  const base64 = Buffer.from(secret).toString('base64');
  for (const form of [secret, JSON.stringify(secret), encodeURIComponent(secret), base64]) {
    assert.equal(secretsIn(`x ${form} y`, known).length, 1, form);
  }
});

// Otherwise every test fails, and the check is taken out.
test('an ordinary line has none', () => {
  const lines = [
    '{"level":"info","event":"node found","node":"ip-10-0-0-1.eu-west-1.compute.internal","uid":"b9f3"}',
    "the kubeconfig s3://configs/kube/config is refused: user drainer has 'exec'",
    'could not send a heartbeat: The security token included in the request is expired',
    'Bearer authentication is missing; Basic words',
  ];
  for (const line of lines) assert.deepEqual(secretsIn(line, ['short', 'a-secret-of-the-test']), [], line);
});
