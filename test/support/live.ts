import { mock } from 'node:test';
import type { RemainingPod, Report, RunEvent } from '../../app/events.ts';
import { liveView } from '../../app/report/live-view.ts';
import { EmulatedTerminal } from './terminal.ts';

export const PROMPT = '$ node dist/main.mjs drain';
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
  operation: 'watch pods',
  error: new Error('refused'),
  retryInMs: 5_000,
};

export const replanned = (...remaining: RemainingPod[]): RunEvent => ({
  type: 'replanned',
  remaining: () => remaining,
});
export const gone = (pod: string): RunEvent => ({ type: 'pod gone', pod, reason: 'deleted' });
export const warning = (message: string): RunEvent => ({ type: 'warning', message });
/** What a drain reports until it waits for pods. */
export const START: readonly RunEvent[] = [
  { type: 'run started', version: '1.0.0', target: 'i-0123456789abcdef0', cluster: 'EKS cluster prod', dryRun: false },
  { type: 'connected', server: 'https://prod', policyVersion: 'v1' },
  { type: 'node found', node: NODE, uid: 'n', providerID: '', matchedBy: 'name' },
  { type: 'cordoned', node: NODE, excludedFromLoadBalancers: false },
  { type: 'heartbeat', hook: 'drainer' },
  { type: 'pod skipped', pod: 'kube-system/proxy', reason: 'belongs to DaemonSet proxy', lost: false },
  replanned(DB, WEB),
];
/** What these events print above the live lines. */
export const PERMANENT = [
  '  i-0123456789abcdef0: drain started in EKS cluster prod',
  '  API server https://prod: connected',
  `  node ${NODE}: found by name`,
  `  node ${NODE}: cordoned`,
  '  pod kube-system/proxy: skipped: belongs to DaemonSet proxy',
];

type LiveViewFixture = {
  readonly terminal: EmulatedTerminal;
  readonly report: Report;
  readonly end: () => void;
  /** Advances the clock and the redraw timer. */
  readonly pass: (seconds: number) => void;
};

/** A live view below a prompt, after these events. */
export function showEvents(events: readonly RunEvent[], terminal = new EmulatedTerminal()): LiveViewFixture {
  let now = Date.parse('2026-01-02T03:04:05Z');
  terminal.write(`${PROMPT}\n`);
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

/** For `beforeEach`: the redraw timer ticks only when a test advances it. */
export function mockRedrawTimer(): void {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setInterval'] });
}
