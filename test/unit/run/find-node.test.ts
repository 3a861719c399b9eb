import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { canBe, findNode, type NodeDirectory, type NodeRef } from '../../../app/run/find-node.ts';

const ID = 'i-0123456789abcdef0';
const OTHER = 'i-0fedcba9876543210';
const never = new AbortController().signal;
type Labelled = NodeRef & { readonly instanceLabel?: string };

function node(name: string, providerID: string, instanceLabel?: string): Labelled {
  return {
    name,
    uid: `${name}#1`,
    resourceVersion: '1',
    providerID,
    ready: true,
    cordoned: false,
    ...(instanceLabel !== undefined && { instanceLabel }),
  };
}
const aws = (id: string) => `aws:///eu-central-1a/${id}`;

/** The nodes of a cluster, listed two at a time. */
function clusterOf(...nodes: Labelled[]) {
  const asked: string[] = [];
  const directory: NodeDirectory = {
    async byName(name) {
      asked.push('name');
      return nodes.find((node) => node.name === name);
    },
    async byLabel(key, value) {
      asked.push(key);
      return nodes.filter(({ instanceLabel }) => instanceLabel === value);
    },
    async *all() {
      for (let at = 0; at < nodes.length; at += 2) {
        asked.push('page');
        yield nodes.slice(at, at + 2);
      }
    },
  };
  const find = async (privateDnsName?: string) => {
    const found = await findNode(directory, ID, privateDnsName, never);
    return found && `${found.node.name} by ${found.by}`;
  };
  return { asked, find };
}

// In a cluster of 5,000 nodes the cost of finding one must not depend on the others.
test('by its private DNS name a node is found with one read', async () => {
  const { asked, find } = clusterOf(node('ip-a', aws(ID)), node('ip-b', aws(OTHER)));
  assert.equal(await find('ip-a'), 'ip-a by private DNS name');
  assert.deepEqual(asked, ['name']);
});

test('else it is found by the label of eksctl, else by its provider ID, page by page', async () => {
  const labelled = clusterOf(node('x', aws(OTHER)), node('y', aws(ID), ID));
  assert.equal(await labelled.find('ip-a'), 'y by eksctl label');
  assert.deepEqual(labelled.asked, ['name', 'alpha.eksctl.io/instance-id']);
  const plain = clusterOf(node('u', ''), node('v', aws(OTHER)), node('w', ''), node('x', ''), node('y', aws(ID)));
  assert.equal(await plain.find('ip-a'), 'y by provider ID');
  assert.equal(await plain.find(undefined), 'y by provider ID');
});

// IP-based names are used again within minutes: draining the successor is an outage that we make ourselves.
test('a node behind a reused DNS name is not taken for the instance', async () => {
  assert.equal(await clusterOf(node('ip-a', aws(OTHER))).find('ip-a'), undefined);
  const both = clusterOf(node('ip-a', aws(OTHER)), node('renamed', aws(ID)));
  assert.equal(await both.find('ip-a'), 'renamed by provider ID');
});

test('a label that is wrong is overruled by the provider ID', async () => {
  assert.equal(await clusterOf(node('x', aws(OTHER), ID)).find(), undefined);
});

test("the provider ID of kind, or none at all, proves nothing against a node's name or label", async () => {
  assert.equal(await clusterOf(node('ip-a', 'kind://docker/kind/ip-a')).find('ip-a'), 'ip-a by private DNS name');
  assert.equal(await clusterOf(node('ip-a', '')).find('ip-a'), 'ip-a by private DNS name');
  assert.equal(await clusterOf(node('x', 'kind://docker/kind/x', ID)).find(), 'x by eksctl label');
});

test('an instance that is no node of the cluster is not found, and that is an answer', async () => {
  assert.equal(await clusterOf(node('x', aws(OTHER))).find('ip-a'), undefined);
  assert.equal(await clusterOf().find(), undefined);
});

// Taking the first of two would be right half of the time.
test('two nodes that claim to be the instance are a failure that names both', async () => {
  for (const cluster of [
    clusterOf(node('x', aws(ID), ID), node('y', '', ID)),
    clusterOf(node('x', aws(ID)), node('w', ''), node('y', aws(ID))),
  ]) {
    await assert.rejects(cluster.find(), (error) => {
      assert.ok(error instanceof Failure);
      assert.match(error.message, /2 nodes claim to be i-0123456789abcdef0: x, y/);
      return !error.transient;
    });
  }
});

// "No such node" completes the hook; an API that fails once must not.
test('an API that fails is not an answer', async () => {
  const fault = new Error('503');
  const directory: NodeDirectory = {
    byName: () => Promise.reject(fault),
    byLabel: async () => [],
    async *all() {
      yield [];
    },
  };
  await assert.rejects(findNode(directory, ID, 'ip-a', never), fault);
});

test('only the whole instance ID at the end of an AWS provider ID is a match', () => {
  assert.equal(canBe(node('a', aws(ID)), ID), true);
  assert.equal(canBe(node('a', `aws:///eu-central-1a/x${ID}`), ID), false);
  assert.equal(canBe(node('a', `aws:///${ID}/i-1`), ID), false);
  assert.equal(canBe(node('a', aws(`${ID}0`)), ID), false);
});
