import { merge } from '../../cluster/admin.ts';
import { evictionsAreDenied } from '../../cluster/eviction-webhook.ts';
import { statefulSet } from '../../cluster/manifests.ts';
import { eventually } from '../../cluster/poll.ts';
import type { ConformanceScenario, ScenarioGroup } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** So long a drainer may take from when a budget allows an eviction until it has sent it, with a slow machine's allowance. */
const PROMPT_MS = 1_300;
const RETRY_AFTER_SECONDS = 4;

/** The drainer has met the budget: the server has refused an eviction, or it has had time to read the budget instead. */
async function metBudget(stage: Stage, pod: string): Promise<void> {
  await stage.until(async () => (await stage.pods.requestsToEnd(pod)).some(({ status }) => status === 429), 3_000);
  await stage.while(1_500);
}

function deniedBy(code: number, form: string): ConformanceScenario {
  return {
    id: `22${form}`,
    title: `a webhook that denies one pod with ${code} does not hold up the others, and the pod leaves once it is allowed`,
    limitSeconds: 40,
    run: async (stage) => {
      const { namespace } = stage.scenario;
      await stage.pod('machine', { shutdownMs: 500 });
      for (const name of ['a', 'b', 'c']) await stage.pod(name, { shutdownMs: 500 });
      const denial = { namespace, pod: 'machine', code, message: 'the virtual machine is being migrated' };
      const allow = await stage.cluster.denyEvictions(denial);
      stage.after(allow);
      await evictionsAreDenied(stage.cluster.admin, namespace, 'machine');
      const before = (await stage.pods.requestsToEnd('machine')).length;
      const drain = stage.drain();
      const left = () => ['a', 'b', 'c'].filter((name) => !stage.pods.isAsked(name));
      await stage.until(() => left().length === 0, 8_000);
      if (left().length > 0) stage.harm(`${left().join(', ')} were held up by the webhook of another pod`);
      await stage.while(4_000);
      const asked = (await stage.pods.requestsToEnd('machine')).length - before;
      if (asked > 4) stage.harm(`the webhook was asked ${asked} times within seconds`);
      await allow();
      await stage.ended(drain);
      stage.leaves('machine');
    },
  };
}

export const eviction: ScenarioGroup = {
  section: 'Eviction',
  scenarios: [
    {
      id: '15',
      title: 'an accepted eviction is not the end: the drain waits until the pod is gone',
      limitSeconds: 30,
      run: async (stage) => {
        await stage.pod('web', { shutdownMs: 4_000 });
        await stage.ended(stage.drain());
        stage.leaves('web');
      },
    },
    {
      id: '16',
      title: 'a budget refuses, then allows: the pod is asked to end within a second of that',
      limitSeconds: 25,
      run: async (stage) => {
        await stage.pod('web', { shutdownMs: 500 });
        await stage.scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
        const drain = stage.drain();
        await metBudget(stage, 'web');
        await stage.scenario.changeBudget('strict', { minAvailable: 0 });
        const isAllowed = async () => ((await stage.scenario.readBudget('strict')).status?.disruptionsAllowed ?? 0) > 0;
        await stage.until(isAllowed);
        const allowedAt = Date.now();
        await stage.ended(drain);
        stage.leaves('web');
        const { askedAt } = stage.pods.pod('web') ?? {};
        if (askedAt !== undefined && askedAt > allowedAt + PROMPT_MS)
          stage.harm(
            `the pod was asked to end ${((askedAt - allowedAt) / 1_000).toFixed(0)} s after its budget allowed it`,
          );
      },
    },
    {
      id: '17',
      title: 'Retry-After of the API server is honoured: no further eviction before it, and then one',
      needs: ['simulator'],
      limitSeconds: 25,
      run: async (stage) => {
        await stage.pod('web', { shutdownMs: 500 });
        const message = 'too many requests, please try again later';
        const status = {
          apiVersion: 'v1',
          kind: 'Status',
          status: 'Failure',
          reason: 'TooManyRequests',
          code: 429,
          message,
        };
        const { hits } = stage.faults.add({
          when: ({ method, path }) => method === 'POST' && path.endsWith('/eviction'),
          times: 1,
          fault: {
            kind: 'status',
            status: 429,
            headers: { 'retry-after': String(RETRY_AFTER_SECONDS), 'content-type': 'application/json' },
            body: JSON.stringify({ ...status, details: { retryAfterSeconds: RETRY_AFTER_SECONDS } }),
          },
        });
        await stage.ended(stage.drain());
        stage.leaves('web');
        const [refused, next] = await stage.pods.requestsToEnd('web');
        if (hits() === 0 || refused === undefined || next === undefined) return stage.harm('it did not ask again');
        const waitedMs = next.at - refused.at;
        if (waitedMs < RETRY_AFTER_SECONDS * 1_000 - 100)
          stage.harm(`it asked again after ${(waitedMs / 1_000).toFixed(1)} of ${RETRY_AFTER_SECONDS} s`);
        if (waitedMs > RETRY_AFTER_SECONDS * 3_000)
          stage.harm(`it asked again after ${(waitedMs / 1_000).toFixed(0)} s only`);
      },
    },
    {
      id: '19',
      title: 'two budgets on one pod: the others go on, and the pod leaves once that is mended',
      limitSeconds: 40,
      run: async (stage) => {
        await stage.pod('twice', { shutdownMs: 500 });
        for (const name of ['a', 'b']) await stage.pod(name, { shutdownMs: 500 });
        for (const name of ['one', 'two']) await stage.scenario.budget(name, 'twice', { minAvailable: 0 }, 1);
        const drain = stage.drain();
        await stage.until(() => ['a', 'b'].every((name) => stage.pods.isAsked(name)), 8_000);
        for (const name of ['a', 'b'])
          if (!stage.pods.isAsked(name)) stage.harm(`${name} was held up by the other pod`);
        await stage.while(3_000);
        await stage.scenario.deleteBudget('one');
        await stage.ended(drain);
        stage.leaves('twice');
      },
    },
    {
      id: '20',
      title: 'a new pod of the same name on another node is not evicted',
      limitSeconds: 25,
      run: async (stage) => {
        const { namespace } = stage.scenario;
        const { annotations, pod } = stage.behaviour({ shutdownMs: 500 });
        const set = statefulSet(namespace, 'db', { replicas: 1, annotations });
        Object.assign(set.spec?.template.spec ?? {}, pod);
        await stage.startOnWorker(set, 1);
        await stage.scenario.budget('strict', 'db', { minAvailable: 1 }, 1);
        const drain = stage.drain();
        await metBudget(stage, 'db-0');
        await stage.scenario.end('db-0');
        const [next] = await stage.scenario.ready('db', 1);
        await stage.scenario.changeBudget('strict', { minAvailable: 0 });
        await stage.ended(drain);
        const now = await stage.scenario.findPod('db-0');
        const isSame = now?.metadata?.uid === next?.metadata?.uid && now?.metadata?.deletionTimestamp === undefined;
        if (next?.spec?.nodeName !== stage.node && !isSame) stage.harm('the new pod on another node was ended');
      },
    },
    {
      id: '21',
      title: 'the namespace is deleted meanwhile: its refusals (403) are waited out',
      limitSeconds: 25,
      run: async (stage) => {
        await stage.pod('web', { shutdownMs: 3_000 });
        await stage.scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
        const drain = stage.drain();
        await metBudget(stage, 'web');
        await stage.cluster.admin.core.deleteNamespace({ name: stage.scenario.namespace });
        await stage.ended(drain);
      },
    },
    deniedBy(403, 'a'),
    deniedBy(429, 'b'),
    deniedBy(500, 'c'),
    {
      id: '23',
      title: 'the API server does not answer for ten seconds: nothing is lost',
      needs: ['simulator'],
      limitSeconds: 60,
      run: async (stage) => {
        await stage.pod('slow', { shutdownMs: 6_000 });
        await stage.pod('guarded', { shutdownMs: 500 });
        await stage.scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
        const drain = stage.drain();
        await stage.until(() => stage.pods.isAsked('slow'));
        await stage.while(1_000);
        const outage = stage.faults.outage();
        await stage.while(10_000);
        outage.end();
        await stage.scenario.changeBudget('strict', { minAvailable: 0 });
        await stage.ended(drain);
        stage.leaves('guarded');
      },
    },
    {
      id: '25',
      title: 'an unready pod whose budget says AlwaysAllow leaves',
      needs: ['policy/v1'],
      limitSeconds: 30,
      run: async (stage) => {
        const { namespace } = stage.scenario;
        await stage.bind('broken', { readyMs: 3_600_000, shutdownMs: 500 });
        const unready = [{ type: 'Ready', status: 'False', lastTransitionTime: new Date().toISOString() }];
        const body = { status: { phase: 'Running', conditions: unready } };
        await stage.cluster.admin.core.patchNamespacedPodStatus({ name: 'broken', namespace, body }, merge);
        await stage.scenario.create({
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: { name: 'strict' },
          spec: {
            minAvailable: 1,
            unhealthyPodEvictionPolicy: 'AlwaysAllow',
            selector: { matchLabels: { app: 'broken' } },
          },
        } as const);
        await eventually('the budget counts its pod', async () => {
          const { status } = await stage.scenario.readBudget('strict');
          return status?.expectedPods === 1 || undefined;
        });
        await stage.ended(stage.drain());
        stage.leaves('broken');
      },
    },
    {
      id: '28',
      title: 'pods are evicted, not deleted, where it is not too late',
      needs: ['audit log'],
      limitSeconds: 30,
      run: async (stage) => {
        await stage.pod('web', { shutdownMs: 500 });
        await stage.scenario.budget('open', 'web', { minAvailable: 0 }, 1);
        await stage.ended(stage.drain());
        stage.leaves('web');
        const deleted = (await stage.pods.requestsToEnd()).filter(({ resource }) => resource === 'pods');
        if (deleted.length > 0)
          stage.harm(`${deleted.map(({ name }) => name).join(', ')} was deleted without asking its budget`);
      },
    },
  ],
};
