import type { KubernetesObject, V1Service } from '@kubernetes/client-node';
import { daemonSet, replicaSet } from '../../cluster/manifests.ts';
import type { ScenarioGroup } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** A second for the start of a program, by which its clock may be late. */
const EARLY_MS = 500;
const KEEP_SECONDS = 5;

/** A job that must not be disturbed, and a web server that may go at once. */
async function keptUntilTheLimit(stage: Stage, annotations: Record<string, string>): Promise<void> {
  await stage.pod('job', { annotations, graceSeconds: 4, shutdownMs: 2_000 });
  await stage.pod('web');
  const drain = stage.drain({ keepSeconds: KEEP_SECONDS });
  await stage.ended(drain);
  const { askedAt } = stage.pods.pod('job') ?? {};
  if (askedAt !== undefined && askedAt < drain.startedAt + KEEP_SECONDS * 1_000 - EARLY_MS)
    stage.harm(`job was asked to end after ${seconds(askedAt - drain.startedAt)} of ${KEEP_SECONDS} s`);
  stage.leaves('job');
  stage.leaves('web');
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

export const selection: ScenarioGroup = {
  section: 'Selection',
  scenarios: [
    {
      id: '1',
      title: 'a static (mirror) pod is neither asked to end nor waited for',
      limitSeconds: 30,
      run: async (stage) => {
        await stage.useFakeNode();
        await stage.pod('proxy', { annotations: { 'kubernetes.io/config.mirror': 'a-hash' } });
        await stage.pod('web');
        await stage.ended(stage.drain());
        stage.leaves('web');
        stage.stays('proxy', 'static pod');
      },
    },
    {
      id: '2',
      title: 'the pod of a DaemonSet neither leaves nor blocks',
      limitSeconds: 30,
      run: async (stage) => {
        const { pod } = stage.behaviour({});
        const [agent = ''] = await stage.startOnWorker(daemonSet(stage.scenario.namespace, 'agent', pod), 1);
        await stage.pod('web', { shutdownMs: 1_000 });
        await stage.ended(stage.drain());
        stage.leaves('web');
        if (stage.pods.isAsked(agent))
          stage.harm('the pod of the DaemonSet was asked to end before the others were gone');
      },
    },
    {
      id: '4',
      title: 'the pod of a DaemonSet of another API group (Kruise) stays like any other',
      limitSeconds: 30,
      run: async (stage) => {
        await stage.useFakeNode();
        // The garbage collector cannot look the owner up and leaves the pod alone; the simulated one looks for its UID.
        const service: V1Service & KubernetesObject = {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'agent' },
        };
        const owner = await stage.scenario.create({ ...service, spec: { ports: [{ port: 80 }] } });
        const reference = { apiVersion: 'apps.kruise.io/v1alpha1', kind: 'DaemonSet', name: 'agent', controller: true };
        await stage.pod('agent', { ownerReferences: [{ ...reference, uid: owner.metadata?.uid ?? '' }] });
        await stage.pod('web');
        await stage.ended(stage.drain());
        stage.leaves('web');
        stage.stays('agent', 'pod of the DaemonSet');
      },
    },
    {
      id: '5',
      title: 'a pod without a controller leaves, and has its whole grace period',
      limitSeconds: 30,
      run: async (stage) => {
        await stage.pod('bare', { shutdownMs: 500 });
        await stage.ended(stage.drain());
        stage.leaves('bare');
      },
    },
    {
      id: '6',
      title: 'a pod with an emptyDir leaves, and has its whole grace period',
      limitSeconds: 30,
      run: async (stage) => {
        await stage.pod('scratch', { shutdownMs: 500, spec: { volumes: [{ name: 'tmp', emptyDir: {} }] } });
        await stage.ended(stage.drain());
        stage.leaves('scratch');
      },
    },
    {
      id: '7',
      title: 'a finished pod that a finalizer keeps (as the Job controller does) is not waited for',
      limitSeconds: 15,
      run: async (stage) => {
        await stage.useFakeNode();
        await stage.pod('done', { held: true });
        await stage.scenario.setPhase('done', 'Succeeded');
        await stage.pod('web', { shutdownMs: 500 });
        await stage.ended(stage.drain());
        stage.leaves('web');
      },
    },
    {
      id: '8',
      title: 'a pod that is bound to the node after the cordon is found, and leaves',
      limitSeconds: 30,
      run: async (stage) => {
        await stage.pod('first', { shutdownMs: 4_000 });
        const drain = stage.drain();
        await stage.until(() => stage.pods.isAsked('first'));
        await stage.bind('late', { shutdownMs: 500 });
        await stage.ended(drain);
        stage.leaves('late');
      },
    },
    {
      id: '9',
      title: 'a pod that names the node in its template and returns for ever does not hold the drain for ever',
      limitSeconds: 90,
      needs: ['patience'],
      run: async (stage) => {
        const { annotations, pod } = stage.behaviour({ shutdownMs: 200 });
        const spec = { ...pod, nodeName: stage.node };
        await stage.startOnWorker(
          replicaSet(stage.scenario.namespace, 'returning', { replicas: 1, annotations, pod: spec }),
          1,
        );
        await stage.pod('web', { shutdownMs: 2_000 });
        await stage.ended(stage.drain());
        const asked = (await stage.pods.requestsToEnd()).length;
        if (asked > 30) stage.harm(`pods that return were asked to end ${asked} times`);
        // No drainer can keep it away: its template names the node.
        stage.forgives((harm) => harm.kind === 'cut off' && harm.pod.includes('/returning-'));
      },
    },
    {
      id: '10',
      title:
        'a pod with karpenter.sh/do-not-disrupt=true is kept until the limit, then leaves with its whole grace period',
      asks: `keep such pods for ${KEEP_SECONDS} s`,
      limitSeconds: 25,
      run: (stage) => keptUntilTheLimit(stage, { 'karpenter.sh/do-not-disrupt': 'true' }),
    },
    {
      id: '11',
      title: 'a pod with karpenter.sh/do-not-disrupt=8s is kept until it is so old, and no longer',
      asks: 'keep such pods for 60 s',
      limitSeconds: 25,
      run: async (stage) => {
        await stage.pod('job', {
          annotations: { 'karpenter.sh/do-not-disrupt': '8s' },
          graceSeconds: 4,
          shutdownMs: 500,
        });
        await stage.ended(stage.drain({ keepSeconds: 60 }));
        stage.leaves('job');
        const { askedAt = 0, startedAt = 0 } = stage.pods.pod('job') ?? {};
        const age = askedAt - startedAt;
        // Kubernetes tells times in whole seconds.
        if (age < 7_000) stage.harm(`job was asked to end at the age of ${seconds(age)}`);
        if (age > 12_000) stage.harm(`job was still kept at the age of ${seconds(age)}`);
      },
    },
    {
      id: '12',
      title: 'a pod with cluster-autoscaler.kubernetes.io/safe-to-evict=false is kept in the same way',
      asks: `keep such pods for ${KEEP_SECONDS} s`,
      limitSeconds: 25,
      run: (stage) => keptUntilTheLimit(stage, { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' }),
    },
    {
      id: '13',
      title: 'pods with safe-to-evict=on-completion or drain=wait-completed may finish, and are not evicted',
      asks: 'keep such pods for 60 s',
      limitSeconds: 25,
      run: async (stage) => {
        await stage.useFakeNode();
        const marks = {
          autoscaler: { annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'on-completion' } },
          'cluster-api': { labels: { 'cluster.x-k8s.io/drain': 'wait-completed' } },
        };
        for (const [name, mark] of Object.entries(marks)) await stage.pod(name, { ...mark, shutdownMs: 500 });
        const drain = stage.drain({ keepSeconds: 60 });
        await stage.while(4_000);
        await stage.pods.caughtUp();
        for (const name of Object.keys(marks)) stage.stays(name, 'before it had finished, pod');
        for (const name of Object.keys(marks))
          if (!stage.pods.isAsked(name)) await stage.scenario.setPhase(name, 'Succeeded');
        await stage.ended(drain);
      },
    },
    {
      id: '14',
      title: 'a pod with the label cluster.x-k8s.io/drain=skip is neither asked to end nor waited for',
      limitSeconds: 30,
      run: async (stage) => {
        await stage.pod('agent', { labels: { 'cluster.x-k8s.io/drain': 'skip' } });
        await stage.pod('web');
        await stage.ended(stage.drain());
        stage.leaves('web');
        stage.stays('agent', 'pod');
      },
    },
  ],
};
