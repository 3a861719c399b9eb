import { randomUUID } from 'node:crypto';
import { readCommandLine } from './config/cli.ts';
import { type ClusterSource, clusterNameOf } from './config/cluster-source.ts';
import { type Config, readConfig } from './config/drain-config.ts';
import { helpText } from './config/help.ts';
import { ConfigErrors, configErrorText } from './config/setting-values.ts';
import { readSweepConfig, type SweepConfig } from './config/sweep-config.ts';
import type { Report } from './events.ts';
import { systemClock } from './lib/clock.ts';
import { isBug } from './lib/errors.ts';
import { EX_SOFTWARE, EX_USAGE, Stopped, type StopSignal, signalExitCode } from './outcome.ts';
import { jsonLines, plainText } from './report/lines.ts';
import { run } from './run/run.ts';
import { runSweep } from './sweep.ts';
import { drainPorts, sweepPorts } from './wiring.ts';

/** Put in by the build. */
declare const VERSION: string;

/** Well inside the time that Fargate and people give; with a successor to start, inside Fargate's. */
const STOP_WITHIN_MS = 1_500;
const HAND_OVER_WITHIN_MS = 15_000;

// Not 1, the exit code of a drain that failed and has reported it.
process.on('uncaughtException', (error) => {
  writeBug(error);
  process.exit(EX_SOFTWARE);
});
await main();

async function main(): Promise<void> {
  const line = readCommandLine(process.argv.slice(2));
  try {
    switch (line.command) {
      case 'version':
        process.stdout.write(`${VERSION}\n`);
        return;
      case 'help':
        process.stdout.write(helpText(line.of, VERSION));
        return;
      case 'unknown':
        throw new ConfigErrors(line.errors);
      // Not left to the event loop: a name lookup that hangs would hold it for half a minute more.
      case 'drain':
        return process.exit(await drainCommand(readConfig(process.env, line.flags, line.errors)));
      case 'sweep':
        return process.exit(await sweepCommand(readSweepConfig(process.env, line.flags, line.errors)));
    }
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    process.stderr.write(configErrorText(error));
    process.exitCode = EX_USAGE;
  }
}

async function drainCommand(config: Config): Promise<number> {
  endpointFrom(config);
  const { report, end } = withBugs(await reporter('live'));
  const { target, cluster, dryRun, placement } = config;
  const signal = stopped(placement === undefined ? STOP_WITHIN_MS : HAND_OVER_WITHIN_MS);
  const name = target.kind === 'instance' ? target.instanceId : `node ${target.name}`;
  report({ type: 'run started', version: VERSION, target: name, cluster: sourceText(cluster), dryRun });
  const pathStyle = Boolean(process.env['AWS_ENDPOINT_URL_S3'] || process.env['AWS_ENDPOINT_URL']);
  try {
    const ports = drainPorts(config, pathStyle, report, systemClock);
    return await run(config, ports, randomUUID().slice(0, 8), { clock: systemClock, report, signal });
  } finally {
    end();
  }
}

async function sweepCommand(config: SweepConfig): Promise<number> {
  endpointFrom(config);
  const { report } = withBugs(await reporter('lines'));
  const { cluster, hook, dryRun } = config;
  report({ type: 'sweep started', version: VERSION, cluster: clusterNameOf(cluster), hook, dryRun });
  return runSweep(config, await sweepPorts(config), { clock: systemClock, report, signal: stopped(STOP_WITHIN_MS) });
}

/** A bug is reported like every failure, and its stack goes to stderr. */
function withBugs({ report, end }: Reporter): Reporter {
  return {
    end,
    report: (event) => {
      report(event);
      if (event.type === 'run failed' && isBug(event.error)) writeBug(event.error);
    },
  };
}

function writeBug(error: unknown): void {
  const stack = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`fargate-node-drainer: this is a bug, please report it: ${stack}\n`);
}

/** The SDK looks for it in the environment, and nowhere else; a flag may have said it. */
function endpointFrom({ awsEndpointUrl }: Config | SweepConfig): void {
  if (awsEndpointUrl !== undefined) process.env['AWS_ENDPOINT_URL'] = awsEndpointUrl;
}

/** Aborts on SIGTERM and SIGINT; after `withinMs` the process ends, whatever still hangs. */
function stopped(withinMs: number): AbortSignal {
  const stop = new AbortController();
  for (const by of ['SIGTERM', 'SIGINT'] satisfies StopSignal[]) {
    process.on(by, () => {
      const exit = () => process.exit(signalExitCode(by));
      // A second one does not ask twice.
      if (stop.signal.aborted) exit();
      setTimeout(exit, withinMs).unref();
      stop.abort(new Stopped(by));
    });
  }
  return stop.signal;
}

type Reporter = { readonly report: Report; readonly end: () => void };

/** JSON lines when piped, a live view on a terminal, plain text where that would be too much or cannot be shown. */
async function reporter(onTerminal: 'live' | 'lines'): Promise<Reporter> {
  const none = () => undefined;
  if (!process.stdout.isTTY) return { report: jsonLines(process.stdout.fd, systemClock.now), end: none };
  if (onTerminal === 'lines' || process.env['TERM'] === 'dumb') {
    return { report: plainText((text) => process.stdout.write(text), systemClock.now), end: none };
  }
  const { liveView } = await import('./report/live-view.ts');
  const view = liveView(process.stdout, systemClock.now);
  // A stop that takes too long ends the process wherever it is.
  process.once('exit', view.end);
  return view;
}

function sourceText(source: ClusterSource): string {
  switch (source.kind) {
    case 'eks':
      return `EKS cluster ${source.name}`;
    case 'kubeconfig-object':
      return `the cluster of s3://${source.bucket}/${source.object}`;
    case 'kubeconfig-file':
      return `the cluster of ${source.path}`;
  }
}
