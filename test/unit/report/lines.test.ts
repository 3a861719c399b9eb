import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RunEvent } from '../../../app/events.ts';
import { jsonLines } from '../../../app/report/lines.ts';
import { extract } from '../../support/emf.ts';
import { summaryWith } from '../../support/summaries.ts';

const now = Date.parse('2026-01-02T03:04:05.678Z');
const found = (group: string): RunEvent => ({ type: 'action found', cluster: 'prod', group, hooks: [] });
const nearEnd: RunEvent = { type: 'action ending soon', actionEndsAt: 0, remaining: [] };

/** The log lines of these events. */
function logged(t: TestContext, events: readonly RunEvent[]): Record<string, unknown>[] {
  const folder = mkdtempSync(join(tmpdir(), 'json-lines-'));
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  t.after(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const report = jsonLines(fd, () => now);
  for (const event of events) report(event);
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

// A second line for the metrics costs money, and can contradict the first.
test('the summary line is log line and metrics at once', (t) => {
  const [line, ...others] = logged(t, [{ type: 'summary', summary: summaryWith() }]);
  assert.deepEqual(others, []);
  assert.equal(extract(line).metrics['PodsEvicted'], 12);
  assert.deepEqual([line?.['level'], line?.['event'], line?.['result']], ['info', 'summary', 'drained']);
  assert.match(String(line?.['message']), /^i-0123456789abcdef0: drained in 8.5 s/);
});

// Without its dimensions, a metric belongs to no alarm.
test('metrics have the dimensions of the lifecycle action, once it was found', (t) => {
  const lines = logged(t, [nearEnd, found('workers'), nearEnd]);
  assert.equal(lines[0]?.['_aws'], undefined);
  assert.equal(lines[1]?.['_aws'], undefined);
  const { metrics, dimensions } = extract(lines[2]);
  assert.deepEqual(metrics, { ActionsNearEnd: 1 });
  assert.deepEqual(dimensions, [{ Cluster: 'prod' }]);
});

// One drainer for many clusters: the cluster is known only when the instance has been described.
test('the dimension Cluster is the one that the tags named', (t) => {
  const action: RunEvent = { type: 'action found', cluster: undefined, group: 'workers', hooks: [] };
  const lines = logged(t, [action, { type: 'cluster found', cluster: 'lab' }, nearEnd]);
  assert.deepEqual(extract(lines[2]).dimensions, [{ Cluster: 'lab' }]);
});

// Otherwise a user searches CloudWatch for the name of their cluster, and finds nothing.
test('a cluster whose name is encoded in CloudWatch is reported, once', (t) => {
  const cluster = 's3://configs/nœuds';
  const action: RunEvent = { type: 'action found', cluster, group: 'workers', hooks: [] };
  const lines = logged(t, [action, nearEnd, { type: 'summary', summary: summaryWith({ cluster }) }]);
  const warnings = lines.filter(({ event }) => event === 'warning').map(({ message }) => message);
  assert.deepEqual(warnings, [
    "'s3://configs/nœuds' is not a valid dimension value in CloudWatch: its metrics are under 's3://configs/n%C5%93uds'",
  ]);
  assert.deepEqual([lines.at(-1)?.['cluster'], lines.at(-1)?.['Cluster']], [cluster, 's3://configs/n%C5%93uds']);
  assert.deepEqual(logged(t, [found('workers')]).length, 1);
});

// CloudWatch Logs cuts events at 256 kB, and a cut line is neither JSON nor a metric.
test('a summary that names every pod of the largest node fits into one log event', (t) => {
  const lost = Array.from({ length: 737 }, (_, index) => `${'n'.repeat(63)}/${'p'.repeat(230)}-${index}`);
  const [line] = logged(t, [{ type: 'summary', summary: summaryWith({ lost, result: 'action ended', exitCode: 3 }) }]);
  assert.deepEqual(line?.['lost'], lost);
  assert.ok(Buffer.byteLength(JSON.stringify(line)) < 262_118, `${JSON.stringify(line).length} bytes`);
});
