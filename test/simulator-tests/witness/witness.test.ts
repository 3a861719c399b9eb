import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { harmText, noHarm, onlyHarm } from '../../witness/harm.ts';
import { simulated } from '../../witness/simulated-cluster.ts';
import { watchInstances } from '../../witness/watch-instances.ts';
import { at, eventually, MERGE, podBody, workload } from '../kubernetes/test-cluster.ts';
import { GROUP, INSTANCE, NODE, OTHER, settled, Witnessed } from './witnessed.ts';

const EXCLUDE = { metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } } };
const SERVICES = '/api/v1/namespaces/default/services';
const service = (app: string, externalTrafficPolicy: string) => ({
  metadata: { name: 'front' },
  spec: { type: 'LoadBalancer', externalTrafficPolicy, selector: { app }, ports: [{ port: 80 }] },
});

describe('containers that die with their instance', { concurrency: true }, () => {
  // A drain that completes the hook early, passes every test and kills pods in production.
  test('a container that nobody asked to end is cut off without SIGTERM', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.pod('a');
    await fixture.end();
    const [harm] = await fixture.witness.harm();
    assert.deepEqual(harm, {
      ...{ kind: 'cut off', pod: 'default/a', containers: ['c'] },
      ...{ hadSigterm: false, graceGot: 0, grace: 30 },
    });
    assert.equal(harmText(await fixture.witness.harm()), '1 pod cut off without SIGTERM (default/a)');
  });

  // ABANDON and a timeout, by which the instance dies as well, taken for safe ends.
  for (const how of ['ABANDON', 'timeout'] as const)
    test(`a container is cut off by ${how}, too`, async (t) => {
      const fixture = await Witnessed.open(t, how === 'timeout' ? { heartbeatTimeout: 30, timeScale: 1_000 } : {});
      await fixture.pod('a');
      fixture.aws.terminateInstance(INSTANCE);
      if (how === 'ABANDON') await fixture.complete('ABANDON');
      else await ended(fixture);
      await onlyHarm(fixture.witness, 'nobody asked it to end', {
        kind: 'cut off',
        pod: 'default/a',
        hadSigterm: false,
      });
    });

  // An instance taken for dead while its second hook still holds it.
  test('nobody is cut off before the last hook is completed', async (t) => {
    const fixture = await Witnessed.open(t);
    fixture.aws.putLifecycleHook({ autoScalingGroupName: GROUP, lifecycleHookName: 'second' });
    await fixture.pod('a');
    await fixture.end();
    await noHarm(fixture.witness);
  });

  // A drain that asks its pods in the last moment and calls that a shutdown.
  test('a container that was asked 3 s before has had 3 s of its grace', async (t) => {
    // A clock that stands still in between: the seconds of a slow machine are no grace.
    let time = Date.now();
    const fixture = await Witnessed.open(t, { now: () => time });
    await fixture.pod('a');
    time += 1_000;
    fixture.aws.terminateInstance(INSTANCE);
    await fixture.evict('a');
    time += 3_000;
    await fixture.complete();
    assert.equal(harmText(await fixture.witness.harm()), '1 pod cut off after 3 of 30 s (default/a)');
  });

  // Harm where a pod ignored SIGTERM for all the time that its own spec gives it.
  test('a container that has had its whole grace is not cut off', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.pod('a');
    fixture.aws.terminateInstance(INSTANCE);
    await fixture.evict('a');
    fixture.pass(30_000);
    await fixture.complete();
    await noHarm(fixture.witness);
  });

  // Harm where a finalizer only keeps the object of a pod whose containers have ended.
  test('a pod that is gone, or of which only its object is left, is not cut off', async (t) => {
    const fixture = await Witnessed.open(t);
    const soon = { annotations: { 'lab/shutdown-ms': '0' } };
    await fixture.pod('gone', soon);
    await fixture.pod('held', { ...soon, finalizers: ['example.com/hold'] });
    fixture.aws.terminateInstance(INSTANCE);
    for (const name of ['gone', 'held']) await fixture.evict(name);
    await eventually(async () => {
      const [left, ...others] = await fixture.cluster.pods('default');
      return others.length === 0 && at(left, 'metadata', 'deletionGracePeriodSeconds') === 0 ? left : undefined;
    }, 'the containers to end');
    await fixture.complete();
    await noHarm(fixture.witness);
  });

  // Every drain called harmful because of node agents, which are meant to die with the node.
  test('pods that stay by design are not cut off', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.post('/apis/apps/v1/namespaces/default/daemonsets', workload('agent', undefined));
    await fixture.pod('static', { annotations: { 'kubernetes.io/config.mirror': 'x' } });
    await fixture.pod('skipped', { annotations: { 'node-drainer/skip': 'true' } });
    await fixture.pod('karpenter', { spec: { tolerations: [{ key: 'karpenter.sh/disrupted', operator: 'Exists' }] } });
    await eventually(async () => {
      const pods = await fixture.cluster.pods('default', 'fieldSelector=status.phase=Running');
      return pods.length === 5 ? pods : undefined;
    }, 'the agents to run');
    await fixture.end();
    await noHarm(fixture.witness);
  });

  // A pod without an owner that would replace it, left to die because a DaemonSet once made it.
  test('a pod of a DaemonSet that no longer exists is cut off', async (t) => {
    const fixture = await Witnessed.open(t);
    const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'gone', controller: true };
    const { metadata, spec } = podBody('agent-x', { annotations: { 'lab/shutdown-ms': 'never' } });
    const body = { metadata: { ...metadata, ownerReferences: [owner] }, spec: { ...spec, nodeName: NODE } };
    await fixture.post('/api/v1/namespaces/default/pods', body);
    await fixture.cluster.running('default', 'agent-x');
    await fixture.end();
    await onlyHarm(fixture.witness, 'nobody would make it again', { kind: 'cut off', pod: 'default/agent-x' });
  });

  // Pods of other nodes, and of nodes that live on, counted as harm.
  test('pods of other nodes are not cut off', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.pod('far', { node: OTHER });
    await fixture.end();
    await noHarm(fixture.witness);
  });

  // A simulated instance whose containers go on and shut down in peace after it died.
  test('a pod on a dead instance neither ends nor starts any more', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.pod('a', { annotations: { 'lab/shutdown-ms': '1000' } });
    fixture.aws.terminateInstance(INSTANCE);
    await fixture.evict('a');
    await fixture.complete();
    await fixture.pod('later', { node: OTHER, annotations: { 'lab/ready-ms': '1500' } });
    const [pod] = await fixture.cluster.pods('default', `fieldSelector=spec.nodeName=${NODE}`);
    assert.equal(at(pod, 'metadata', 'name'), 'a');
    await onlyHarm(fixture.witness, 'it had a second to go', { kind: 'cut off', pod: 'default/a', hadSigterm: true });
  });
});

describe('volumes and load balancers of an instance that dies', { concurrency: true }, () => {
  const ATTACHMENTS = '/apis/storage.k8s.io/v1/volumeattachments';
  const attach = async (fixture: Witnessed, name: string, node: string): Promise<void> => {
    const claimRef = { namespace: 'default', name };
    await fixture.post('/api/v1/persistentvolumes', { metadata: { name }, spec: { claimRef } });
    const spec = { attacher: 'csi', nodeName: node, source: { persistentVolumeName: name } };
    await fixture.post(ATTACHMENTS, { metadata: { name }, spec });
  };

  // A database that waits six minutes for a volume which a dead node still holds.
  test('a volume that is attached as the instance dies is harm, one that was detached is none', async (t) => {
    const fixture = await Witnessed.open(t);
    for (const name of ['kept', 'detached']) await attach(fixture, name, NODE);
    await attach(fixture, 'far', OTHER);
    await fixture.cluster.send('DELETE', `${ATTACHMENTS}/detached`);
    await fixture.end();
    assert.equal(harmText(await fixture.witness.harm()), '1 volume still attached (kept)');
  });

  // A drain called harmful because of the volume of a pod that is meant to stay.
  test('the volume of a pod that stays by design is no harm', async (t) => {
    const fixture = await Witnessed.open(t);
    await attach(fixture, 'logs', NODE);
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'logs' } }];
    await fixture.pod('skipped', { annotations: { 'node-drainer/skip': 'true' }, spec: { volumes } });
    await fixture.end();
    await noHarm(fixture.witness);
  });

  // Requests that a load balancer sends to a machine that is off.
  test('a node that was only cordoned is still a target', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.post(SERVICES, service('web', 'Cluster'));
    fixture.aws.terminateInstance(INSTANCE);
    await fixture.patchNode(NODE, { spec: { unschedulable: true } });
    await fixture.complete();
    assert.equal(harmText(await fixture.witness.harm()), '1 node still a target (registered) of default/front (mine)');
  });

  // A label that counts at once, though load balancers take minutes to let a target go.
  test('an excluded node is a target until its deregistration is over', async (t) => {
    for (const [waited, expected] of [
      [29_000, '1 node still a target (draining) of default/front (mine)'],
      [31_000, 'none'],
    ] as const) {
      const fixture = await Witnessed.open(t, { loadBalancers: { deregistrationMs: 30_000 } });
      await fixture.post(SERVICES, service('web', 'Cluster'));
      fixture.aws.terminateInstance(INSTANCE);
      await fixture.patchNode(NODE, EXCLUDE);
      fixture.pass(waited);
      await fixture.complete();
      assert.equal(harmText(await fixture.witness.harm()), expected);
    }
  });

  // A test that ends an instance in a target group says nothing of the requests that it loses: neither by the instance nor by an address.
  test('an instance, or an address of its node, is a target as long as a target group says so', async (t) => {
    const ip = '10.0.0.1';
    for (const id of [INSTANCE, ip]) {
      for (const [waited, expected] of [
        [119_000, '1 node still a target (draining) of nlb (mine)'],
        [121_000, 'none'],
      ] as const) {
        const fixture = await Witnessed.open(t);
        const addresses = [{ type: 'InternalIP', address: ip }];
        await fixture.cluster.send('PATCH', `/api/v1/nodes/${NODE}/status`, { status: { addresses } }, MERGE);
        const arn = fixture.aws.createTargetGroup({ name: 'nlb', of: 'network' });
        fixture.aws.registerTarget(arn, { id, port: 443 });
        fixture.aws.registerTarget(arn, { id: 'i-0123456789abcdef1' });
        fixture.aws.terminateInstance(INSTANCE);
        fixture.aws.deregisterTarget(arn, { id, port: 443 });
        fixture.pass(waited);
        await fixture.complete();
        assert.equal(harmText(await fixture.witness.harm()), expected);
      }
    }
  });

  // Harm where the health check has long kept all requests away.
  test('with the policy Local a node without a ready pod is no target once its health check has failed', async (t) => {
    for (const [waited, expected] of [
      [0, '1 node still a target (registered) of default/front (mine)'],
      [20_000, 'none'],
    ] as const) {
      const fixture = await Witnessed.open(t, { loadBalancers: { unhealthyMs: 10_000 } });
      await fixture.post(SERVICES, service('a', 'Local'));
      await fixture.pod('a', { annotations: { 'lab/shutdown-ms': '0' } });
      fixture.aws.terminateInstance(INSTANCE);
      await fixture.evict('a');
      await eventually(
        async () => ((await fixture.cluster.pods('default')).length === 0 ? true : undefined),
        'it to go',
      );
      fixture.pass(waited);
      await fixture.complete();
      assert.equal(harmText(await fixture.witness.harm()), expected);
    }
  });

  // The outage of kubernetes#65013: pods that budgets hold, on a node without traffic.
  test('a ready pod on an excluded node is held without traffic, with the policy Local', async (t) => {
    for (const [policy, expected] of [
      ['Local', '1 pod held without traffic of default/front (default/a for 5 s)'],
      // The other nodes send the pod its requests.
      ['Cluster', 'none'],
    ] as const) {
      const fixture = await Witnessed.open(t);
      await fixture.post(SERVICES, service('a', policy));
      await fixture.pod('a', { annotations: { 'lab/shutdown-ms': '0' } });
      fixture.aws.terminateInstance(INSTANCE);
      await fixture.patchNode(NODE, EXCLUDE);
      fixture.pass(5_000);
      await fixture.evict('a');
      await eventually(
        async () => ((await fixture.cluster.pods('default')).length === 0 ? true : undefined),
        'it to go',
      );
      fixture.pass(60_000);
      assert.equal(harmText(await fixture.witness.harm()), expected);
    }
  });

  // Harm where the label goes on as it should, after the last pod.
  test('a pod that left before the node was excluded was not held', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.post(SERVICES, service('a', 'Local'));
    await fixture.pod('a', { annotations: { 'lab/shutdown-ms': '0' } });
    fixture.aws.terminateInstance(INSTANCE);
    await fixture.evict('a');
    await eventually(async () => ((await fixture.cluster.pods('default')).length === 0 ? true : undefined), 'it to go');
    await fixture.patchNode(NODE, EXCLUDE);
    fixture.pass(60_000);
    await fixture.complete();
    await noHarm(fixture.witness);
  });
});

describe('what a drain asks for', { concurrency: true }, () => {
  const selector = { matchLabels: { app: 'a' } };

  // A budget that is respected by evictions and walked around by deletions.
  test('a deletion that a budget forbids is harm, unless the certain end is near', async (t) => {
    for (const [left, expected] of [
      [3_600_000, '1 pod deleted against budget keep (default/a)'],
      [59_000, 'none'],
    ] as const) {
      const fixture = await Witnessed.open(t);
      await fixture.budget('keep', { minAvailable: 1, selector });
      await fixture.pod('a', { annotations: { 'lab/shutdown-ms': '0' } });
      fixture.aws.terminateInstance(INSTANCE);
      await settled();
      fixture.witness.endsBy(NODE, Date.now() + left);
      assert.equal((await fixture.delete('a')).status, 200);
      assert.equal(harmText(await fixture.witness.harm()), expected);
    }
  });

  // Harm where a budget allowed it, or where none was.
  test('a deletion that the budget allows, and an eviction, are no harm', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.budget('keep', { minAvailable: 0, selector });
    for (const name of ['a', 'b', 'c']) await fixture.pod(name, { annotations: { 'lab/shutdown-ms': '0' } });
    fixture.aws.terminateInstance(INSTANCE);
    await settled();
    for (const name of ['a', 'b']) assert.equal((await fixture.delete(name)).status, 200);
    await fixture.evict('c');
    await noHarm(fixture.witness);
  });

  // Harm where the eviction API itself would have let the pod go.
  test('deletions of pods that cost their budget nothing are no harm', async (t) => {
    const fixture = await Witnessed.open(t);
    const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
    await fixture.budget('spare', {
      ...{ minAvailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
      selector: { matchLabels: { app: 'unready' } },
    });
    for (const app of ['pending', 'asked', 'dropped'])
      await fixture.budget(app, { minAvailable: 1, selector: { matchLabels: { app } } });
    await fixture.pod('unready');
    const conditions = [{ type: 'Ready', status: 'False' }];
    const status = '/api/v1/namespaces/default/pods/unready/status';
    await fixture.cluster.send('PATCH', status, { status: { conditions } }, MERGE);
    for (const name of ['asked', 'dropped']) await fixture.pod(name);
    const pending = podBody('pending', { annotations: { 'lab/ready-ms': '60000' }, spec: { nodeName: NODE } });
    await fixture.post('/api/v1/namespaces/default/pods', pending);
    // By its owner, which no budget stops.
    await fixture.cluster.send('DELETE', '/api/v1/namespaces/default/pods/asked');
    await fixture.cluster.send('DELETE', `${budgets}/dropped`);
    fixture.aws.terminateInstance(INSTANCE);
    await settled();
    for (const name of ['unready', 'asked', 'dropped', 'pending']) await fixture.delete(name);
    await noHarm(fixture.witness);
  });

  // Two deletions at once on the one that a budget has to give.
  test('the second of two deletions is harm when the budget had one to give', async (t) => {
    const fixture = await Witnessed.open(t);
    const labels = { app: 'a' };
    await fixture.post('/apis/apps/v1/namespaces/default/replicasets', workload('a', 2, { 'lab/shutdown-ms': '0' }));
    await fixture.budget('keep', { minAvailable: 1, selector: { matchLabels: labels } });
    const pods = await eventually(async () => {
      const running = await fixture.cluster.pods('default', 'fieldSelector=status.phase=Running');
      return running.length === 2 ? running.map((pod) => String(at(pod, 'metadata', 'name'))) : undefined;
    }, 'two pods to run');
    for (const node of [NODE, OTHER]) fixture.witness.drains(node);
    await settled();
    await Promise.all(pods.map((name) => fixture.delete(name)));
    const harm = await fixture.witness.harm();
    assert.deepEqual(
      harm.map(({ kind }) => kind),
      ['against a budget'],
    );
  });

  // A wrong node that is cordoned and emptied, while the drainer reports success.
  test('a node of another instance, and a pod on it, are foreign', async (t) => {
    const fixture = await Witnessed.open(t);
    for (const node of [NODE, OTHER]) await fixture.pod(`on-${node}`, { node });
    fixture.aws.terminateInstance(INSTANCE);
    for (const node of [NODE, OTHER]) {
      await fixture.patchNode(node, { spec: { unschedulable: true } });
      await fixture.evict(`on-${node}`);
    }
    await onlyHarm(
      fixture.witness,
      'only one of the nodes is the instance',
      { kind: 'foreign', what: 'node', name: OTHER, request: 'patch' },
      { kind: 'foreign', what: 'pod', name: `default/on-${OTHER}`, request: 'evict' },
    );
  });

  // Other writes to pods that nobody sees, and those to the instance's own pods taken for harm.
  test('a change of a pod is foreign on the other node only', async (t) => {
    const fixture = await Witnessed.open(t);
    for (const node of [NODE, OTHER]) await fixture.pod(`on-${node}`, { node });
    await fixture.budget('keep', { minAvailable: 2, selector: { matchLabels: { app: `on-${NODE}` } } });
    fixture.aws.terminateInstance(INSTANCE);
    await settled();
    for (const node of [NODE, OTHER]) {
      const path = `/api/v1/namespaces/default/pods/on-${node}`;
      await fixture.cluster.drainer('PATCH', path, { metadata: { labels: { seen: 'yes' } } }, MERGE);
    }
    await onlyHarm(fixture.witness, 'it is not ours', { kind: 'foreign', what: 'pod', name: `default/on-${OTHER}` });
  });

  // A drain by the node's name that no test can judge, because no instance of Auto Scaling ends.
  test('a test can say that a machine goes off, and follow an account later', async (t) => {
    const fixture = await Witnessed.open(t);
    const witness = await watchInstances(simulated(fixture.cluster.simulator, 'stay'), undefined);
    t.after(async () => witness[Symbol.asyncDispose]());
    for (const node of [NODE, OTHER]) await fixture.pod(`on-${node}`, { node });
    witness.drains(OTHER);
    witness.dies(OTHER);
    const other = { kind: 'cut off', pod: `default/on-${OTHER}` } as const;
    await onlyHarm(witness, 'nobody drained it', other);
    await fixture.end();
    await onlyHarm(witness, 'the account is not followed yet', other);
    const second = 'i-0123456789abcdef2';
    const node = { metadata: { name: 'second', labels: { 'alpha.eksctl.io/instance-id': second } } };
    await fixture.post('/api/v1/nodes', node);
    await fixture.pod('on-second', { node: 'second' });
    witness.follow(fixture.aws);
    fixture.aws.launchInstance({ instanceId: second });
    fixture.aws.terminateInstance(second);
    await onlyHarm(witness, 'no hook kept it', other, { kind: 'cut off', pod: 'default/on-second' });
  });

  // A node that is drained before its instance has to go.
  test('the node of an instance that is in service is foreign; one that is drained by name is not', async (t) => {
    const fixture = await Witnessed.open(t);
    fixture.witness.drains(OTHER);
    await fixture.patchNode(OTHER, { spec: { unschedulable: true } });
    await noHarm(fixture.witness);
    await fixture.patchNode(NODE, { spec: { unschedulable: true } });
    await onlyHarm(fixture.witness, 'it is in service', { kind: 'foreign', name: NODE });
  });

  // An eviction that meets the new pod of a StatefulSet on another node (kubernetes#138229).
  test('a pod that has the name of one that left is foreign', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.pod('db-0', { annotations: { 'lab/shutdown-ms': '0' } });
    fixture.aws.terminateInstance(INSTANCE);
    await fixture.evict('db-0');
    await eventually(async () => ((await fixture.cluster.pods('default')).length === 0 ? true : undefined), 'it to go');
    await noHarm(fixture.witness);
    await fixture.pod('db-0', { node: OTHER });
    await fixture.evict('db-0');
    await onlyHarm(fixture.witness, 'it is the next one', { kind: 'foreign', what: 'pod', name: 'default/db-0' });
  });

  // Others, such as controllers and administrators, taken for the drainer.
  test('requests of other users are not judged', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.pod('a', { node: OTHER });
    await fixture.cluster.send('DELETE', '/api/v1/namespaces/default/pods/a');
    await noHarm(fixture.witness);
  });

  // An end without a SIGTERM that is no eviction's fault: `--grace-period=0` an hour before the end.
  test('a grace that is cut short is harm while there is time for the whole', async (t) => {
    for (const [left, expected] of [
      [3_600_000, '1 pod given 1 of 30 s (default/a)'],
      [20_000, 'none'],
    ] as const) {
      const fixture = await Witnessed.open(t);
      await fixture.pod('a');
      fixture.aws.terminateInstance(INSTANCE);
      fixture.witness.endsBy(NODE, Date.now() + left);
      await fixture.evict('a', { gracePeriodSeconds: 1 });
      assert.equal(harmText(await fixture.witness.harm()), expected);
    }
  });
});

describe('how a test asks the witness', { concurrency: true }, () => {
  // A test that passes although it expected another harm than there was.
  test('noHarm and onlyHarm fail with what was seen and what was not', async () => {
    const harm = [
      { kind: 'volume attached', node: NODE, volume: 'pv' },
      { kind: 'foreign', what: 'node', name: OTHER, request: 'patch' },
    ] as const;
    const witness = { harm: async () => harm };
    await assert.rejects(
      noHarm(witness),
      /no harm was expected, and the witness saw: 1 volume still attached \(pv\); 1 request/,
    );
    await onlyHarm(witness, 'why', { kind: 'volume attached' }, { kind: 'foreign', what: 'node' });
    await assert.rejects(
      onlyHarm(witness, 'why', { kind: 'volume attached' }),
      /expected harm \(why\): it also saw: 1 request/,
    );
    await assert.rejects(
      onlyHarm(witness, 'why', { kind: 'volume attached' }, { kind: 'foreign' }, { kind: 'cut off', pod: 'x' }),
      /the witness did not see \{"kind":"cut off","pod":"x"\}/,
    );
  });

  // A table whose lines grow with the cluster.
  test('the text names three of many', () => {
    const harm = ['a', 'b', 'c', 'd', 'e'].map(
      (pod) => ({ kind: 'cut off', pod, containers: ['c'], hadSigterm: false, graceGot: 0, grace: 30 }) as const,
    );
    assert.equal(harmText(harm), '5 pods cut off without SIGTERM (a, b, c, 2 more)');
    assert.equal(harmText([]), 'none');
  });
});

function ended(fixture: Witnessed): Promise<void> {
  return new Promise((resolve) => fixture.aws.onInstanceEnd(() => resolve()));
}
