import { type AutoScaling, autoScaling } from './aws/auto-scaling.ts';
import type { AwsRegion } from './aws/call.ts';
import { describeInstance, describeInstances } from './aws/ec2.ts';
import { ecsTasks } from './aws/ecs.ts';
import { targetGroups } from './aws/elbv2.ts';
import { readKubeconfigObject } from './aws/s3.ts';
import { sweptGroups } from './aws/swept-groups.ts';
import type { ClusterSource } from './config/cluster-source.ts';
import type { Config } from './config/drain-config.ts';
import type { SweepConfig } from './config/sweep-config.ts';
import type { Report } from './events.ts';
import { type Access, accessWithCredential } from './kubernetes/access.ts';
import { connectCluster } from './kubernetes/cluster.ts';
import type { Clock } from './lib/clock.ts';
import type { ProxySettings } from './lib/proxy.ts';
import { Tunnels } from './lib/tunnel.ts';
import type { Ports } from './run/ports.ts';
import type { TargetGroups } from './run/target-groups.ts';
import type { SweepPorts } from './sweep/ports.ts';

/**
 * Connects a drain to AWS and to its cluster.
 * @param pathStyle put bucket names into the path of S3 URLs, as custom endpoints need it
 */
export async function drainPorts(
  config: Config,
  pathStyle: boolean,
  proxies: ProxySettings,
  report: Report,
  clock: Clock,
): Promise<Ports> {
  const { target, placement } = config;
  const tunnels = new Tunnels(proxies);
  const connections = await awsConnections(tunnels);
  const regionOf = (name: string): AwsRegion => ({ name, ...connections });
  const region = regionOf(target.kind === 'instance' ? target.region : '');
  let loading: Promise<AutoScaling> | undefined;
  const service = () => {
    loading ??= autoScaling(region, (message) => report({ type: 'warning', message }));
    return loading;
  };
  let targets: Promise<TargetGroups> | undefined;
  return {
    actions: {
      instanceState: async (...call) => (await service()).instanceState(...call),
      terminatingHooks: async (...call) => (await service()).terminatingHooks(...call),
      terminationStartedAt: async (...call) => (await service()).terminationStartedAt(...call),
      retainsAbandoned: async (...call) => (await service()).retainsAbandoned(...call),
      terminate: async (...call) => (await service()).terminate(...call),
    },
    groupCapacity: async (group, signal) => (await service()).groupCapacity(group, signal),
    describeInstance: (instanceId, signal) => describeInstance(instanceId, region, signal),
    targetGroups: () => {
      targets ??= targetGroups(region, clock);
      return targets;
    },
    ...(placement !== undefined && {
      successors: { start: async (...call) => (await ecsTasks(placement, region)).start(...call) },
    }),
    connect: (source, signal) => {
      const resolveAccess = (signal: AbortSignal) => accessTo(source, pathStyle, regionOf, tunnels, clock, signal);
      return connectCluster(resolveAccess, { clock, report, marks: target.kind === 'instance' }, signal);
    },
  };
}

/** Each kind of source loads only the modules that it needs. */
async function accessTo(
  source: ClusterSource,
  pathStyle: boolean,
  regionOf: (name: string) => AwsRegion,
  tunnels: Tunnels,
  clock: Clock,
  signal: AbortSignal,
): Promise<Access> {
  switch (source.kind) {
    case 'eks': {
      const { eksEndpoint } = await import('./aws/eks.ts');
      const endpoint = await eksEndpoint(source.name, regionOf(source.region), clock, signal);
      return accessWithCredential(endpoint, clock, tunnels);
    }
    case 'kubeconfig-file': {
      const { accessFromKubeconfigFile } = await import('./kubernetes/kubeconfig.ts');
      return accessFromKubeconfigFile(source, clock, tunnels);
    }
    case 'kubeconfig-object': {
      const { accessFromUntrustedKubeconfig } = await import('./kubernetes/kubeconfig.ts');
      const { MAX_KUBECONFIG_BYTES } = await import('./kubernetes/kubeconfig-schema.ts');
      const text = await readKubeconfigObject(source, regionOf(source.region), pathStyle, MAX_KUBECONFIG_BYTES, signal);
      return accessFromUntrustedKubeconfig(text, `s3://${source.bucket}/${source.object}`, clock, tunnels);
    }
  }
}

/** Connects a sweep to AWS. */
export async function sweepPorts(config: SweepConfig, proxies: ProxySettings): Promise<SweepPorts> {
  const { placement, hook, groupPrefix } = config;
  const region: AwsRegion = { name: config.region, ...(await awsConnections(new Tunnels(proxies))) };
  const [service, tasks] = await Promise.all([autoScaling(region), ecsTasks(placement, region)]);
  return {
    groups: (signal) => sweptGroups(region, groupPrefix, signal),
    hasHook: (group, signal) => service.hasTerminatingHook(group, hook, signal),
    drainTasks: (signal) => tasks.drains(signal),
    describeInstances: (instanceIds, signal) => describeInstances(instanceIds, region, signal),
    startTask: (task, clientToken, signal) => tasks.start(task, 'sweep', clientToken, signal),
  };
}

/** How AWS clients connect through the proxies, if there are any. Only then it loads what that needs. */
async function awsConnections(tunnels: Tunnels): Promise<Pick<AwsRegion, 'connections'>> {
  if (!tunnels.areSet) return {};
  const { proxiedConnections } = await import('./aws/proxy-agents.ts');
  return { connections: proxiedConnections(tunnels) };
}
