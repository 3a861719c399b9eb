import type { Hold, RunEvent } from '../../app/events.ts';

/** A budget that can never allow an eviction, and its two pods, except for `more`. */
export function holdWith(more: Partial<Hold> = {}): Hold {
  return {
    cause: 'structural',
    by: 'budget shop/web',
    owner: 'Deployment shop/web',
    pods: ['shop/web-0', 'shop/web-1'],
    since: Date.parse('2026-01-02T03:04:05Z'),
    text: 'budget shop/web needs 2 healthy pods and has 2 of 2, and can never allow an eviction: web-0, web-1 for 40 s',
    remedy: 'add a replica: kubectl -n shop scale deployment/web --replicas=3',
    needsChange: true,
    budgets: [{ namespace: 'shop', name: 'web', uid: 'b-1' }],
    ...more,
  };
}

export function podsHeld(more: Partial<Hold> = {}): Extract<RunEvent, { type: 'pods held' }> {
  return { type: 'pods held', hold: holdWith(more), heldMs: 40_000 };
}
