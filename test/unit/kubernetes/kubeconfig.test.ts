import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessFromUntrustedKubeconfig } from '../../../app/kubernetes/kubeconfig.ts';
import { adviceOf, Failure } from '../../../app/lib/errors.ts';
import { HandClock } from '../../support/clock.ts';
import { headersOf, kubeconfig, refusal, SECRET } from '../../support/kubeconfig.ts';

const foreign = (text: string) => accessFromUntrustedKubeconfig(text, 's3://bucket/key', new HandClock());

test('a kubeconfig with inline data is accepted', async () => {
  const access = await foreign(kubeconfig());
  assert.equal(access.server, 'https://10.0.0.1:6443');
  assert.deepEqual(await headersOf(access), { Authorization: `Bearer ${SECRET}` });
});

test('a user with name and password proves himself by them', async () => {
  const access = await foreign(kubeconfig({ user: 'username: ada\n    password: lovelace' }));
  const credentials = Buffer.from('ada:lovelace').toString('base64');
  assert.deepEqual(await headersOf(access), { Authorization: `Basic ${credentials}` });
});

// Whoever can write to the bucket would choose a command that runs with the task's role.
test('whatever runs a command or reads a local file is refused, with the name of the user and the reason', async () => {
  const users = {
    exec: 'exec: {apiVersion: client.authentication.k8s.io/v1, command: curl, args: [evil.example.com]}',
    'auth-provider': 'auth-provider: {name: gcp, config: {cmd-path: /bin/sh}}',
    tokenFile: 'tokenFile: /var/run/secrets/token',
    'token-file': 'token-file: /var/run/secrets/token',
    'client-certificate': 'client-certificate: /etc/ssl/a.pem',
    'client-key': 'client-key: /proc/self/environ',
  };
  for (const [key, user] of Object.entries(users)) {
    const failure = await refusal(foreign(kubeconfig({ user })));
    assert.match(failure.message, new RegExp(`user drainer has '${key}'`));
    assert.match(failure.message, /run a command, or read a file/);
    assert.match(adviceOf(failure) ?? '', /--flatten/);
  }
  const authority = await refusal(foreign(kubeconfig({ cluster: 'certificate-authority: /etc/passwd' })));
  assert.match(authority.message, /cluster prod has 'certificate-authority'/);
});

// A harmless current user in front of a harmful other one: which of them is used is the bucket's choice, too.
test('every user is looked at, and YAML anchors hide nothing', async () => {
  const second = kubeconfig().replace('contexts:', '- name: other\n  user:\n    exec: {command: sh}\ncontexts:');
  assert.match((await refusal(foreign(second))).message, /user other has 'exec'/);
  const anchored = kubeconfig({ user: '*evil' }).replace('users:', 'x: &evil\n  exec: {command: sh}\nusers:');
  assert.match((await refusal(foreign(anchored))).message, /user drainer has 'exec'/);
  const both = await refusal(
    foreign(kubeconfig({ user: 'exec: {}\n    tokenFile: /x', cluster: 'certificate-authority: /y' })),
  );
  for (const key of ['exec', 'tokenFile', 'certificate-authority']) assert.ok(both.message.includes(`'${key}'`));
});

// A merge key is not resolved by this YAML; were it one day, what it brings along must be refused.
test('a command does not come in through a merge key', async () => {
  const merged = kubeconfig({ user: '<<: {exec: {command: sh}}' });
  const access = await foreign(merged).catch((error: unknown) => error);
  if (access instanceof Failure) return assert.match(access.message, /'exec'/);
  assert.ok(typeof access === 'object' && access !== null && 'authenticate' in access);
  assert.deepEqual(await headersOf(await foreign(merged)), {});
});

// The parser quotes the line that is broken; the line that is broken is the one with the token.
test('no message tells a secret of the kubeconfig, however broken it is', async () => {
  const broken = [
    kubeconfig({ user: `token: "${SECRET}` }),
    kubeconfig({ user: `token: ${SECRET}: :\n  - ]` }),
    kubeconfig({ user: `token: ${SECRET}\n   bad: indentation` }),
    kubeconfig({ user: `token: ${SECRET}\n    exec: {command: sh, args: [${SECRET}]}` }),
    kubeconfig({ user: SECRET }),
    kubeconfig({ current: 'missing' }),
    kubeconfig({ cluster: `proxy-url: socks5://user:${SECRET}@proxy` }),
    `- ${SECRET}`,
    SECRET,
    '',
  ];
  for (const text of broken) {
    const failure = await refusal(foreign(text));
    const whole = `${failure.message} ${failure.stack} ${adviceOf(failure)} ${String(failure.cause)}`;
    assert.ok(!whole.includes(SECRET), `told: ${failure.message}`);
    assert.match(failure.message, /kubeconfig/);
  }
});

test('a kubeconfig that is none says what is missing, and where the YAML is broken', async () => {
  assert.match((await refusal(foreign('kind: Config'))).message, /clusters.*contexts.*current-context/);
  assert.match((await refusal(foreign('a: 1\nb: "'))).message, /not valid YAML \(line \d\)/);
  assert.match((await refusal(foreign(kubeconfig({ current: "''" })))).message, /current-context/);
  assert.match((await refusal(foreign(kubeconfig({ current: 'staging' })))).message, /context staging/);
});

test('a SOCKS proxy is refused; an HTTP proxy is taken', async () => {
  const failure = await refusal(foreign(kubeconfig({ cluster: 'proxy-url: socks5://127.0.0.1:1080' })));
  assert.match(failure.message, /SOCKS/);
  const access = await foreign(kubeconfig({ cluster: 'proxy-url: http://127.0.0.1:3128' }));
  assert.deepEqual(await headersOf(access), { Authorization: `Bearer ${SECRET}` });
});

// The address is told in the first lines of the log; a token with a line break was retried for two minutes.
test('a server with a password, a proxy that is none and a token that no header can hold are refused, and not told', async () => {
  const cases: [text: string, words: RegExp][] = [
    [kubeconfig({ server: `https://ada:${SECRET}@10.0.0.1` }), /names a server that is no http or https URL/],
    [kubeconfig({ server: 'ftp://10.0.0.1' }), /names a server/],
    [kubeconfig({ cluster: `proxy-url: http://proxy/${SECRET}` }), /proxy-url that is no/],
    [kubeconfig({ user: `token: "${SECRET}\\n"` }), /token with letters that none can have/],
    [kubeconfig({ user: `token: [${SECRET}]` }), /users\.0\.user\.token is missing or of the wrong kind/],
    [`${kubeconfig()}# ${'x'.repeat(5_000_000)}`, /too large/],
  ];
  for (const [text, words] of cases) {
    const failure = await refusal(foreign(text));
    assert.equal(failure.transient, false);
    assert.match(failure.message, words);
    assert.ok(!`${failure.message} ${adviceOf(failure)} ${String(failure.cause)}`.includes(SECRET));
  }
});
