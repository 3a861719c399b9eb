import { ApiError } from '../../../app/kubernetes/errors.ts';
import type { TrueBudget, TruePod } from './truth.ts';
import type { World } from './world.ts';

function apiError(
  what: string,
  code: number,
  message: string,
  more: { reason?: string; details?: object } = {},
): ApiError {
  return new ApiError(what, code, { kind: 'Status', code, message, ...more }, undefined);
}

/** The pod that the request is about. @throws ApiError as the API answers when there is none, or another one */
function preconditioned(world: World, name: string, uid: string, what: string): TruePod {
  const pod = world.pods.find((one) => one.name === name && one.goneAt === undefined);
  if (pod === undefined)
    throw apiError(what, 404, `pods "${name}" not found`, { reason: 'NotFound', details: { name, kind: 'pods' } });
  if (pod.uid !== uid) {
    const message = `Operation cannot be fulfilled on Pod "${name}": Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.uid}`;
    throw apiError(what, 409, message, { reason: 'Conflict' });
  }
  return pod;
}

/** An admission webhook says no, with the code that it likes; one that cannot be called is a 500 of the API server. */
function admit(world: World, { plan: { webhook }, name }: TruePod, how: 'evict' | 'delete', what: string): void {
  if (webhook === undefined || world.now >= world.at(webhook.untilMs)) return;
  if (how === 'delete' && !webhook.deletionsToo) return;
  if (webhook.unreachable) {
    const call = 'failed to call webhook: Post "https://guard.policy.svc:443/?timeout=10s": context deadline exceeded';
    throw apiError(what, 500, `Internal error occurred: failed calling webhook "guard.example.com": ${call}`, {
      reason: 'InternalError',
    });
  }
  throw apiError(what, webhook.code, `admission webhook "guard.example.com" denied the request: not ${name}`);
}

/**
 * Evicts as the API server does.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/registry/core/pod/storage/eviction.go
 * @throws ApiError when it refuses
 */
export function evict(world: World, name: string, uid: string): TruePod {
  const what = `create pods/${name}/eviction`;
  const pod = preconditioned(world, name, uid, what);
  admit(world, pod, 'evict', what);
  // canIgnorePDB
  if (pod.phase !== 'Running' || pod.askedAt !== undefined) {
    world.terminate(pod);
    return pod;
  }
  const budgets = world.budgets.filter(({ app }) => app.name === pod.plan.app);
  const [budget, second] = budgets;
  if (second !== undefined) {
    throw apiError(
      what,
      500,
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      {
        reason: 'InternalError',
      },
    );
  }
  if (budget !== undefined && !bypasses(pod, budget)) take(pod, budget, what, world);
  world.terminate(pod);
  return pod;
}

function bypasses({ ready }: TruePod, budget: TrueBudget): boolean {
  if (ready) return false;
  if (budget.policy === 'AlwaysAllow') return true;
  return budget.healthy >= budget.minAvailable && budget.minAvailable > 0;
}

function take(pod: TruePod, budget: TrueBudget, what: string, world: World): void {
  const refuse = (message: string) => {
    const causes = [{ reason: 'DisruptionBudget', message }];
    throw apiError(what, 429, "Cannot evict pod as it would violate the pod's disruption budget.", {
      reason: 'TooManyRequests',
      details: { causes },
    });
  };
  if (budget.observedGeneration < budget.generation)
    refuse(`The disruption budget ${budget.name} is still being processed by the server.`);
  if (budget.allowed <= 0)
    refuse(
      `The disruption budget ${budget.name} needs ${budget.minAvailable} healthy pods and has ${budget.healthy} currently`,
    );
  budget.allowed--;
  budget.disrupted[pod.name] = new Date(world.now).toISOString();
  world.budgetChanged(budget);
}

/** Deletes as the API server does, with the pod's own grace period. @throws ApiError when it refuses */
export function remove(world: World, name: string, uid: string): TruePod {
  const what = `delete pods/${name}`;
  const pod = preconditioned(world, name, uid, what);
  admit(world, pod, 'delete', what);
  world.terminate(pod);
  return pod;
}
