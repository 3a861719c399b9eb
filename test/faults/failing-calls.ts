import type { KubernetesFault } from '../simulator/faults.ts';
import { FaultEnvironment } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';

/** The failures, in rotation. */
const KINDS: readonly KubernetesFault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503 },
  { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
  { kind: 'reset' },
  { kind: 'half-body' },
  { kind: 'hang' },
];

/** Every nth call of the Kubernetes API fails during the drain of 200 pods. */
export const failingCalls: readonly FaultScenario[] = [10, 3, 2].map((every) => ({
  name: `every ${every === 2 ? '2nd' : every === 3 ? '3rd' : `${every}th`} API call fails (500, 503, 429, reset, truncated body, hang)`,
  busy: false,
  run: () => failing(every),
}));

async function failing(every: number): Promise<FaultResult> {
  await using fixture = await FaultEnvironment.open({ podsPerNode: 200, heartbeatTimeout: 300 });
  let calls = 0;
  const rules = KINDS.map((fault, kind) =>
    fixture.kubernetes.faults.add({
      when: ({ headers }) => {
        if (!headers['user-agent']?.startsWith('fargate-node-drainer')) return false;
        if (kind === 0) calls++;
        return calls % every === 0 && (calls / every) % KINDS.length === kind;
      },
      fault,
    }),
  );
  const startedAt = Date.now();
  const [instance = ''] = fixture.instances;
  await fixture.drain(instance, { CONNECT_TIMEOUT_SECONDS: '600' }).ended();
  const took = Date.now() - startedAt;
  const failed = rules.reduce((sum, rule) => sum + rule.hits(), 0);
  return await resultOf(fixture, `200 pods in ${seconds(took)}, ${failed} of ${calls} calls failed`);
}
