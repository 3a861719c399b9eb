import type { RunEvent } from '../events.ts';
import { toSeconds } from '../lib/clock.ts';

type LettingGoEvent = Extract<RunEvent, { type: `volumes ${string}` | `targets ${string}` }>;

type Words = { readonly level: 'info' | 'warn'; readonly text: string; readonly fields?: Record<string, unknown> };

/** How the volumes and the load balancers of a drained node let it go. */
export function lettingGo(event: LettingGoEvent): Words {
  switch (event.type) {
    case 'volumes attached':
      return { level: 'info', text: `waiting for volumes to detach: ${event.volumes.join(', ')}` };
    case 'volumes detached':
      return { level: 'info', text: `${event.count} volume${event.count === 1 ? '' : 's'} detached` };
    case 'volumes still attached': {
      const { volumes } = event;
      const waitedSeconds = toSeconds(event.waitedMs);
      const text = `volumes still attached after ${waitedSeconds} s, no longer waiting for them: ${volumes.join(', ')}`;
      return { level: 'warn', text, fields: { volumes, waitedSeconds } };
    }
    case 'targets registered':
      return {
        level: 'info',
        text: `waiting for target groups to deregister the node: ${event.targetGroups.join(', ')}`,
      };
    case 'targets deregistered':
      return { level: 'info', text: `deregistered from ${event.count} target group${event.count === 1 ? '' : 's'}` };
    case 'targets still registered': {
      const { waitedMs, targetGroups, reason } = event;
      const text = `the node is still a target, no longer waiting: ${reason}: ${targetGroups.join(', ')}`;
      return { level: 'warn', text, fields: { targetGroups, reason, waitedSeconds: toSeconds(waitedMs) } };
    }
  }
}
