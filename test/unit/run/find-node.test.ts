import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { findNode, isProven, type NodeDirectory, type NodeRef } from '../../../app/run/find-node.ts';
import type { InstanceInfo } from '../../../app/run/instance.ts';

const ID = 'i-0123456789abcdef0';
const OTHER = 'i-0fedcba9876543210';
const never = new AbortController().signal;
const LAUNCHED = Date.parse('2026-01-02T03:00:00Z');
const MINUTE = 60_000;

function node(name: string, providerID: string, instanceLabel?: string, more: Partial<NodeRef> = {}): NodeRef {
  return {
    name,
    uid: `${name}#1`,
    resourceVersion: '1',
    providerID,
    instanceLabel,
    internalIPs: [],
    createdAt: LAUNCHED + MINUTE,
    ready: 'True',
    cordoned: false,
    excluded: false,
    volumesInUse: [],
    ...more,
  };
}
const aws = (id: string) => `aws:///eu-central-1a/${id}`;

/** The nodes of a cluster, listed two at a time. */
function clusterOf(...nodes: NodeRef[]) {
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
  const find = async (privateDnsName?: string, unproven: 'refuse' | 'accept' = 'refuse', more = {}) => {
    const privateIPs = ['10.0.0.1'];
    const known = { ...(privateDnsName !== undefined && { privateDnsName }), launchedAt: LAUNCHED };
    const instance: InstanceInfo = { ...known, privateIPs, clusters: [], ...more };
    const found = await findNode(directory, ID, instance, unproven, never);
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

/** What a provider ID and a label say of a node, by themselves. */
const PROOFS: readonly (readonly [string, string | undefined, boolean])[] = [
  [aws(ID), undefined, true],
  [`aws:///${ID}`, undefined, true],
  [ID, undefined, true],
  ['', ID, true],
  ['k3s://node-a', ID, true],
  ['kind://docker/kind/node-a', ID, true],
  ['', undefined, false],
  ['k3s://node-a', undefined, false],
  ['rke2://node-a', undefined, false],
  ['kind://docker/kind/node-a', undefined, false],
  [`kind://docker/kind/${ID}`, undefined, false],
  [`k3s://${ID}`, undefined, false],
  [aws(OTHER), undefined, false],
  [aws(OTHER), ID, false],
  [OTHER, ID, false],
  ['', OTHER, false],
  ['k3s://node-a', OTHER, false],
  [aws(ID), OTHER, true],
  [aws(`${ID}0`), undefined, false],
  [`aws:///eu-central-1a/x${ID}`, undefined, false],
  [`aws:///${ID}/i-1`, undefined, false],
];

// Private DNS names and addresses are used again within minutes: what names no instance proves nothing, and drained the wrong node.
// https://github.com/kubernetes/cloud-provider-aws/blob/master/pkg/providers/v1/instances.go (KubernetesInstanceID)
test('only a provider ID that ends in the instance ID, or the label of eksctl, proves that a node is the instance', () => {
  for (const [providerID, label, proven] of PROOFS) {
    assert.equal(isProven(node('node-a', providerID, label), ID), proven, `${providerID} ${label}`);
  }
});

test('a node that has the name or the address of the instance, and no proof, is refused with advice', async () => {
  const internalIPs = ['10.0.0.1'];
  for (const providerID of ['', 'k3s://ip-a', 'rke2://ip-a', 'kind://docker/kind/ip-a']) {
    for (const [cluster, name] of [
      [clusterOf(node('ip-a', providerID)), 'ip-a'],
      [clusterOf(node('renamed', providerID, undefined, { internalIPs })), undefined],
    ] as const) {
      await assert.rejects(cluster.find(name), (error) => {
        assert.ok(error instanceof Failure && !error.transient);
        assert.match(
          error.message,
          /^node (ip-a|renamed) has the name or address of i-0.*nothing proves that it runs there/,
        );
        assert.match(error.advice ?? '', /--provider-id=.*alpha\.eksctl\.io\/instance-id=i-0.*UNPROVEN_NODE=accept/);
        return true;
      });
    }
  }
});

// UNPROVEN_NODE=accept is for k3s and kind: a reused name alone, or a node older than its machine, is still another one.
test('UNPROVEN_NODE=accept goes by the internal IP and the age of a node', async () => {
  const accepts = async (more: Partial<NodeRef>, instance = {}) => {
    const find = clusterOf(node('ip-a', 'k3s://ip-a', undefined, more)).find('ip-a', 'accept', instance);
    return find.catch((error: unknown) => (error instanceof Failure ? error.message : error));
  };
  const internalIPs = ['192.168.0.9', '10.0.0.1'];
  assert.equal(await accepts({ internalIPs }), 'ip-a by internal IP');
  assert.equal(await accepts({ internalIPs, createdAt: LAUNCHED - MINUTE }), 'ip-a by internal IP', 'clocks differ');
  const refused = /^node ip-a is not i-0123456789abcdef0/;
  assert.match(String(await accepts({ internalIPs, createdAt: LAUNCHED - 10 * MINUTE })), refused);
  assert.match(String(await accepts({ internalIPs: ['10.0.0.2'] })), refused);
  assert.match(String(await accepts({ internalIPs: [] })), refused);
  assert.match(String(await accepts({ internalIPs }, { launchedAt: undefined })), refused);
  assert.equal(await accepts({ internalIPs, providerID: aws(OTHER) }), undefined, 'it is another instance');
  assert.equal(await accepts({ internalIPs, instanceLabel: OTHER }), undefined, 'its label says so');
});

test('UNPROVEN_NODE=accept prefers a node that is proven', async () => {
  const lookalike = node('ip-a', '', undefined, { internalIPs: ['10.0.0.1'] });
  assert.equal(await clusterOf(lookalike, node('real', aws(ID))).find('ip-a', 'accept'), 'real by provider ID');
});

test('an instance that is no node of the cluster is not found, and that is an answer', async () => {
  assert.equal(await clusterOf(node('x', aws(OTHER))).find('ip-a'), undefined);
  assert.equal(await clusterOf().find(), undefined);
});

// A kubelet that registers under another name leaves its old node behind: a refusal costs the hook, the old one costs the pods.
test('of two nodes that both prove to be the instance, the one whose kubelet is alive is taken, else the newer', async () => {
  const dead = { ready: 'Unknown' } as const;
  const newer = { createdAt: LAUNCHED + 5 * MINUTE };
  const found = (first: Partial<NodeRef>, second: Partial<NodeRef>, label?: string) =>
    clusterOf(node('x', aws(ID), label, first), node('u', ''), node('y', aws(ID), label, second)).find(undefined);
  for (const label of [undefined, ID]) {
    const by = (ready: boolean) => (label !== undefined && ready ? 'eksctl label' : 'provider ID');
    assert.equal(await found({ ...dead, ...newer }, {}, label), `y by ${by(true)}`);
    assert.equal(await found({}, { ...dead, ...newer }, label), `x by ${by(true)}`);
    assert.equal(await found({ ready: 'False' }, dead, label), `x by ${by(true)}`, 'False is alive');
    assert.equal(await found(newer, {}, label), `x by ${by(true)}`);
    assert.equal(await found({}, newer, label), `y by ${by(true)}`);
    assert.equal(await found(dead, { ...dead, ...newer }, label), `y by ${by(false)}`);
  }
});

test('a node with the right name whose kubelet is dead is not taken before another that is the instance and lives', async () => {
  const dead = node('ip-a', aws(ID), ID, { ready: 'Unknown', createdAt: LAUNCHED + 5 * MINUTE });
  assert.equal(await clusterOf(dead, node('renamed', aws(ID))).find('ip-a'), 'renamed by provider ID');
  assert.equal(await clusterOf(dead, node('other', aws(OTHER))).find('ip-a'), 'ip-a by provider ID');
  const labelled = node('ip-a', '', ID, { ready: 'Unknown' });
  assert.equal(await clusterOf(labelled).find('ip-a'), 'ip-a by eksctl label');
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
  await assert.rejects(
    findNode(directory, ID, { privateDnsName: 'ip-a', privateIPs: [], clusters: [] }, 'refuse', never),
    fault,
  );
});
