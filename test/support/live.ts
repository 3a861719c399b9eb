import { mock } from 'node:test';
import type { RemainingPod, Report, RunEvent } from '../../app/events.ts';
import { liveView } from '../../app/report/live-view.ts';
import { EmulatedTerminal } from './terminal.ts';

export const NODE = 'ip-10-0-0-1.eu-central-1.compute.internal';
export const WEB: RemainingPod = {
  pod: 'shop/web-0',
  uid: 'w',
  reason: 'terminating for 1 s',
  ending: true,
  blocked: false,
};
export const DB: RemainingPod = {
  pod: 'shop/db-0',
  uid: 'd',
  reason: 'budget db allows no disruption',
  ending: false,
  blocked: true,
};
export const RETRYING: Extract<RunEvent, { type: 'retrying' }> = {
  type: 'retrying',
  what: 'watch pods',
  error: new Error('refused'),
  retryInMs: 5_000,
};

export const looked = (...remaining: RemainingPod[]): RunEvent => ({ type: 'replanned', remaining: () => remaining });
export const gone = (pod: string): RunEvent => ({ type: 'pod gone', pod, proof: 'deleted' });
export const warning = (message: string): RunEvent => ({ type: 'warning', message });
/** What a drain tells until it waits for pods. */
export const BEGINNING: readonly RunEvent[] = [
  { type: 'run started', version: '1.0.0', target: 'i-0123456789abcdef0', cluster: 'EKS cluster prod', dryRun: false },
  { type: 'connected', server: 'https://prod', policyVersion: 'v1' },
  { type: 'node found', node: NODE, uid: 'n', providerID: '', by: 'name' },
  { type: 'cordoned', node: NODE, excludedFromLoadBalancers: false },
  { type: 'heartbeat', hook: 'drainer' },
  { type: 'pod skipped', pod: 'kube-system/proxy', reason: 'belongs to DaemonSet proxy' },
  looked(DB, WEB),
];
export const LASTING = [
  '  drain of i-0123456789abcdef0 in EKS cluster prod',
  '  https://prod answers',
  `  node ${NODE} found by name`,
  `  node ${NODE} cordoned`,
  '  kube-system/proxy stays: belongs to DaemonSet proxy',
];

type Shown = {
  readonly terminal: EmulatedTerminal;
  readonly report: Report;
  readonly end: () => void;
  /** Lets time pass, as the drawing timer and the clock see it. */
  readonly pass: (seconds: number) => void;
};

/** The live view on a terminal that shows a prompt, and the events. */
export function shown(events: readonly RunEvent[], terminal = new EmulatedTerminal()): Shown {
  let now = Date.parse('2026-01-02T03:04:05Z');
  terminal.write('$ node dist/main.mjs drain\n');
  const { report, end } = liveView(terminal, () => now);
  for (const event of events) report(event);
  const pass = (seconds: number) => {
    for (let tick = 0; tick < seconds * 8; tick++) {
      now += 125;
      mock.timers.tick(125);
    }
  };
  return { terminal, report, end, pass };
}

export const PROMPT = '$ node dist/main.mjs drain';

/** Each test begins at a standstill of the drawing timer. */
export function stopTheDrawing(): void {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setInterval'] });
}
