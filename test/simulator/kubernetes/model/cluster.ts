import { Timers } from '../../timers.ts';
import { type Kinds, type ResourceName, type Resources, resources, type Version } from './resource.ts';
import { type AnyTable, type Indexer, Revisions, Table } from './table.ts';
import { Webhooks } from './webhooks.ts';

type Tables = { [R in ResourceName]: Table<Kinds[R]> };

/** The state of a simulated cluster, like etcd of a real one, and its clock. */
export type Cluster = {
  readonly version: Version;
  readonly resources: Resources;
  readonly revisions: Revisions;
  readonly tables: Tables;
  readonly timers: Timers;
  readonly webhooks: Webhooks;
  /** The nodes whose machine is off, by name, each with its own outage: their kubelets do nothing any more. */
  readonly poweredOff: Map<string, object>;
};

export function createCluster(version: Version): Cluster {
  const all = resources(version);
  const revisions = new Revisions();
  const onNode: Indexer<Kinds['pods']> = (pod) => (pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName]);
  const tables: Tables = {
    namespaces: new Table(all.namespaces, revisions),
    nodes: new Table(all.nodes, revisions),
    pods: new Table(all.pods, revisions, { node: onNode }),
    services: new Table(all.services, revisions),
    events: new Table(all.events, revisions),
    deployments: new Table(all.deployments, revisions),
    replicasets: new Table(all.replicasets, revisions),
    statefulsets: new Table(all.statefulsets, revisions),
    daemonsets: new Table(all.daemonsets, revisions),
    poddisruptionbudgets: new Table(all.poddisruptionbudgets, revisions),
    evictionrequests: new Table(all.evictionrequests, revisions),
    evictions: new Table(all.evictions, revisions),
    persistentvolumes: new Table(all.persistentvolumes, revisions),
    volumeattachments: new Table(all.volumeattachments, revisions),
    targetgroupbindings: new Table(all.targetgroupbindings, revisions),
    leases: new Table(all.leases, revisions),
    clusterroles: new Table(all.clusterroles, revisions),
    clusterrolebindings: new Table(all.clusterrolebindings, revisions),
    roles: new Table(all.roles, revisions),
    rolebindings: new Table(all.rolebindings, revisions),
  };
  return {
    version,
    resources: all,
    revisions,
    tables,
    timers: new Timers(),
    webhooks: new Webhooks(),
    poweredOff: new Map(),
  };
}

export function tablesOf(cluster: Cluster): readonly AnyTable[] {
  return Object.values(cluster.tables);
}

/** Kubernetes writes times in whole seconds: https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Time */
export function timestamp(at = Date.now()): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
