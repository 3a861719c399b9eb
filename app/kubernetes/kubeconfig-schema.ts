import * as v from 'valibot';
import { Failure } from '../lib/errors.ts';
import { load, YAMLException } from './client-node.ts';

/** Far larger than a kubeconfig of hundreds of clusters. To parse more takes seconds. */
export const MAX_KUBECONFIG_BYTES = 4 * 1024 * 1024;

const Entry = v.looseObject({ name: v.string() });
/** Every value that is converted to text must be a string: nested YAML aliases of lists would expand to more than the memory. */
const Text = v.nullish(v.string());
const Cluster = v.looseObject({
  server: v.string(),
  'certificate-authority-data': Text,
  'certificate-authority': Text,
  'tls-server-name': Text,
  'proxy-url': Text,
  'insecure-skip-tls-verify': v.nullish(v.boolean()),
});
const User = v.looseObject({
  token: Text,
  username: Text,
  password: Text,
  as: Text,
  'client-certificate-data': Text,
  'client-key-data': Text,
  'client-certificate': Text,
  'client-key': Text,
  tokenFile: Text,
  'token-file': Text,
});
const Kubeconfig = v.object({
  clusters: v.array(v.looseObject({ ...Entry.entries, cluster: Cluster })),
  users: v.optional(v.nullable(v.array(v.looseObject({ ...Entry.entries, user: v.nullish(User) })))),
  contexts: v.array(
    v.looseObject({ ...Entry.entries, context: v.looseObject({ cluster: v.string(), user: Text, namespace: Text }) }),
  ),
  'current-context': v.pipe(v.string(), v.minLength(1)),
});

/**
 * Validates the structure of a kubeconfig before client-node reads it.
 * @param origin its path or URL, for messages
 * @throws Failure that never quotes the kubeconfig, which contains secrets
 */
export function validateKubeconfig(text: string, origin: string): v.InferOutput<typeof Kubeconfig> {
  if (text.length > MAX_KUBECONFIG_BYTES) {
    throw new Failure(`the kubeconfig ${origin} is larger than ${MAX_KUBECONFIG_BYTES / 1024 / 1024} MiB`);
  }
  let parsed: unknown;
  try {
    parsed = load(text);
  } catch (error) {
    // The parser's own message quotes the lines around the error, which may contain secrets.
    const where = error instanceof YAMLException && error.mark ? ` (line ${error.mark.line + 1})` : '';
    throw new Failure(`the kubeconfig ${origin} is not valid YAML${where}`);
  }
  const kubeconfig = v.safeParse(Kubeconfig, parsed);
  if (kubeconfig.success) return kubeconfig.output;
  const paths = kubeconfig.issues.map((issue) => v.getDotPath(issue) ?? 'the document').join(', ');
  throw new Failure(`the kubeconfig ${origin} is invalid: missing or of the wrong type: ${paths}`);
}
