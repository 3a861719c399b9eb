import { PassThrough } from 'node:stream';
import { Log } from '@kubernetes/client-node';
import * as v from 'valibot';
import type { Scenario } from '../cluster/scenario.ts';

const ServerEvent = v.object({ t: v.pipe(v.string(), v.transform(Date.parse)) });

/** What a container writes, and when, until it ends. */
export class ContainerLog {
  /** Milliseconds since the epoch. */
  readonly lines: { readonly at: number; readonly text: string }[] = [];
  readonly #ended: Promise<number>;

  private constructor(stream: PassThrough) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) this.lines.push({ at: Date.now(), text });
    });
    this.#ended = new Promise((resolve) => {
      stream.once('end', () => resolve(Date.now())).once('error', () => resolve(Date.now()));
    });
  }

  static async follow({ cluster, namespace }: Scenario, pod: string, container: string): Promise<ContainerLog> {
    const stream = new PassThrough();
    const log = new ContainerLog(stream);
    await new Log(cluster.admin.config).log(namespace, pod, container, stream, { follow: true });
    return log;
  }

  /** When the container wrote this; undefined: it did not. */
  wrote(text: string): number | undefined {
    return this.lines.find((line) => line.text.includes(text))?.at;
  }

  /** As `wrote` for events of the server, but by the server's own clock: a log can arrive late. */
  saidAt(event: string): number | undefined {
    const line = this.lines.find(({ text }) => text.includes(`"event":"${event}"`));
    return line === undefined ? undefined : v.parse(ServerEvent, JSON.parse(line.text)).t;
  }

  /** When the log ended, with the container: milliseconds since the epoch. */
  ended(): Promise<number> {
    return this.#ended;
  }
}
