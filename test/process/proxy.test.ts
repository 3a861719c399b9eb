import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { createCertificateAuthority } from '../support/certificate-authority.ts';
import { connectProxy } from '../support/connect-proxy.ts';
import { folder } from '../support/folder.ts';
import { noHarm } from '../witness/harm.ts';
import { GROUP, HOOK, KUBECONFIG_SETTINGS, putKubeconfig } from './account.ts';
import { TASK_PLACEMENT } from './fargate.ts';
import { actionOf, INSTANCE, type ProcessFixture, processFixture } from './process-fixture.ts';
import { Program, summaryOf } from './program.ts';

const PASSWORD = 's3cr3t-passw0rd';

/**
 * Only the proxy can resolve the names of AWS and of the cluster, as in a VPC without a route to the internet.
 * @param fields more fields of the cluster in the kubeconfig
 * @returns the environment of the program
 */
function remote({ aws, kubernetes }: ProcessFixture, fields: object = {}) {
  const [port, awsPort] = [new URL(kubernetes.url).port, new URL(aws.url).port];
  const config = parse(kubernetes.kubeconfig('node-drainer'));
  Object.assign(config.clusters[0].cluster, {
    server: `https://api.cluster.test:${port}`,
    'tls-server-name': 'localhost',
    ...fields,
  });
  putKubeconfig(aws, stringify(config));
  return {
    environment: { AWS_ENDPOINT_URL: `http://aws.test:${awsPort}` },
    api: `api.cluster.test:${port}`,
    cloud: `aws.test:${awsPort}`,
  };
}

/** The protocols in which the program sent its requests to the API server. */
function protocolsOf({ kubernetes }: ProcessFixture): string[] {
  const requests = kubernetes.requests.filter(({ user }) => user === 'node-drainer');
  return [...new Set(requests.map(({ httpVersion }) => httpVersion))];
}

async function fixtureWithPods(context: TestContext, pods: number): Promise<ProcessFixture> {
  const fixture = await processFixture(context);
  await Promise.all(Array.from({ length: pods }, (_, index) => fixture.addPod(`web-${index}`)));
  return fixture;
}

// The real program against simulated AWS and Kubernetes, with a real proxy between them.
describe('behind a proxy', { concurrency: 3 }, () => {
  // A task in a VPC without NAT reaches neither AWS nor the cluster, and the instance waits until its hook times out.
  test('a whole drain goes through the proxy of the environment, over HTTP/2; the password is in no line', async (context) => {
    const fixture = await fixtureWithPods(context, 5);
    const proxy = await connectProxy(context, { credentials: `drainer:${PASSWORD}` });
    const { environment, api, cloud } = remote(fixture);
    fixture.aws.terminateInstance(INSTANCE);
    const url = proxy.url.replace('//', `//drainer:${PASSWORD}@`);
    // The credentials of the task come from an endpoint of its own, directly.
    const program = fixture.drain({
      ...fixture.aws.environmentWithContainerCredentials(),
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      ...environment,
      HTTPS_PROXY: url,
      http_proxy: url,
    });
    const ended = await program.ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'drained');
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    assert.deepEqual(protocolsOf(fixture), ['2.0']);
    assert.deepEqual(new Set(proxy.requests), new Set([api, cloud]));
    assert.equal(proxy.tunnels.filter((target) => target === api).length, 2, 'one for calls, one for watches');
    assert.doesNotMatch(JSON.stringify(ended), new RegExp(PASSWORD));
    await noHarm(fixture.witness);
  });

  // A proxy that must not see the traffic of the VPC, or does not know its names, would be asked for it.
  test('NO_PROXY is reached directly, and the proxy-url of the kubeconfig is used in spite of it', async (context) => {
    const fixture = await fixtureWithPods(context, 1);
    const [proxy, ofEnvironment] = [await connectProxy(context), await connectProxy(context)];
    const { api } = remote(fixture, { 'proxy-url': proxy.url });
    fixture.aws.terminateInstance(INSTANCE);
    const ended = await fixture
      .drain({ HTTPS_PROXY: ofEnvironment.url, HTTP_PROXY: ofEnvironment.url, NO_PROXY: '127.0.0.0/8, .cluster.test' })
      .ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(protocolsOf(fixture), ['2.0']);
    assert.deepEqual(new Set(proxy.tunnels), new Set([api]));
    assert.deepEqual(ofEnvironment.requests, []);
    await noHarm(fixture.witness);
  });

  // TLS in TLS: a proxy that wants its clients to encrypt what they tell it, the password above all.
  test('an https proxy is used, and its certificate is verified', async (context) => {
    const fixture = await fixtureWithPods(context, 1);
    const authority = await createCertificateAuthority();
    const proxy = await connectProxy(context, { certificate: await authority.issue() });
    const { environment, api, cloud } = remote(fixture);
    const path = join(await folder(context), 'ca.pem');
    await writeFile(path, authority.ca);
    fixture.aws.terminateInstance(INSTANCE);
    // Certificates of names and of addresses are verified in different ways.
    const byName = proxy.url.replace('127.0.0.1', 'localhost');
    const proxied = { ...environment, HTTPS_PROXY: byName, HTTP_PROXY: proxy.url };
    const distrusting = fixture.drain({ ...proxied, CONNECT_TIMEOUT_SECONDS: '1' });
    assert.equal((await distrusting.ended()).code, 1);
    assert.match((await distrusting.line('run failed')).message, /through the proxy https:.*certificate/);
    assert.deepEqual(proxy.requests, []);
    const ended = await fixture.drain({ ...proxied, NODE_EXTRA_CA_CERTS: path }).ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(protocolsOf(fixture), ['2.0']);
    assert.deepEqual(new Set(proxy.tunnels), new Set([api, cloud]));
    await noHarm(fixture.witness);
  });

  // A sweep that cannot look finds no lost event, and says so only after minutes.
  test('a sweep goes through the proxy, too', async (context) => {
    const fixture = await processFixture(context);
    const proxy = await connectProxy(context);
    const { environment, cloud } = remote(fixture);
    fixture.aws.terminateInstance(INSTANCE);
    const ended = await new Program(
      ['sweep'],
      {
        ...fixture.aws.environment,
        ...KUBECONFIG_SETTINGS,
        ...TASK_PLACEMENT,
        ...environment,
        LIFECYCLE_HOOK_NAME: HOOK,
        HTTP_PROXY: proxy.url,
      },
      () => fixture.aws.secrets,
    ).ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.lines.at(-1)?.['started'], 1, JSON.stringify(ended.lines));
    assert.deepEqual(new Set(proxy.tunnels), new Set([cloud]));
    assert.equal(actionOf(fixture).state, 'pending');
    await noHarm(fixture.witness);
  });

  // A proxy is one machine, and is updated while drains run.
  test('a proxy that is down for 30 s in the middle of a drain does no harm', { timeout: 180_000 }, async (context) => {
    const fixture = await fixtureWithPods(context, 2);
    const proxy = await connectProxy(context);
    const { environment } = remote(fixture);
    // A hook whose heartbeat timeout is shorter than the outage would end first.
    fixture.aws.putLifecycleHook({ autoScalingGroupName: GROUP, lifecycleHookName: HOOK, heartbeatTimeout: 120 });
    await fixture.blockAll();
    fixture.aws.terminateInstance(INSTANCE);
    const program = fixture.drain({ ...environment, HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url });
    await program.line('pod waiting');
    const outage = await proxy.die();
    const retrying = await program.line('retrying');
    assert.match(
      retrying.message,
      /through the proxy http:\/\/127\.0\.0\.1:\d+ \(HTTPS?_PROXY\): .*(ECONNREFUSED|ECONNRESET)/,
    );
    // How long the proxy is away is the point; the budget allows evictions in the meantime, which no connection can tell.
    await fixture.unblock();
    await new Promise((resolve) => setTimeout(resolve, 30_000));
    await outage.end();
    const ended = await program.ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'drained');
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    assert.deepEqual(protocolsOf(fixture), ['2.0']);
    await noHarm(fixture.witness);
  });

  // Two minutes of retries hide that the proxy needs a rule, while the instance waits.
  test('a proxy that refuses AWS, or wants a password, fails the drain at once, with the reason and the remedy', async (context) => {
    const fixture = await fixtureWithPods(context, 1);
    const proxy = await connectProxy(context, { credentials: `drainer:${PASSWORD}` });
    const { environment, cloud } = remote(fixture);
    fixture.aws.terminateInstance(INSTANCE);
    const proxied = (url: string) => fixture.drain({ ...environment, HTTPS_PROXY: url, HTTP_PROXY: url }).ended();
    const failureOf = async (url: string) => {
      const ended = await proxied(url);
      assert.equal(ended.code, 1);
      assert.doesNotMatch(JSON.stringify(ended), new RegExp(PASSWORD));
      const failure = ended.lines.find(({ event }) => event === 'run failed');
      return `${failure?.message} — ${failure?.['advice']}`;
    };
    assert.match(
      await failureOf(proxy.url),
      new RegExp(`could not connect to ${cloud} through the proxy ${proxy.url} .* requires a user name and a password`),
    );
    proxy.behaviour = 403;
    assert.match(
      await failureOf(proxy.url.replace('//', `//drainer:${PASSWORD}@`)),
      new RegExp(`refused the connection \\(403 No\\).* let the proxy connect to ${cloud}`),
    );
    assert.equal(actionOf(fixture).state, 'pending');
    await noHarm(fixture.witness);
  });

  // The task would try a proxy that does not exist for two minutes, and print its password.
  test('a bad proxy is a configuration error: exit 64, no request, no password', async (context) => {
    const fixture = await processFixture(context);
    const before = fixture.aws.requests.length;
    const ended = await fixture.drain({ HTTPS_PROXY: `socks5://drainer:${PASSWORD}@proxy:1080` }).ended();
    assert.equal(ended.code, 64);
    assert.match(ended.stderr, /HTTPS_PROXY is a SOCKS proxy, which is not supported: use an http or https URL/);
    assert.doesNotMatch(ended.stderr, new RegExp(PASSWORD));
    assert.equal(fixture.aws.requests.length, before);
    await noHarm(fixture.witness);
  });
});
