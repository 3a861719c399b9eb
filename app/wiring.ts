import { type AutoScaling, autoScaling, findWaitingInstances } from './aws/auto-scaling.ts';
import { describeInstance, describeInstances } from './aws/ec2.ts';
import { ecsTasks } from './aws/ecs.ts';
import { readKubeconfigObject } from './aws/s3.ts';
import type { ClusterSource } from './config/cluster-source.ts';
import type { Config } from './config/drain-config.ts';
import type { SweepConfig } from './config/sweep-config.ts';
import type { Report } from './events.ts';
import { type Access, accessWithCredential } from './kubernetes/access.ts';
import { connectCluster } from './kubernetes/cluster.ts';
import type { Clock } from './lib/clock.ts';
import type { Ports } from './run/ports.ts';
import type { SweepPorts } from './sweep.ts';

/**
 * Connects a drain to AWS and to its cluster.
 * @param pathStyle put bucket names into the path of S3 URLs, as custom endpoints need it
 */
export function drainPorts(config: Config, pathStyle: boolean, report: Report, clock: Clock): Ports {
  const { target, cluster: source, placement } = config;
  const region = target.kind === 'instance' ? target.region : '';
  let loading: Promise<AutoScaling> | undefined;
  const service = () => {
    loading ??= autoScaling(region, (message) => report({ type: 'warning', message }));
    return loading;
  };
  const resolveAccess = (signal: AbortSignal) => accessTo(source, pathStyle, clock, signal);
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
    ...(placement !== undefined && {
      successors: { start: async (...call) => (await ecsTasks(placement, region)).start(...call) },
    }),
    connect: (signal) => connectCluster(resolveAccess, { clock, report, marks: target.kind === 'instance' }, signal),
  };
}

/** Each kind of source loads only the modules that it needs. */
async function accessTo(source: ClusterSource, pathStyle: boolean, clock: Clock, signal: AbortSignal): Promise<Access> {
  switch (source.kind) {
    case 'eks': {
      const { eksEndpoint } = await import('./aws/eks.ts');
      return accessWithCredential(await eksEndpoint(source.name, source.region, clock, signal), clock);
    }
    case 'kubeconfig-file': {
      const { accessFromKubeconfigFile } = await import('./kubernetes/kubeconfig.ts');
      return accessFromKubeconfigFile(source.path, clock);
    }
    case 'kubeconfig-object': {
      const { accessFromUntrustedKubeconfig } = await import('./kubernetes/kubeconfig.ts');
      const { MAX_KUBECONFIG_BYTES } = await import('./kubernetes/kubeconfig-schema.ts');
      const text = await readKubeconfigObject(source, pathStyle, MAX_KUBECONFIG_BYTES, signal);
      return accessFromUntrustedKubeconfig(text, `s3://${source.bucket}/${source.object}`, clock);
    }
  }
}

/** Connects a sweep to AWS. */
export async function sweepPorts({ region, placement, hook, groupPrefix }: SweepConfig): Promise<SweepPorts> {
  const [service, tasks] = await Promise.all([autoScaling(region), ecsTasks(placement, region)]);
  return {
    waitingInstances: (signal) => findWaitingInstances(region, groupPrefix, signal),
    hasHook: (group, signal) => service.hasTerminatingHook(group, hook, signal),
    instancesWithTask: (signal) => tasks.instances(signal),
    describeInstances: (instanceIds, signal) => describeInstances(instanceIds, region, signal),
    startTask: (task, clientToken, signal) => tasks.start(task, 'sweep', clientToken, signal),
  };
}
