/** Patterns of secrets whose value is not known. */
const PATTERNS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['an EKS token', /k8s-aws-v1\./],
  ['a signature', /X-Amz-(Signature|Security-Token|Credential)=|Signature=[0-9a-f]{64}/i],
  ['a session token', /\b(IQoJ|FwoG)[A-Za-z0-9+/%=_-]{40,}/],
  ['an authorization header', /\b(Bearer|Basic)\s+(?=\S*[A-Z0-9])[A-Za-z0-9._~+/=-]{8,}|AWS4-HMAC-SHA256/],
  ['a JSON Web Token', /\beyJ[A-Za-z0-9_-]{8,}\.eyJ/],
  [
    'a private key',
    /-----BEGIN [A-Z ]*PRIVATE KEY-----|LS0tLS1CRUdJTi[A-Za-z0-9+/]{0,8}(UFJJVkFURSBLRVk|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW)/,
  ],
];

/** The static tokens of the simulated cluster. */
const STATIC_TOKENS = ['admin-token', 'drainer-token'];

/** Environment variables whose values must not appear in a log. */
const SECRET_VARIABLE = /SECRET|SESSION_TOKEN|AUTHORIZATION_TOKEN|ACTION_TOKEN|PASSWORD/;

/** Shorter values occur in a log by chance. */
const MIN_LENGTH = 8;

/** The secrets in an environment: access keys, session tokens, and the tokens of the credentials endpoint and a lifecycle action. */
export function secretsOf(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value && SECRET_VARIABLE.test(name) ? [value] : []));
}

/**
 * The secrets in a text: known ones, plain, quoted or encoded, and everything that matches a pattern of a secret.
 * @returns the kind and the text of each; empty when there is none
 */
export function secretsIn(text: string, known: readonly string[] = []): string[] {
  const byPattern = PATTERNS.flatMap(([kind, pattern]) => {
    const found = pattern.exec(text)?.[0];
    return found === undefined ? [] : [`${kind}: ${found}`];
  });
  const byValue = [...STATIC_TOKENS, ...known]
    .filter((secret) => secret.length >= MIN_LENGTH && encodingsOf(secret).some((encoding) => text.includes(encoding)))
    .map((secret) => `a known secret: ${secret}`);
  return [...byPattern, ...byValue];
}

/** A secret in the encodings in which it may appear in a log. */
function encodingsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const unpadded = bytes.toString('base64').replace(/=+$/, '');
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    unpadded,
    bytes.toString('base64url'),
  ];
}
