/** What a secret looks like, whosever it is. */
const SHAPES: readonly (readonly [kind: string, shape: RegExp])[] = [
  ['a token for EKS', /k8s-aws-v1\./],
  ['a signature', /X-Amz-(Signature|Security-Token|Credential)=|Signature=[0-9a-f]{64}/i],
  ['a session token', /\b(IQoJ|FwoG)[A-Za-z0-9+/%=_-]{40,}/],
  ['an authorization header', /\b(Bearer|Basic)\s+(?=\S*[A-Z0-9])[A-Za-z0-9._~+/=-]{8,}|AWS4-HMAC-SHA256/],
  ['a JSON web token', /\beyJ[A-Za-z0-9_-]{8,}\.eyJ/],
  [
    'a private key',
    /-----BEGIN [A-Z ]*PRIVATE KEY-----|LS0tLS1CRUdJTi[A-Za-z0-9+/]{0,8}(UFJJVkFURSBLRVk|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW)/,
  ],
];

/** Those of the simulated cluster. */
const STATIC_TOKENS = ['admin-token', 'drainer-token'];

/** Variables whose values nobody may read in a log. */
const SECRET_VARIABLE = /SECRET|SESSION_TOKEN|AUTHORIZATION_TOKEN|ACTION_TOKEN|PASSWORD/;

/** What would show that nothing was hidden: shorter values occur by chance. */
const LEAST_LENGTH = 8;

/** The secrets of an environment: keys, session tokens, the token of the credentials endpoint and that of a lifecycle action. */
export function secretsOf(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value && SECRET_VARIABLE.test(name) ? [value] : []));
}

/**
 * The secrets that a text tells: those that are known in the test's world, as they are, quoted or encoded, and whatever looks like one.
 * @returns what kind each is, and what was found; empty when there is none
 */
export function secretsIn(text: string, known: readonly string[] = []): string[] {
  const byShape = SHAPES.flatMap(([kind, shape]) => {
    const found = shape.exec(text)?.[0];
    return found === undefined ? [] : [`${kind}: ${found}`];
  });
  const byValue = [...STATIC_TOKENS, ...known]
    .filter((secret) => secret.length >= LEAST_LENGTH && formsOf(secret).some((form) => text.includes(form)))
    .map((secret) => `a known secret: ${secret}`);
  return [...byShape, ...byValue];
}

/** A secret in the clothes that it may wear in a log. */
function formsOf(secret: string): string[] {
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
