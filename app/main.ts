import { autoScaling } from './aws/auto-scaling.ts';
import { describeInstance } from './aws/instance.ts';
import { readKubeconfigObject } from './aws/kubeconfig-object.ts';
import { helpText, readCommandLine } from './cli.ts';
import { type Clock, systemClock } from './clock.ts';
import { type ClusterSource, type Config, ConfigFaults, faultText, readConfig } from './config.ts';
import type { Access } from './kubernetes/access.ts';
import { Api } from './kubernetes/api.ts';
import { discover, drainCluster } from './kubernetes/cluster.ts';
import { EventRecorder } from './kubernetes/events.ts';
import { cordon, nodeDirectory, taint } from './kubernetes/nodes.ts';
import { volumesOf } from './kubernetes/volumes.ts';
import { findAction } from './lifecycle-action.ts';
import type { StopSignal } from './outcome.ts';
import type { Ports } from './ports.ts';
import type { Report } from './report/event.ts';
import { jsonLines } from './report/json-lines.ts';
import { plainText } from './report/plain-text.ts';
import { run, Stopped } from './run.ts';

/** Put in by the build. */
declare const VERSION: string;

/** Well inside the time that Fargate and people give. */
const STOP_WITHIN_MS = 1_500;

/** https://man.freebsd.org/cgi/man.cgi?query=sysexits: EX_USAGE */
const BAD_USAGE = 64;

await main();

async function main(): Promise<void> {
  const line = readCommandLine(process.argv.slice(2));
  switch (line.command) {
    case 'version':
      process.stdout.write(`${VERSION}\n`);
      return;
    case 'help':
      process.stdout.write(helpText(line.of, VERSION));
      return;
    case 'unknown':
      process.stderr.write(faultText(new ConfigFaults(line.faults)));
      process.exitCode = BAD_USAGE;
      return;
    case 'drain':
      try {
        const code = await drainCommand(readConfig(process.env, line.flags, line.faults));
        // Not left to the event loop: a name lookup that hangs would hold it for half a minute more.
        process.exit(code);
      } catch (error) {
        if (!(error instanceof ConfigFaults)) throw error;
        process.stderr.write(faultText(error));
        process.exitCode = BAD_USAGE;
      }
  }
}

async function drainCommand(config: Config): Promise<number> {
  // The SDK looks for it there, and nowhere else; a flag may have said it.
  if (config.awsEndpointUrl !== undefined) process.env['AWS_ENDPOINT_URL'] = config.awsEndpointUrl;
  const { report, end } = await reporter();
  const stop = new AbortController();
  for (const by of ['SIGTERM', 'SIGINT'] satisfies StopSignal[]) {
    process.on(by, () => {
      const exit = () => process.exit(by === 'SIGTERM' ? 143 : 130);
      // A second one does not ask twice, and nothing that hangs holds up the first.
      if (stop.signal.aborted) exit();
      setTimeout(exit, STOP_WITHIN_MS).unref();
      stop.abort(new Stopped(by));
    });
  }
  const target = config.target.kind === 'instance' ? config.target.instanceId : `node ${config.target.name}`;
  report({ type: 'started', version: VERSION, target, cluster: sourceText(config.cluster), dryRun: config.dryRun });
  try {
    return await run(config, portsOf(config, report, systemClock), { clock: systemClock, report, signal: stop.signal });
  } finally {
    end();
  }
}

/** JSON lines when piped, a live view on a terminal, plain text on a terminal that can do no more. */
async function reporter(): Promise<{ report: Report; end: () => void }> {
  const none = () => undefined;
  if (!process.stdout.isTTY) return { report: jsonLines(process.stdout.fd), end: none };
  if (process.env['TERM'] === 'dumb') {
    return { report: plainText((text) => process.stdout.write(text), systemClock.now), end: none };
  }
  const { liveView } = await import('./report/live-view.ts');
  return liveView(process.stdout, systemClock.now);
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

function portsOf({ target, cluster: source }: Config, report: Report, clock: Clock): Ports {
  const region = target.kind === 'instance' ? target.region : '';
  const known = target.kind === 'instance' ? target.action : {};
  return {
    findAction: async (instanceId, signal) => findAction(await autoScaling(region), instanceId, known, clock, signal),
    groupCapacity: async (group, signal) => (await autoScaling(region)).groupCapacity(group, signal),
    describeInstance: (instanceId, signal) => describeInstance(instanceId, region, signal),
    async connect(signal) {
      const ask = (signal: AbortSignal) => accessTo(source, clock, signal);
      const api = new Api(await ask(signal), {
        clock,
        ask,
        throttled: (forMs) => report({ type: 'throttled', forMs }),
      });
      try {
        const version = await discover(api, signal);
        return {
          server: api.server,
          policyVersion: version,
          nodes: nodeDirectory(api),
          cordon: (node, exclude, signal) => cordon(api, node, exclude, signal),
          taint: (node, signal) => taint(api, node, signal),
          podsOf: (node) => drainCluster(api, version, node, { clock, report }),
          volumesOf: (node) => volumesOf(api, node.name),
          eventsOn: (node) => new EventRecorder(api, node, clock),
          requests: api.counts,
          close: () => api.close(),
        };
      } catch (error) {
        await api.close();
        throw error;
      }
    },
  };
}

/** What only one kind of source needs is loaded for that kind only. */
async function accessTo(source: ClusterSource, clock: Clock, signal: AbortSignal): Promise<Access> {
  switch (source.kind) {
    case 'eks': {
      const { accessToEks } = await import('./aws/eks.ts');
      return accessToEks(source.name, source.region, clock, signal);
    }
    case 'kubeconfig-file': {
      const { accessByFile } = await import('./kubernetes/kubeconfig.ts');
      return accessByFile(source.path, clock);
    }
    case 'kubeconfig-object': {
      const pathStyle = Boolean(process.env['AWS_ENDPOINT_URL_S3'] || process.env['AWS_ENDPOINT_URL']);
      const { accessByForeignText } = await import('./kubernetes/kubeconfig.ts');
      const text = await readKubeconfigObject(source, pathStyle, signal);
      return accessByForeignText(text, `s3://${source.bucket}/${source.object}`, clock);
    }
  }
}
