import { providerIdOf, randomInstanceId } from '../../cluster/termination.ts';
import type { ScenarioGroup } from '../scenario.ts';

/** The least that Auto Scaling takes. */
const HEARTBEAT_TIMEOUT_SECONDS = 30;

export const hook: ScenarioGroup = {
  section: 'Hook',
  scenarios: [
    {
      id: '47',
      title: 'heartbeats keep the instance for as long as the drain takes, from its start',
      by: 'hook',
      needs: ['patience'],
      limitSeconds: 70,
      run: async (stage) => {
        await stage.pod('guarded', { shutdownMs: 1_000 });
        await stage.scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
        const drain = stage.drainFor(await stage.terminate({ heartbeatTimeout: HEARTBEAT_TIMEOUT_SECONDS }));
        await stage.while((HEARTBEAT_TIMEOUT_SECONDS + 8) * 1_000);
        await stage.scenario.changeBudget('strict', { minAvailable: 0 });
        await stage.ended(drain);
        stage.leaves('guarded');
      },
    },
    {
      id: '49',
      title: 'an event that comes twice costs each pod one eviction, and the instance is completed once all are gone',
      by: 'hook',
      limitSeconds: 30,
      run: async (stage) => {
        for (const name of ['a', 'b', 'c']) await stage.pod(name, { shutdownMs: 3_000 });
        const termination = await stage.terminate();
        const drains = [stage.drainFor(termination), stage.drainFor(termination)];
        for (const drain of drains) await stage.ended(drain);
        for (const name of ['a', 'b', 'c']) {
          stage.leaves(name);
          const accepted = (await stage.pods.requestsToEnd(name)).filter(({ status }) => status < 300).length;
          if (accepted > 2) stage.harm(`${name} was evicted ${accepted} times`);
        }
        if (termination.action.result !== 'CONTINUE') stage.harm('the lifecycle action was not completed');
      },
    },
    {
      id: '51',
      title: 'somebody completes the hook in the middle: the drainer stops, and touches nothing any more',
      by: 'hook',
      limitSeconds: 45,
      run: async (stage) => {
        await stage.pod('guarded', { shutdownMs: 500 });
        await stage.scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
        const termination = await stage.terminate({ heartbeatTimeout: HEARTBEAT_TIMEOUT_SECONDS });
        const drain = stage.drainFor(termination);
        await stage.while(4_000);
        // The instance dies at that moment, whoever is still on it.
        stage.forgives(({ kind }) => kind === 'cut off');
        await termination.completeByHand();
        const completedAt = Date.now();
        await stage.ended(drain, 'may fail');
        const later = (await stage.pods.requestsToEnd()).filter(({ at }) => at > completedAt + 1_000);
        if (later.length > 0) stage.harm('it went on after the instance was gone');
      },
    },
    {
      id: '52',
      title: 'a drain that may not evict (403) does not complete the hook: the pods keep their node',
      by: 'hook',
      needs: ['simulator'],
      limitSeconds: 100,
      run: async (stage) => {
        await stage.pod('web');
        const message = 'pods "web" is forbidden: User "node-drainer" cannot create resource "pods/eviction"';
        const status = { apiVersion: 'v1', kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403, message };
        stage.faults.add({
          when: ({ method, path }) => method === 'POST' && path.endsWith('/eviction'),
          fault: {
            kind: 'status',
            status: 403,
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ ...status, metadata: {}, details: { name: 'web', kind: 'pods' } }),
          },
        });
        const termination = await stage.terminate({ heartbeatTimeout: 600 });
        const { exitCode } = await stage.ended(stage.drainFor(termination), 'may fail');
        if (exitCode === 0) stage.harm('a drain in vain says that it has succeeded');
        if (termination.action.state !== 'pending') stage.harm('the instance of a drain in vain was let go');
      },
    },
    {
      id: '55',
      title: "another instance's node that has the name of this one's is not touched",
      by: 'hook',
      limitSeconds: 60,
      run: async (stage) => {
        await stage.useFakeNode({ providerID: providerIdOf(randomInstanceId()) });
        await stage.pod('running');
        const drain = stage.drainFor(await stage.terminate({ instanceId: randomInstanceId() }));
        await stage.ended(drain, 'may fail');
        stage.stays('running', 'pod');
        const { spec } = await stage.cluster.admin.core.readNode({ name: stage.node });
        if (spec?.unschedulable === true) stage.harm('the node of another instance was cordoned');
      },
    },
  ],
};
