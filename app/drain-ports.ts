import { type AutoScaling, autoScaling } from './aws/auto-scaling.ts';
import { describeInstance } from './aws/instance.ts';
import { readKubeconfigObject } from './aws/kubeconfig-object.ts';
import { tasksAt } from './aws/tasks.ts';
import type { Clock } from './clock.ts';
import type { ClusterSource } from './config/cluster-source.ts';
import type { Config } from './config/drain-config.ts';
import type { Access } from './kubernetes/access.ts';
import { Api } from './kubernetes/api.ts';
import { discover, drainCluster } from './kubernetes/cluster.ts';
import { EventRecorder } from './kubernetes/events.ts';
import { cordon, nodeDirectory, taint } from './kubernetes/nodes.ts';
import { volumesOf } from './kubernetes/volumes.ts';
import { findAction } from './lifecycle-action.ts';
import type { Ports } from './ports.ts';
import type { Report } from './report/event.ts';

/**
 * The outside world of a drain.
 * @param pathStyle whether the names of buckets stand in the path of S3's URLs, as simulators want it
 */
export function drainPorts(config: Config, pathStyle: boolean, report: Report, clock: Clock): Ports {
  const { target, cluster: source, place } = config;
  const region = target.kind === 'instance' ? target.region : '';
  const known = target.kind === 'instance' ? target.action : {};
  let made: Promise<AutoScaling> | undefined;
  const service = () => {
    made ??= autoScaling(region);
    return made;
  };
  return {
    findAction: async (instanceId, signal) => findAction(await service(), instanceId, known, clock, signal),
    terminationBegan: async (...call) => (await service()).terminationBegan(...call),
    groupCapacity: async (group, signal) => (await service()).groupCapacity(group, signal),
    describeInstance: (instanceId, signal) => describeInstance(instanceId, region, signal),
    ...(place !== undefined && {
      successors: {
        async start(...call) {
          return (await tasksAt(place, region)).start(...call);
        },
      },
    }),
    async connect(signal) {
      const ask = (signal: AbortSignal) => accessTo(source, pathStyle, clock, signal);
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
async function accessTo(source: ClusterSource, pathStyle: boolean, clock: Clock, signal: AbortSignal): Promise<Access> {
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
      const { accessByForeignText } = await import('./kubernetes/kubeconfig.ts');
      const text = await readKubeconfigObject(source, pathStyle, signal);
      return accessByForeignText(text, `s3://${source.bucket}/${source.object}`, clock);
    }
  }
}
