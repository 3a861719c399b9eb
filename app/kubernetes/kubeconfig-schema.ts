import * as v from 'valibot';
import { Failure } from '../lib/errors.ts';
import { MAX_KUBECONFIG_BYTES } from './bodies.ts';
import { load, YAMLException } from './client-node.ts';

const Entry = v.looseObject({ name: v.string() });
const Text = v.nullish(v.string());
/** What is made text of must be text: a list of aliases of lists becomes more of it than all memory holds. */
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
const Shape = v.object({
  clusters: v.array(v.looseObject({ ...Entry.entries, cluster: Cluster })),
  users: v.optional(v.nullable(v.array(v.looseObject({ ...Entry.entries, user: v.nullish(User) })))),
  contexts: v.array(
    v.looseObject({ ...Entry.entries, context: v.looseObject({ cluster: v.string(), user: Text, namespace: Text }) }),
  ),
  'current-context': v.pipe(v.string(), v.minLength(1)),
});

/**
 * What a kubeconfig says, as far as we look at it before client-node does.
 * @param origin where it came from, for people
 * @throws Failure that never quotes the kubeconfig, which holds secrets
 */
export function shapeOf(text: string, origin: string): v.InferOutput<typeof Shape> {
  if (text.length > MAX_KUBECONFIG_BYTES) throw new Failure(`the kubeconfig ${origin} is too large to be one`);
  let parsed: unknown;
  try {
    parsed = load(text);
  } catch (error) {
    // The parser's own message quotes the lines around the fault, and with them secrets.
    const where = error instanceof YAMLException && error.mark ? ` (line ${error.mark.line + 1})` : '';
    throw new Failure(`the kubeconfig ${origin} is not valid YAML${where}`);
  }
  const shape = v.safeParse(Shape, parsed);
  if (shape.success) return shape.output;
  const faults = shape.issues.map((issue) => v.getDotPath(issue) ?? 'the whole').join(', ');
  throw new Failure(`the kubeconfig ${origin} is not one: ${faults} is missing or of the wrong kind`);
}
