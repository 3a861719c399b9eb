import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { boundTargetGroups } from '../../../app/kubernetes/target-group-bindings.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const PATH = '/apis/elbv2.k8s.aws/v1beta1/targetgroupbindings';
const arn = (name: string) =>
  `arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/${name}/0123456789abcdef`;
const served = (...names: string[]) => ({
  kind: 'APIGroupList',
  groups: names.map((name) => ({ name, versions: [{ groupVersion: `${name}/v1beta1`, version: 'v1beta1' }] })),
});

async function cluster(t: TestContext, groups: object, items: readonly object[] | 'forbidden') {
  const { url, received } = await apiServer(t, ({ path, query }, response) => {
    if (path === '/apis') return json(response, 200, groups);
    if (path !== PATH) return json(response, 200, {});
    if (items === 'forbidden') {
      const message = `targetgroupbindings.elbv2.k8s.aws is forbidden: User "node-drainer" cannot list resource "targetgroupbindings" in API group "elbv2.k8s.aws" at the cluster scope`;
      return json(response, 403, status(403, 'Forbidden', message));
    }
    const from = Number(query.get('continue') || 0);
    const next = from + 2 < items.length ? { continue: String(from + 2) } : {};
    return json(response, 200, { metadata: { resourceVersion: '5', ...next }, items: items.slice(from, from + 2) });
  });
  const client = clientOf(t, url, new ManualClock());
  return { read: () => boundTargetGroups(client, never), received };
}

// Target groups that people have created have no tag of the cluster: only the bindings name them.
test('the target groups of all bindings are read, each once', async (t) => {
  const items = ['a', 'b', 'a', '', 'c'].map((name) => ({ spec: { targetGroupARN: name && arn(name) } }));
  items.push({ spec: { targetGroupARN: arn('d') } });
  const { read } = await cluster(t, served('apps', 'elbv2.k8s.aws'), items);
  assert.deepEqual(await read(), [arn('a'), arn('b'), arn('c'), arn('d')]);
});

// The API server answers a plain 404, as a proxy on the way may: a client that retries those waits for what never comes.
test('without the AWS Load Balancer Controller there are none, and nothing that does not exist is asked for', async (t) => {
  const { read, received } = await cluster(t, served('apps', 'policy'), []);
  assert.deepEqual(await read(), []);
  assert.deepEqual(
    received.map(({ path }) => path),
    ['/apis'],
  );
});

test('a missing right is a denial', async (t) => {
  const { read } = await cluster(t, served('elbv2.k8s.aws'), 'forbidden');
  await assert.rejects(read(), (error) => error instanceof Denied && /rbac\.yaml/.test(error.advice ?? ''));
});
