import { setTimeout as pause } from 'node:timers/promises';
import type { V1Deployment } from '@kubernetes/client-node';
import { ifFound, merge } from '../../cluster/admin.ts';
import { POOL, podOn, replicaSet, withClaims } from '../../cluster/manifests.ts';
import { setReady, workers } from '../../cluster/nodes.ts';
import { eventually } from '../../cluster/poll.ts';
import { providerIdOf, randomInstanceId, startRegion } from '../../cluster/termination.ts';
import { Volume } from '../../cluster/volume.ts';
import { failuresOf } from '../../nodes/load.ts';
import { type ServerOptions, serve, underLoad } from '../../nodes/server.ts';
import type { ScenarioGroup } from '../scenario.ts';
import type { Behaviour, Stage } from '../stage.ts';

/** A gap that is no longer may be the blur between two observations. */
const BLUR_MS = 100;

/** A Service for the pods `app=web`. With `Local` its load balancer sends only to nodes that have one, with `Cluster` to any. */
async function loadBalancer(stage: Stage, externalTrafficPolicy: 'Local' | 'Cluster'): Promise<void> {
  const { core } = stage.cluster.admin;
  // On a cluster that scenarios share, the witness of the next one would see it for as long as its namespace takes to go.
  stage.after(() => ifFound(core.deleteNamespacedService({ name: 'web', namespace: stage.scenario.namespace })));
  await stage.scenario.create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { type: 'LoadBalancer', externalTrafficPolicy, selector: { app: 'web' }, ports: [{ port: 80 }] },
  } as const);
}

/** Drains while requests are sent; without containers, while it is written down when no pod was ready. */
async function servedAllTheTime(
  stage: Stage,
  { replicas, behaviour, prepare }: { replicas: number; behaviour: Behaviour; prepare: () => Promise<void> },
): Promise<void> {
  const drain = async () => {
    await stage.ended(stage.drain());
    // Whoever evicts all at once leaves a gap until the new ones are ready.
    await stage.scenario.ready('web', replicas).catch(() => stage.harm('not all replicas became ready again'));
  };
  if (stage.runsContainers) {
    const options: ServerOptions = { replicas, readyMs: behaviour.readyMs ?? 500, preStopSeconds: 5 };
    const url = await serve(stage.scenario, options);
    await prepare();
    const { load } = await underLoad(url, drain);
    if (failuresOf(load) > 0) stage.harm(`${failuresOf(load)} of ${load.sent} requests failed`);
    return;
  }
  const { annotations, pod } = stage.behaviour(behaviour);
  await stage.startOnWorker(replicaSet(stage.scenario.namespace, 'web', { replicas, annotations, pod }), replicas);
  await prepare();
  const from = Date.now();
  await drain();
  await stage.pods.caughtUp();
  tellOutage(stage, stage.pods.unavailableMs('web', from, Date.now()));
}

function tellOutage(stage: Stage, ms: number): void {
  if (ms > BLUR_MS) stage.harm(`no replica was ready for ${Math.max(0.1, ms / 1_000).toFixed(1)} s`);
}

export const nodeVolumesTraffic: ScenarioGroup = {
  section: 'Node, volumes, traffic',
  scenarios: [
    {
      id: '36',
      title: 'a node whose kubelet is dead (Unknown) is given up within minutes',
      needs: ['patience'],
      limitSeconds: 110,
      run: async (stage) => {
        await stage.useFakeNode({ dead: true });
        await stage.pod('lost', { graceSeconds: 1, annotations: { 'lab/shutdown-ms': 'never' } });
        await setReady(stage.cluster.admin, stage.node, 'Unknown');
        await stage.ended(stage.drain());
        stage.leaves('lost');
      },
    },
    {
      id: '37',
      title:
        'a node that is NotReady, or Unknown for a moment, is not taken for dead: its pods have their grace periods',
      limitSeconds: 30,
      run: async (stage) => {
        const node = await stage.useFakeNode();
        await stage.pod('slow', { graceSeconds: 20, shutdownMs: 7_000 });
        await setReady(stage.cluster.admin, node, 'False');
        const drain = stage.drain();
        await stage.until(() => stage.pods.isAsked('slow'));
        await setReady(stage.cluster.admin, node, 'Unknown');
        await stage.while(2_000);
        await setReady(stage.cluster.admin, node, 'False');
        await stage.ended(drain);
        stage.leaves('slow');
      },
    },
    {
      id: '38',
      title: 'volumes are waited for until they are detached, also those of pods that had left before the drain',
      limitSeconds: 30,
      run: async (stage) => {
        const after = { after: (work: () => unknown) => stage.after(work) };
        const [data, earlier] = [
          await Volume.create(after, stage.scenario, 'data'),
          await Volume.create(after, stage.scenario, 'earlier'),
        ];
        const attachments = [await data.attachTo(stage.node), await earlier.attachTo(stage.node)];
        const { spec } = withClaims('data');
        await stage.scenario.create(
          podOn(stage.node, 'database', { spec: { ...spec, terminationGracePeriodSeconds: 2 } }),
        );
        const drain = stage.drain();
        await stage.until(() => stage.pods.isGone('database'), 10_000);
        await stage.while(3_000);
        for (const { detach } of attachments) await detach();
        await stage.ended(drain);
        stage.leaves('database');
      },
    },
    {
      id: '39',
      title: 'volumes of pods that stay on the node are not waited for',
      limitSeconds: 30,
      run: async (stage) => {
        const node = await stage.useFakeNode();
        const after = { after: (work: () => unknown) => stage.after(work) };
        await (await Volume.create(after, stage.scenario, 'own')).attachTo(node);
        await stage.pod('stays', { annotations: { 'kubernetes.io/config.mirror': 'a-hash' }, ...withClaims('own') });
        await stage.pod('web', { shutdownMs: 500 });
        await stage.ended(stage.drain());
        stage.leaves('web');
        stage.stays('stays', 'static pod');
      },
    },
    {
      id: '40',
      title: 'the node is deleted and registered again meanwhile: it is cordoned again, and its pods leave',
      limitSeconds: 40,
      run: async (stage) => {
        const { core } = stage.cluster.admin;
        const providerID = providerIdOf(randomInstanceId());
        const node = await stage.useFakeNode({ providerID });
        await stage.pod('guarded', { shutdownMs: 500 });
        await stage.scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
        const drain = await stage.drainInstance();
        await stage.until(async () => (await core.readNode({ name: node })).spec?.unschedulable === true);
        await stage.while(1_500);
        await core.deleteNode({ name: node });
        await pause(1_000);
        await stage.scenario.fakeNode({ name: node, providerID });
        const isCordoned = async () => (await core.readNode({ name: node })).spec?.unschedulable === true;
        if (!(await stage.until(isCordoned, 8_000))) stage.harm('the node that is back takes new pods');
        await stage.scenario.changeBudget('strict', { minAvailable: 0 });
        await stage.ended(drain);
        stage.leaves('guarded');
      },
    },
    {
      id: '41',
      title: 'the node was cordoned before the drain, and somebody uncordons it in the middle: it is cordoned again',
      limitSeconds: 40,
      run: async (stage) => {
        const { core } = stage.cluster.admin;
        const cordon = (unschedulable: true | null) =>
          core.patchNode({ name: stage.node, body: { spec: { unschedulable } } }, merge);
        await stage.pod('guarded', { shutdownMs: 500 });
        await stage.scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
        await cordon(true);
        const drain = stage.drain();
        await stage.while(3_000);
        await cordon(null);
        const isCordoned = async () => (await core.readNode({ name: stage.node })).spec?.unschedulable === true;
        if (!(await stage.until(isCordoned, 8_000))) stage.harm('the node takes new pods: the evicted ones come back');
        await stage.scenario.changeBudget('strict', { minAvailable: 0 });
        await stage.ended(drain);
        stage.leaves('guarded');
      },
    },
    {
      id: '42',
      title: 'load balancers keep the node while ready pods are held on it',
      limitSeconds: 40,
      run: async (stage) => {
        await loadBalancer(stage, 'Local');
        await stage.pod('web', { shutdownMs: 500 });
        await stage.scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
        const drain = await stage.drainInstance({ loadBalancerSeconds: 4 });
        await stage.while(5_000);
        await stage.scenario.changeBudget('strict', { minAvailable: 0 });
        await stage.ended(drain);
        stage.leaves('web');
        stage.forgives(({ kind }) => kind === 'still a target');
      },
    },
    {
      id: '43',
      title: 'load balancers have let the node go before its instance dies',
      asks: 'let load balancers have 4 s for that',
      limitSeconds: 40,
      run: async (stage) => {
        await loadBalancer(stage, 'Cluster');
        await stage.pod('web', { shutdownMs: 500 });
        await stage.ended(await stage.drainInstance({ loadBalancerSeconds: 4 }));
        stage.leaves('web');
      },
    },
    {
      id: '44',
      title: 'no request fails while a budget lets one replica go at a time',
      limitSeconds: 90,
      run: (stage) =>
        servedAllTheTime(stage, {
          replicas: 3,
          behaviour: { readyMs: 1_000, shutdownMs: 500 },
          prepare: () => stage.scenario.budget('one-at-a-time', 'web', { maxUnavailable: 1 }, 3),
        }),
    },
    {
      id: '45',
      title:
        'no request fails when a Deployment of one replica, whose budget allows nothing, may surge; and the drain ends',
      asks: 'its own rolling update may replace the pod before it goes',
      limitSeconds: 30,
      run: async (stage) => {
        const { annotations, pod } = stage.behaviour({ readyMs: 1_000, shutdownMs: 500 });
        const { spec } = replicaSet(stage.scenario.namespace, 'web', { replicas: 1, annotations, pod });
        const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
        if (spec?.template === undefined) throw new Error('the template is missing');
        const deployment = {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'web' },
          spec: { replicas: 1, selector: spec.selector, template: spec.template, strategy },
        } satisfies V1Deployment;
        await stage.startOnWorker(deployment, 1);
        await stage.scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
        const from = Date.now();
        await stage.ended(stage.drain({ surge: true }));
        await stage.pods.caughtUp();
        tellOutage(stage, stage.pods.unavailableMs('web', from, Date.now()));
      },
    },
    {
      id: '46a',
      title: 'all replicas of a service without a budget are on the node: never are all of them gone',
      limitSeconds: 90,
      run: (stage) =>
        servedAllTheTime(stage, {
          replicas: 3,
          behaviour: { readyMs: 2_000, shutdownMs: 500 },
          prepare: async () => undefined,
        }),
    },
    {
      id: '46b',
      title: 'two nodes at once, each with a replica of a service without a budget: never are both gone',
      limitSeconds: 60,
      run: async (stage) => {
        const { admin } = stage.cluster;
        const { namespace } = stage.scenario;
        const nodes = await workers(admin);
        const [first = '', second = ''] = nodes;
        const pool = (name: string, value: string | null) =>
          admin.core.patchNode({ name, body: { metadata: { labels: { [POOL]: value } } } }, merge);
        const { annotations, pod } = stage.behaviour({ readyMs: 1_500, shutdownMs: 300 });
        await stage.startOnWorker(replicaSet(namespace, 'web', { replicas: 1, annotations, pod }), 1);
        for (const name of nodes) await pool(name, name === second ? namespace : null);
        const body = { spec: { replicas: 2 } };
        await admin.apps.patchNamespacedReplicaSet({ name: 'web', namespace, body }, merge);
        await stage.scenario.ready('web', 2);
        for (const name of nodes) await pool(name, namespace);
        const aws = await startRegion();
        stage.after(() => aws.stop());
        const from = Date.now();
        const drains = [await stage.drainInstance({}, first, aws), await stage.drainInstance({}, second, aws)];
        for (const drain of drains) await stage.ended(drain);
        await eventually('both replicas are elsewhere', () => stage.scenario.ready('web', 2));
        tellOutage(stage, stage.pods.unavailableMs('web', from, Date.now()));
      },
    },
  ],
};
