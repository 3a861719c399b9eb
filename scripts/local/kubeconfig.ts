import * as v from 'valibot';
import { parse, stringify } from 'yaml';

const Kubeconfig = v.looseObject({
  users: v.array(v.looseObject({ user: v.record(v.string(), v.unknown()) })),
});

/**
 * The same kubeconfig, with its user impersonating another one. The kubeconfig of an administrator becomes that of the drainer, with
 * only the rights of infra/kubernetes/rbac.yaml.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
 */
export function impersonating(text: string, user: string): string {
  const config = v.parse(Kubeconfig, parse(text));
  const users = config.users.map((entry) => ({ ...entry, user: { ...entry.user, as: user } }));
  return stringify({ ...config, users });
}
