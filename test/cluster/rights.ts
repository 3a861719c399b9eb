import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { TestContext } from 'node:test';
import { KubeConfig, PatchStrategy } from '@kubernetes/client-node';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';
import { ifFound } from './admin.ts';
import { eventually } from './poll.ts';
import type { TestCluster } from './test-cluster.ts';

const manifestOf = (name: string) => new URL(`../../infra/kubernetes/${name}`, import.meta.url);
const RIGHTS = manifestOf('rbac.yaml');
const SURGE_RIGHTS = manifestOf('surge.yaml');
const SLOTS = manifestOf('slots.yaml');

const Rule = v.object({ apiGroups: v.array(v.string()), resources: v.array(v.string()), verbs: v.array(v.string()) });
type Rule = v.InferOutput<typeof Rule>;
const Role = v.looseObject({ kind: v.literal('ClusterRole'), rules: v.array(Rule) });
const Manifest = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({ name: v.string() }),
});

/** One verb on one resource. */
export type Right = { readonly group: string; readonly resource: string; readonly verb: string };

/** The permissions in infra/kubernetes/rbac.yaml, or in another manifest, one per verb and resource. */
export async function rightsGranted(file = RIGHTS): Promise<Right[]> {
  const rules = (await manifests(file)).flatMap((manifest) => (v.is(Role, manifest) ? manifest.rules : []));
  return rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb })))),
  );
}

/** Applies infra/kubernetes/rbac.yaml, optionally without one permission, and waits until the API server enforces it. */
export async function applyRights(cluster: TestCluster, missing?: Right): Promise<void> {
  await apply(cluster, RIGHTS, missing);
  for (const right of await rightsGranted()) {
    await untilEnforced(cluster, right, missing === undefined || !isSame(right, missing));
  }
}

/** Applies infra/kubernetes/surge.yaml until the test has ended, and waits until the API server enforces it. */
export async function grantSurge(t: TestContext, cluster: TestCluster): Promise<void> {
  const { objects } = cluster.admin;
  const rights = await rightsGranted(SURGE_RIGHTS);
  t.after(async () => {
    for (const manifest of await manifests(SURGE_RIGHTS)) await ifFound(objects.delete(manifest));
    for (const right of rights) await untilEnforced(cluster, right, false);
  });
  await apply(cluster, SURGE_RIGHTS);
  for (const right of rights) await untilEnforced(cluster, right, true);
}

async function apply({ admin: { objects } }: TestCluster, file: URL, missing?: Right): Promise<void> {
  for (const manifest of await manifests(file)) {
    const applied = v.is(Role, manifest) ? { ...manifest, rules: without(manifest.rules, missing) } : manifest;
    const patched = await ifFound(
      objects.patch(applied, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch),
    );
    if (patched === undefined) await objects.create(applied);
  }
}

async function untilEnforced({ drainerText }: TestCluster, right: Right, isGranted: boolean): Promise<void> {
  await eventually(
    `node-drainer ${isGranted ? 'may' : 'may not'} ${right.verb} ${right.resource}`,
    async () => (await isDenied(drainerText, right)) !== isGranted || undefined,
  );
}

/** Applies infra/kubernetes/slots.yaml, and waits until the API server enforces its rights. */
export async function applySlots(cluster: TestCluster): Promise<void> {
  const [namespace, ...others] = await manifests(SLOTS);
  const { core, objects } = cluster.admin;
  if (namespace === undefined) throw new Error('slots.yaml is empty');
  await eventually('the namespace of an earlier test is gone', async () => {
    const found = await ifFound(core.readNamespace({ name: namespace.metadata.name }));
    return found === undefined || undefined;
  });
  for (const manifest of [namespace, ...others]) await objects.create(manifest);
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace.metadata.name}/leases`;
  await eventually('node-drainer may list leases', async () => {
    return (await statusOf(cluster.drainerText, 'GET', path)) === 200 || undefined;
  });
}

/** Deletes what `applySlots` has created, with every lease. */
export async function removeSlots(cluster: TestCluster): Promise<void> {
  const [namespace] = await manifests(SLOTS);
  const name = namespace?.metadata.name ?? '';
  await ifFound(cluster.admin.core.deleteNamespace({ name }));
  await eventually('the namespace of the slots is gone', async () => {
    return (await ifFound(cluster.admin.core.readNamespace({ name }))) === undefined || undefined;
  });
}

async function manifests(file: URL): Promise<v.InferOutput<typeof Manifest>[]> {
  const documents = parseAllDocuments(await readFile(file, 'utf8'));
  return documents.map((document) => v.parse(Manifest, document.toJS()));
}

function without(rules: readonly Rule[], missing: Right | undefined): Rule[] {
  if (missing === undefined) return [...rules];
  const { group, resource, verb } = missing;
  return rules
    .flatMap((rule) => {
      if (!rule.apiGroups.includes(group) || !rule.resources.includes(resource)) return [rule];
      return [
        { ...rule, resources: rule.resources.filter((one) => one !== resource) },
        { ...rule, resources: [resource], verbs: rule.verbs.filter((one) => one !== verb) },
      ];
    })
    .filter(({ resources, verbs }) => resources.length > 0 && verbs.length > 0);
}

function isSame(a: Right, b: Right): boolean {
  return a.group === b.group && a.resource === b.resource && a.verb === b.verb;
}

const METHODS: Readonly<Record<string, string>> = { create: 'POST', patch: 'PATCH', delete: 'DELETE' };
/** The name of no object: with permission the API server replies 404, without it 403. */
const NO_SUCH_NAME = 'no-such-name';

const CLUSTER_WIDE = ['nodes', 'persistentvolumes', 'volumeattachments'];

/** Sends a harmless request that needs the permission. */
async function isDenied(kubeconfig: string, { group, resource, verb }: Right): Promise<boolean> {
  const [kind = '', subresource] = resource.split('/');
  const root = group === '' ? '/api/v1' : `/apis/${group}/${await versionOf(group, kubeconfig)}`;
  const scope = CLUSTER_WIDE.includes(kind) ? root : `${root}/namespaces/default`;
  const objectPath = `${scope}/${kind}/${NO_SUCH_NAME}${subresource === undefined ? '' : `/${subresource}`}`;
  const listPath = `${group === '' ? root : scope}/${kind}?limit=1${verb === 'watch' ? '&watch=1&timeoutSeconds=1' : ''}`;
  const path = verb === 'list' || verb === 'watch' ? listPath : objectPath;
  return (await statusOf(kubeconfig, METHODS[verb] ?? 'GET', path)) === 403;
}

/** An API server authorizes requests for groups that it does not serve, too, before it says that there is nothing. */
async function versionOf(group: string, kubeconfig: string): Promise<string> {
  if (group === 'lifecycle.k8s.io') return 'v1alpha1';
  if (group !== 'policy') return 'v1';
  return (await statusOf(kubeconfig, 'GET', '/apis/policy/v1')) === 200 ? 'v1' : 'v1beta1';
}

async function statusOf(kubeconfig: string, method: string, path: string): Promise<number> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const options = { method };
  await config.applyToHTTPSOptions(options);
  return new Promise((resolve, reject) => {
    const sent = request(`${config.getCurrentCluster()?.server}${path}`, options, (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    sent.on('error', reject).end();
  });
}
