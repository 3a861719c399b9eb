import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Fargate } from '../process/fargate.ts';
import { type ProcessFixture, processFixture } from '../process/process-fixture.ts';
import type { Ended } from '../process/program.ts';
import { actionsOf } from './policies.ts';
import { drainer, KUBECONFIG, templateText } from './templates.ts';

/** A process fixture with the deployed stack. Its tasks run the real program, with only the environment that the template gives. */
export async function deployed(
  context: TestContext,
  options: Parameters<typeof processFixture>[1] & { withoutRule?: boolean } = {},
) {
  const fixture = await processFixture(context, options);
  // No sweep grace: these tests have no events in flight.
  const fargate = new Fargate(fixture.aws, {
    ...fixture.aws.environmentWithContainerCredentials(),
    SWEEP_GRACE_SECONDS: '0',
  });
  context.after(() => {
    for (const task of fargate.tasks) task.kill('SIGKILL');
  });
  // No load balancer has to let a node go.
  const parameters = { ...KUBECONFIG, LoadBalancerSeconds: '0' };
  const deploy = () => fixture.aws.deploy(templateText('drainer'), parameters);
  if (options.withoutRule !== true) deploy();
  return { ...fixture, deploy, fargate };
}

/** Waits for the end of the only task. */
export async function onlyTaskEnded({ fargate }: { fargate: Fargate }): Promise<Ended> {
  const [task, ...others] = fargate.tasks;
  assert.ok(task !== undefined && others.length === 0, 'exactly one task');
  return task.ended();
}

/** Runs a schedule once, and returns how the execution of its state machine ended. */
export async function runSchedule(aws: ProcessFixture['aws'], id: string): Promise<string> {
  const execution = aws.runSchedule(id);
  assert.ok('ended' in execution, `${id} starts a state machine`);
  return (await execution.ended).status;
}

/** AWS operations that the processes called, but that the task role does not allow. */
export function deniedCalls({ aws }: { aws: ProcessFixture['aws'] }, atLeast: number): string[] {
  const allowed = actionsOf(drainer(KUBECONFIG), 'TaskRole');
  const calls = new Set(aws.requests.map(({ action }) => action).filter((action) => action.includes(':')));
  assert.ok(calls.size >= atLeast);
  return [...calls].filter((call) => !allowed.includes(call));
}
