import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import type { Eviction } from './figures.ts';

const Line = v.object({
  time: v.pipe(v.string(), v.transform(Date.parse)),
  event: v.string(),
  pod: v.optional(v.string(), ''),
  apiRequests: v.optional(v.record(v.string(), v.number())),
});

/** What the drainer logs about itself. Times are milliseconds since the epoch. */
type WorkerLog = {
  readonly connectedAt: number | undefined;
  /** When it logged its summary. */
  readonly doneAt: number | undefined;
  readonly requests: Readonly<Record<string, number>> | undefined;
  readonly evictions: readonly Eviction[];
};

export async function readWorkerLog(path: string): Promise<WorkerLog> {
  const text = (await readFile(path, 'utf8')).trim();
  const lines = text === '' ? [] : text.split('\n').map((line) => v.parse(Line, JSON.parse(line)));
  const summary = lines.findLast(({ event }) => event === 'summary');
  const accepted = new Set(lines.flatMap(({ event, pod }) => (event === 'eviction accepted' ? [pod] : [])));
  const requested = lines.filter(({ event }) => event === 'eviction requested');
  return {
    connectedAt: lines.find(({ event }) => event === 'connected')?.time,
    doneAt: summary?.time,
    requests: summary?.apiRequests,
    evictions: requested.map(({ pod, time }, index) => ({
      pod: pod.slice(pod.indexOf('/') + 1),
      at: time,
      // Of several evictions of one pod, at most the last one was accepted.
      refused: !accepted.has(pod) || requested.findLastIndex((other) => other.pod === pod) !== index,
    })),
  };
}
