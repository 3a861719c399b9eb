import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { EC2Client } from '@aws-sdk/client-ec2';
import { awsCall } from '../../../app/aws/call.ts';
import { proxiedConnections } from '../../../app/aws/proxy-agents.ts';
import { DescribeInstancesCommand } from '../../../app/aws/sdk.ts';
import { adviceOf, Failure } from '../../../app/lib/errors.ts';
import { parseProxy } from '../../../app/lib/proxy.ts';
import { Tunnels } from '../../../app/lib/tunnel.ts';
import { createCertificateAuthority } from '../../support/certificate-authority.ts';
import { connectProxy } from '../../support/connect-proxy.ts';
import { secureServer } from '../../support/secure-server.ts';

const never = new AbortController().signal;

function connectionsBy(url: string) {
  const https = parseProxy(url, 'HTTPS_PROXY');
  assert.ok(typeof https !== 'string');
  return proxiedConnections(new Tunnels({ https, noProxy: 'direct.test' }));
}

// A handshake with the proxy for each of the thousand heartbeats of a drain.
test('https requests go through a tunnel, which is kept open for the next one; TLS is verified in it', async (t) => {
  const authority = await createCertificateAuthority();
  const server = await secureServer(t, await authority.issue({ dnsName: 'ec2.test' }));
  const proxy = await connectProxy(t);
  const { httpsAgent: agent } = connectionsBy(proxy.url);
  t.after(() => agent.destroy());
  const { port } = new URL(server.url);
  const send = async (host: string) => {
    const sent = request({ host, port, path: '/a', agent, ca: authority.ca }).end();
    const [response] = await once(sent, 'response');
    return text(response);
  };
  assert.equal(await send('ec2.test'), '{}');
  assert.equal(await send('ec2.test'), '{}');
  assert.deepEqual(proxy.tunnels, [`ec2.test:${port}`]);
  await assert.rejects(send('s3.test'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

// "socket hang up", after four attempts: nobody finds out that the proxy needs a rule for this service.
test('what the proxy refuses is told as it is, at once, with the remedy', async (t) => {
  const proxy = await connectProxy(t);
  proxy.behaviour = 403;
  const client = new EC2Client({
    region: 'eu-west-1',
    endpoint: 'https://ec2.eu-west-1.test',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    requestHandler: connectionsBy(proxy.url),
  });
  const call = awsCall(
    'describe the EC2 instance i-1',
    'ec2:DescribeInstances',
    () => client.send(new DescribeInstancesCommand({})),
    never,
  );
  const failure = await call.catch((error: unknown) => error);
  assert.ok(failure instanceof Failure);
  assert.match(
    failure.message,
    /^could not describe the EC2 instance i-1: could not connect to ec2\.eu-west-1\.test:443 through the proxy http:\/\/127\.0\.0\.1:\d+ \(HTTPS_PROXY\): the proxy refused the connection \(403 No\)$/,
  );
  assert.match(adviceOf(failure) ?? '', /let the proxy connect to ec2\.eu-west-1\.test:443/);
  assert.equal(failure.transient, false);
  assert.equal(proxy.requests.length, 1);
});

// A proxy that restarts would end the drain with the first call that meets it.
test('a proxy that is down is tried several times, and is transient', async (t) => {
  const proxy = await connectProxy(t);
  proxy.behaviour = 'close';
  const client = new EC2Client({
    region: 'eu-west-1',
    endpoint: 'https://ec2.eu-west-1.test',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    requestHandler: connectionsBy(proxy.url),
    maxAttempts: 3,
  });
  const send = () => client.send(new DescribeInstancesCommand({}));
  const failure = await awsCall('describe it', undefined, send, never).catch((error: unknown) => error);
  assert.ok(failure instanceof Failure && failure.transient, String(failure));
  assert.match(failure.message, /through the proxy http:\/\/127\.0\.0\.1:\d+ \(HTTPS_PROXY\): socket hang up/);
  assert.equal(proxy.requests.length, 3);
});
