import { randomUUID } from 'node:crypto';
import { readCommandLine, type View } from './config/cli.ts';
import { type ConfiguredCluster, clusterNameOf } from './config/cluster-source.ts';
import { CORDON_SETTINGS, UNDO_SETTINGS } from './config/command-settings.ts';
import { type Config, readConfig } from './config/drain-config.ts';
import { helpText } from './config/help.ts';
import { withMoreSettings } from './config/more-settings.ts';
import { proxySettings } from './config/proxy-settings.ts';
import { ConfigErrors, configErrorText } from './config/setting-values.ts';
import { readSweepConfig, type SweepConfig } from './config/sweep-config.ts';
import type { Report } from './events.ts';
import { systemClock } from './lib/clock.ts';
import { disableOptimizingCompilers } from './lib/compilers.ts';
import { isBug } from './lib/errors.ts';
import { EX_SOFTWARE, EX_USAGE, Stopped, type StopSignal, signalExitCode } from './outcome.ts';
import { jsonLines, plainText } from './report/lines.ts';
import { cordon, undo } from './run/node-commands.ts';
import { run } from './run/run.ts';
import { runSweep } from './sweep/sweep.ts';
import { drainPorts, sweepPorts } from './wiring.ts';

/** Defined by the build. */
declare const VERSION: string;

/** How long a stopped process may take to end: well within the stop timeouts of Fargate, and the patience of a person. */
const STOP_TIMEOUT_MS = 1_500;
/** The same with a successor task to start: within the stop timeout of Fargate. */
const HAND_OVER_TIMEOUT_MS = 15_000;

// Not exit code 1: that is a drain that failed and reported why.
process.on('uncaughtException', (error) => {
  writeBug(error);
  process.exit(EX_SOFTWARE);
});
await main();

/** Arguments, environment and signals → exit code. Only this file reads `process.env`. */
async function main(): Promise<void> {
  const line = readCommandLine(process.argv.slice(2));
  const errors = 'errors' in line ? [...line.errors] : [];
  const environment = withMoreSettings(process.env, errors);
  try {
    switch (line.command) {
      case 'version':
        process.stdout.write(`${VERSION}\n`);
        return;
      case 'help':
        process.stdout.write(helpText(line.of, VERSION));
        return;
      case 'completion': {
        const { completionScript } = await import('./config/completion.ts');
        process.stdout.write(completionScript(line.shell));
        return;
      }
      case 'unknown':
        throw new ConfigErrors(errors);
      // Exit explicitly: a name lookup that hangs would keep the event loop, and so the process, alive for half a minute.
      case 'drain':
        return process.exit(await drainCommand(readConfig(environment, line.flags, errors), line.view));
      case 'undo':
        return process.exit(
          await nodeCommand(undo, readConfig(environment, line.flags, errors, UNDO_SETTINGS), line.view),
        );
      case 'cordon':
        return process.exit(
          await nodeCommand(cordon, readConfig(environment, line.flags, errors, CORDON_SETTINGS), line.view),
        );
      case 'sweep':
        return process.exit(await sweepCommand(readSweepConfig(environment, line.flags, errors), line.view));
    }
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    process.stderr.write(configErrorText(error));
    process.exitCode = EX_USAGE;
  }
}

async function drainCommand(config: Config, view: View): Promise<number> {
  disableOptimizingCompilers();
  setAwsEndpoint(config);
  const { report, end } = withBugReports(await openReporter('live', view, config.drainerName));
  const { target, cluster, dryRun, placement } = config;
  const signal = stopSignal(placement === undefined ? STOP_TIMEOUT_MS : HAND_OVER_TIMEOUT_MS);
  const name = target.kind === 'instance' ? target.instanceId : `node ${target.name}`;
  report({ type: 'run started', version: VERSION, target: name, cluster: clusterText(cluster), dryRun });
  for (const message of config.warnings) report({ type: 'warning', message });
  try {
    const ports = await drainPorts(config, usesPathStyle(), proxySettings(process.env), report, systemClock);
    return await run(config, ports, randomUUID().slice(0, 8), { clock: systemClock, report, signal });
  } finally {
    end();
  }
}

async function nodeCommand(command: typeof undo, config: Config, view: View): Promise<number> {
  setAwsEndpoint(config);
  const { report } = withBugReports(await openReporter('text', view));
  for (const message of config.warnings) report({ type: 'warning', message });
  const ports = await drainPorts(config, usesPathStyle(), proxySettings(process.env), report, systemClock);
  return command(config, ports, { clock: systemClock, report, signal: stopSignal(STOP_TIMEOUT_MS) });
}

async function sweepCommand(config: SweepConfig, view: View): Promise<number> {
  setAwsEndpoint(config);
  const { report } = withBugReports(await openReporter('text', view, config.drainerName));
  const { cluster, hook, dryRun } = config;
  report({ type: 'sweep started', version: VERSION, cluster: clusterNameOf(cluster), hook, dryRun });
  const signal = stopSignal(STOP_TIMEOUT_MS);
  return runSweep(config, await sweepPorts(config, proxySettings(process.env)), { clock: systemClock, report, signal });
}

/** The AWS SDK reads the endpoint only from the environment; it may have been given as a flag. */
function setAwsEndpoint({ awsEndpointUrl }: Config | SweepConfig): void {
  if (awsEndpointUrl !== undefined) process.env['AWS_ENDPOINT_URL'] = awsEndpointUrl;
}

/** Endpoints other than those of AWS have no DNS name for each bucket. Call after `setAwsEndpoint`. */
function usesPathStyle(): boolean {
  return Boolean(process.env['AWS_ENDPOINT_URL_S3'] || process.env['AWS_ENDPOINT_URL']);
}

/** Aborts on SIGTERM and SIGINT. The process exits after `timeoutMs` even if something hangs, and on a second signal at once. */
function stopSignal(timeoutMs: number): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] satisfies StopSignal[]) {
    process.on(name, () => {
      const exit = () => process.exit(signalExitCode(name));
      if (stop.signal.aborted) exit();
      setTimeout(exit, timeoutMs).unref();
      stop.abort(new Stopped(name));
    });
  }
  return stop.signal;
}

type Reporter = { readonly report: Report; readonly end: () => void };

/**
 * Unless the flags say otherwise, JSON lines when piped. On a terminal: a live view, or plain text for what is over at once and for
 * terminals that cannot move the cursor.
 * @throws ConfigErrors for a live view of something that has none, or that is not a terminal
 */
async function openReporter(onTerminal: 'live' | 'text', view: View, drainer?: string): Promise<Reporter> {
  const { isTTY } = process.stdout;
  const byTerminal = process.env['TERM'] === 'dumb' ? 'text' : onTerminal;
  const { output = isTTY ? byTerminal : 'json', color = 'auto' } = view;
  const nothingToEnd = () => undefined;
  switch (output) {
    case 'json':
      return { report: jsonLines(process.stdout.fd, systemClock.now, drainer), end: nothingToEnd };
    case 'text':
      // A reader that closes its end of the pipe must not stop the drain.
      process.stdout.on('error', nothingToEnd);
      return { report: plainText((text) => process.stdout.write(text), systemClock.now), end: nothingToEnd };
    case 'live': {
      if (onTerminal !== 'live') throw new ConfigErrors(['only drain has a live view: use --output text or json']);
      if (!isTTY) throw new ConfigErrors(['a live view needs a terminal: use --output text or json']);
      const { liveView } = await import('./report/live-view.ts');
      const live = liveView(process.stdout, systemClock.now, color);
      // A stop that takes too long exits the process anywhere; the terminal must still be restored.
      process.once('exit', live.end);
      return live;
    }
  }
}

/** A bug is reported like every failure, and its stack is written to stderr. */
function withBugReports({ report, end }: Reporter): Reporter {
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

function clusterText(source: ConfiguredCluster): string {
  switch (source.kind) {
    case 'eks':
      return `EKS cluster ${source.name}`;
    case 'kubeconfig-object':
      return `the cluster of s3://${source.bucket}/${source.object}`;
    case 'kubeconfig-file':
      return `the cluster of ${source.path}`;
    case 'by-tags':
      return 'the cluster that the tags of the instance name';
  }
}
