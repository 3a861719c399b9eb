import type { Seeded } from '../support/seeded.ts';
import { SECRET } from './fuzz.ts';
import { mutatedText, mutatedValue, randomText, unexpectedValue } from './mutate.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Kinds of credentials, each with a secret. The command does not exist, so that no mutation runs one. */
const USERS = [
  { token: SECRET },
  { username: 'ada', password: SECRET },
  { 'client-certificate-data': base64('certificate'), 'client-key-data': base64(SECRET) },
  { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: '/no/such/command', args: [SECRET] } },
  { 'auth-provider': { name: 'gcp', config: { 'access-token': SECRET } } },
  { tokenFile: '/no/such/file', token: SECRET },
];

function kubeconfigOf(random: Seeded): object {
  const [first = {}, ...others] = USERS;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    preferences: {},
    clusters: [
      {
        name: 'prod',
        cluster: {
          server: random.pick(
            'https://10.0.0.1:6443',
            'https://prod.example.com/k8s/',
            `https://ada:${SECRET}@prod.example.com`,
          ),
          'certificate-authority-data': base64('authority'),
          ...(random.chance(0.2) && { 'proxy-url': `http://ada:${SECRET}@proxy:3128` }),
          ...(random.chance(0.1) && { 'tls-server-name': 'prod' }),
        },
      },
    ],
    users: [{ name: 'drainer', user: random.chance(0.5) ? first : random.pick(first, ...others) }],
    contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'drainer' } }],
    'current-context': 'prod',
  };
}

/** YAML in block style, as people write it. */
function yamlOf(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null)
    return ` ${typeof value === 'string' ? JSON.stringify(value) : String(value)}\n`;
  if (Array.isArray(value)) {
    return value.length === 0
      ? ' []\n'
      : `\n${value.map((member) => `${indent}-${yamlOf(member, `${indent}  `).replace(/^\n\s*/, ' ')}`).join('')}`;
  }
  const entries = Object.entries(value);
  return entries.length === 0
    ? ' {}\n'
    : `\n${entries.map(([name, member]) => `${indent}${/^[\w-]+$/.test(name) ? name : JSON.stringify(name)}:${yamlOf(member, `${indent}  `)}`).join('')}`;
}

/** Nested YAML aliases: a few lines that expand beyond any memory ("billion laughs"). */
function bomb(random: Seeded, text: string): string {
  const levels = Array.from(
    { length: 30 },
    (_, level) => `b${level + 1}: &b${level + 1} [${Array(9).fill(`*b${level}`).join()}]\n`,
  );
  const where = random.pick('token: *b30', 'users: *b30', 'extensions: *b30', 'clusters: *b30');
  return `b0: &b0 [x]\n${levels.join('')}${random.chance(0.5) ? text.replace(/^(\s*)token:.*$/m, '$1token: *b30') : `${text}\n${where}\n`}`;
}

/** A kubeconfig, mostly damaged. */
export function randomKubeconfig(random: Seeded): string {
  const good = kubeconfigOf(random);
  const kind = random.next();
  if (kind < 0.05) return yamlOf(good).trimStart();
  if (kind < 0.4) return mutatedText(random, yamlOf(good).trimStart());
  if (kind < 0.5) return mutatedText(random, JSON.stringify(good));
  if (kind < 0.8) return JSON.stringify(mutatedValue(random, good));
  if (kind < 0.85) return bomb(random, yamlOf(good).trimStart());
  if (kind < 0.88) return `${random.pick('[', '{a: ', '- ', '? ').repeat(random.pick(100, 10_000, 100_000))}${SECRET}`;
  if (kind < 0.91) return `${yamlOf(good).trimStart()}# ${'x'.repeat(random.pick(1_000, 1_000_000, 5_000_000))}`;
  if (kind < 0.94)
    return `${yamlOf(good).trimStart()}${'- {name: a, user: {token: b}}\n'.repeat(random.pick(1_000, 20_000))}`;
  if (kind < 0.97) return randomText(random, 2_000) + SECRET;
  return String(JSON.stringify(unexpectedValue(random)));
}
