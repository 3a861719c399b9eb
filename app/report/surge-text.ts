import type { RunEvent } from '../events.ts';
import { listText, podsText } from './counted.ts';

type SurgeEvent = Extract<RunEvent, { type: `surge ${string}` }>;

/** What happens to a Deployment that is restarted because its budgets can never allow an eviction. */
export function surgeText(event: SurgeEvent): string {
  switch (event.type) {
    case 'surge started': {
      const { deployment, replicas, budgets } = event;
      const pods = replicas === 1 ? 'its pod' : `its ${podsText(replicas)}`;
      return `Deployment ${deployment}: restarted, because ${listText('budget', budgets)} can never allow an eviction; its rolling update replaces ${pods}`;
    }
    case 'surge finished':
      return `Deployment ${event.deployment}: restart finished after ${event.seconds} s`;
    case 'surge failed':
      return `Deployment ${event.deployment}: its restart is no longer waited for after ${event.seconds} s: ${event.reason}; its pods wait for their budgets, and it is not restarted again`;
    case 'surge not possible':
      return `${event.workload}: cannot be restarted: ${event.reason}; its pods wait for their budgets`;
  }
}
