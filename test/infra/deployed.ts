import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Ended, Program } from '../process/program.ts';
import { type World, world } from '../process/world.ts';
import type { LaunchedTask } from '../simulator/aws/task.ts';
import { actionsOf } from './policies.ts';
import { drainer, KUBECONFIG, templateText } from './templates.ts';

/** A world that has the stack, and runs its tasks: the real program, with what comes out of the template and no more. */
export async function deployed(context: TestContext, options: { rbac?: boolean; withoutRule?: boolean } = {}) {
  const w = await world(context, options);
  const ended: Promise<Ended>[] = [];
  const tasks: LaunchedTask[] = [];
  const programs: Program[] = [];
  w.aws.onRunTask((task) => {
    tasks.push(task);
    const fargate = w.aws.environmentWithContainerCredentials();
    // The grace is for events that are on their way; here none is.
    const environment = { ...task.environment, ...fargate, SWEEP_GRACE_SECONDS: '0' };
    const program = new Program(task.command ?? [], environment, () => w.aws.secrets);
    context.after(() => program.kill('SIGKILL'));
    programs.push(program);
    task.running();
    const end = program.ended();
    ended.push(end);
    end.then(({ code }) => task.stopped(code ?? 137));
  });
  const deploy = () => w.aws.deploy(templateText('drainer'), KUBECONFIG);
  if (options.withoutRule !== true) deploy();
  return { ...w, deploy, tasks, programs, ended };
}

/** The sole task's end. */
export async function soleEnd({ ended }: { ended: readonly Promise<Ended>[] }): Promise<Ended> {
  const [end, ...others] = ended;
  assert.ok(end !== undefined && others.length === 0, 'exactly one task');
  return end;
}

/** What the processes really called, and their role does not allow. */
export function deniedCalls({ aws }: { aws: World['aws'] }, atLeast: number): string[] {
  const allowed = actionsOf(drainer(KUBECONFIG), 'TaskRole');
  const calls = new Set(aws.requests.map(({ action }) => action).filter((action) => action.includes(':')));
  assert.ok(calls.size >= atLeast);
  return [...calls].filter((call) => !allowed.includes(call));
}
