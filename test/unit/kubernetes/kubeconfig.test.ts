import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessFromUntrustedKubeconfig } from '../../../app/kubernetes/kubeconfig.ts';
import { adviceOf, Failure } from '../../../app/lib/errors.ts';
import { ManualClock } from '../../support/clock.ts';
import { headersOf, kubeconfig, refusal, SECRET } from '../../support/kubeconfig.ts';

const accessFrom = (text: string) => accessFromUntrustedKubeconfig(text, 's3://bucket/key', new ManualClock());

// This is the flattened kubeconfig that the documentation asks for.
test('a kubeconfig with inline data is accepted', async () => {
  const access = await accessFrom(kubeconfig());
  assert.equal(access.server, 'https://10.0.0.1:6443');
  assert.deepEqual(await headersOf(access), { Authorization: `Bearer ${SECRET}` });
});

// Clusters behind a proxy with basic authentication would refuse every request.
test('a user with name and password authenticates with basic authentication', async () => {
  const access = await accessFrom(kubeconfig({ user: 'username: ada\n    password: lovelace' }));
  const credentials = Buffer.from('ada:lovelace').toString('base64');
  assert.deepEqual(await headersOf(access), { Authorization: `Basic ${credentials}` });
});

// Write access to the bucket would become code execution with the task role.
test('a kubeconfig that runs a command or reads a local file is refused, with the name of the user and the reason', async () => {
  const users = {
    exec: 'exec: {apiVersion: client.authentication.k8s.io/v1, command: curl, args: [evil.example.com]}',
    'auth-provider': 'auth-provider: {name: gcp, config: {cmd-path: /bin/sh}}',
    tokenFile: 'tokenFile: /var/run/secrets/token',
    'token-file': 'token-file: /var/run/secrets/token',
    'client-certificate': 'client-certificate: /etc/ssl/a.pem',
    'client-key': 'client-key: /proc/self/environ',
  };
  for (const [key, user] of Object.entries(users)) {
    const failure = await refusal(accessFrom(kubeconfig({ user })));
    assert.match(failure.message, new RegExp(`user drainer has '${key}'`));
    assert.match(failure.message, /run a command or read a file/);
    assert.match(adviceOf(failure) ?? '', /--flatten/);
  }
  const authority = await refusal(accessFrom(kubeconfig({ cluster: 'certificate-authority: /etc/passwd' })));
  assert.match(authority.message, /cluster prod has 'certificate-authority'/);
});

// The bucket's writer also chooses which user is current; an anchor could hide a command from a check of the text.
test('every user is checked, and YAML anchors are resolved first', async () => {
  const second = kubeconfig().replace('contexts:', '- name: other\n  user:\n    exec: {command: sh}\ncontexts:');
  assert.match((await refusal(accessFrom(second))).message, /user other has 'exec'/);
  const anchored = kubeconfig({ user: '*evil' }).replace('users:', 'x: &evil\n  exec: {command: sh}\nusers:');
  assert.match((await refusal(accessFrom(anchored))).message, /user drainer has 'exec'/);
  const both = await refusal(
    accessFrom(kubeconfig({ user: 'exec: {}\n    tokenFile: /x', cluster: 'certificate-authority: /y' })),
  );
  for (const key of ['exec', 'tokenFile', 'certificate-authority']) assert.ok(both.message.includes(`'${key}'`));
});

// The YAML parser does not resolve merge keys today; if it does one day, the merged command must be refused.
test('a merge key does not add a command', async () => {
  const merged = kubeconfig({ user: '<<: {exec: {command: sh}}' });
  const access = await accessFrom(merged).catch((error: unknown) => error);
  if (access instanceof Failure) return assert.match(access.message, /'exec'/);
  assert.ok(typeof access === 'object' && access !== null && 'authenticate' in access);
  assert.deepEqual(await headersOf(await accessFrom(merged)), {});
});

// The parser quotes the invalid line, which can be the one with the token.
test('no error contains a secret of an invalid kubeconfig', async () => {
  const invalid = [
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
  for (const text of invalid) {
    const failure = await refusal(accessFrom(text));
    const whole = `${failure.message} ${failure.stack} ${adviceOf(failure)} ${String(failure.cause)}`;
    assert.ok(!whole.includes(SECRET), failure.message);
    assert.match(failure.message, /kubeconfig/);
  }
});

// 'invalid kubeconfig' alone sends people through hundreds of lines.
test('the error for an invalid kubeconfig says what is missing, or the line of the YAML error', async () => {
  assert.match((await refusal(accessFrom('kind: Config'))).message, /clusters.*contexts.*current-context/);
  assert.match((await refusal(accessFrom('a: 1\nb: "'))).message, /not valid YAML \(line \d\)/);
  assert.match((await refusal(accessFrom(kubeconfig({ current: "''" })))).message, /current-context/);
  assert.match((await refusal(accessFrom(kubeconfig({ current: 'staging' })))).message, /context staging/);
});

// An ignored proxy would connect to the API server directly, and time out.
test('a SOCKS proxy is refused; an HTTP proxy is accepted', async () => {
  const failure = await refusal(accessFrom(kubeconfig({ cluster: 'proxy-url: socks5://127.0.0.1:1080' })));
  assert.match(failure.message, /SOCKS/);
  const access = await accessFrom(kubeconfig({ cluster: 'proxy-url: http://127.0.0.1:3128' }));
  assert.deepEqual(await headersOf(access), { Authorization: `Bearer ${SECRET}` });
});

// The address appears in the log; a token with a line break was retried for two minutes.
test('a server with a password, an invalid proxy and a token with a line break are refused without quoting them', async () => {
  const cases: [text: string, message: RegExp][] = [
    [
      kubeconfig({ server: `https://ada:${SECRET}@10.0.0.1` }),
      /the server in the kubeconfig .* is not an http or https URL/,
    ],
    [kubeconfig({ server: 'ftp://10.0.0.1' }), /the server in the kubeconfig .* is not an http or https URL/],
    [
      kubeconfig({ cluster: `proxy-url: http://proxy/${SECRET}` }),
      /the proxy-url in the kubeconfig .* must be an http or https URL with only a host and a port/,
    ],
    [kubeconfig({ user: `token: "${SECRET}\\n"` }), /token .* contains characters that an HTTP header cannot contain/],
    [kubeconfig({ user: `token: [${SECRET}]` }), /missing or of the wrong type: users\.0\.user\.token/],
    [`${kubeconfig()}# ${'x'.repeat(5_000_000)}`, /larger than 4 MiB/],
  ];
  for (const [text, message] of cases) {
    const failure = await refusal(accessFrom(text));
    assert.equal(failure.transient, false);
    assert.match(failure.message, message);
    assert.ok(!`${failure.message} ${adviceOf(failure)} ${String(failure.cause)}`.includes(SECRET));
  }
});
