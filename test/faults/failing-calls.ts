import type { KubernetesFault } from '../simulator/faults.ts';
import { Town } from './fault-environment.ts';
import type { FaultScenario, Figure } from './scenario.ts';
import { seconds, verdictOf } from './verdict.ts';

/** One after the other, in turn. */
const KINDS: readonly KubernetesFault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503 },
  { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
  { kind: 'reset' },
  { kind: 'half-body' },
  { kind: 'hang' },
];

/** Every nth call of the Kubernetes API fails, throughout the drain of 200 pods. */
export const failingCalls: readonly FaultScenario[] = [10, 3, 2].map((every) => ({
  name: `every ${every === 2 ? '2nd' : every === 3 ? '3rd' : `${every}th`} API call fails (500, 503, 429, reset, half a body, hang)`,
  busy: false,
  run: () => failing(every),
}));

async function failing(every: number): Promise<Figure> {
  await using town = await Town.open({ podsPerNode: 200, heartbeatTimeout: 300 });
  let calls = 0;
  const rules = KINDS.map((fault, kind) =>
    town.kubernetes.faults.add({
      when: ({ headers }) => {
        if (!headers['user-agent']?.startsWith('fargate-node-drainer')) return false;
        if (kind === 0) calls++;
        return calls % every === 0 && (calls / every) % KINDS.length === kind;
      },
      fault,
    }),
  );
  const startedAt = Date.now();
  const [instance = ''] = town.instances;
  await town.drain(instance, { CONNECT_TIMEOUT_SECONDS: '600' }).ended();
  const took = Date.now() - startedAt;
  const failed = rules.reduce((sum, rule) => sum + rule.hits(), 0);
  return await verdictOf(town, `200 pods in ${seconds(took)}, ${failed} of ${calls} calls failed`);
}
