import { typed } from './metadata.ts';
import { list, object, type Shaped, string } from './shape.ts';

/** https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
const policyRule = object(
  { verbs: list(string) },
  { apiGroups: list(string), resources: list(string), resourceNames: list(string), nonResourceURLs: list(string) },
);
const subject = object({ kind: string, name: string }, { apiGroup: string, namespace: string });
export const role = object(typed, { rules: list(policyRule) });
export const roleBinding = object(
  { ...typed, roleRef: object({ kind: string, name: string }, { apiGroup: string }) },
  { subjects: list(subject) },
);

export type PolicyRule = Shaped<typeof policyRule>;
export type Role = Shaped<typeof role>;
export type RoleBinding = Shaped<typeof roleBinding>;
