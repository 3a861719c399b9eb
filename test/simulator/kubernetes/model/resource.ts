import * as coordination from './lease.ts';
import * as lifecycle from './lifecycle.ts';
import type { KubernetesObject } from './metadata.ts';
import * as objects from './objects.ts';
import * as rbacKinds from './rbac.ts';
import * as serviceKinds from './service.ts';
import type { Shape } from './shape.ts';
import * as storage from './storage.ts';

/** A resource as in discovery: https://kubernetes.io/docs/reference/using-api/api-concepts/ */
export type Resource<T extends KubernetesObject = KubernetesObject> = {
  name: string;
  singular: string;
  kind: string;
  group: string;
  version: string;
  namespaced: boolean;
  shortNames: readonly string[];
  /** The subresources of the resource. */
  subresources: readonly ('status' | 'eviction')[];
  /** Whether spec changes raise metadata.generation, as the kind's registry strategy does. */
  generations: boolean;
  /** DELETE answers with the object, not with a Status (ReturnDeletedObject in the kind's storage). */
  returnsDeleted: boolean;
  /** Behind a feature gate that is off: requests find no such path. */
  isHidden?: boolean;
  is: Shape<T>;
};

export type Kinds = {
  namespaces: objects.Namespace;
  nodes: objects.Node;
  pods: objects.Pod;
  services: serviceKinds.Service;
  events: objects.Event;
  deployments: objects.Deployment;
  replicasets: objects.ReplicaSet;
  statefulsets: objects.StatefulSet;
  daemonsets: objects.DaemonSet;
  poddisruptionbudgets: objects.PodDisruptionBudget;
  evictionrequests: lifecycle.EvictionRequest;
  evictions: lifecycle.Eviction;
  persistentvolumes: storage.PersistentVolume;
  volumeattachments: storage.VolumeAttachment;
  targetgroupbindings: serviceKinds.TargetGroupBinding;
  leases: coordination.Lease;
  clusterroles: rbacKinds.Role;
  clusterrolebindings: rbacKinds.RoleBinding;
  roles: rbacKinds.Role;
  rolebindings: rbacKinds.RoleBinding;
};
export type ResourceName = keyof Kinds;
export type Resources = { [R in ResourceName]: Resource<Kinds[R]> };

/** v1.37 has the feature gate EvictionRequestAPI on. */
export type Version = 'v1.20' | 'v1.34' | 'v1.37';

export function groupVersion(resource: { group: string; version: string }): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** All resources of the simulator, as a server of this version serves them. */
export function resources(version: Version): Resources {
  const base = {
    subresources: [],
    generations: false,
    returnsDeleted: false,
    shortNames: [],
    namespaced: true,
  } as const;
  const core = { ...base, group: '', version: 'v1' };
  const apps = { ...base, group: 'apps', version: 'v1', subresources: ['status'], generations: true } as const;
  const rbac = { ...base, group: 'rbac.authorization.k8s.io', version: 'v1' };
  const lifecycleBase = {
    ...base,
    group: 'lifecycle.k8s.io',
    version: 'v1alpha1',
    subresources: ['status'],
    generations: true,
    isHidden: version !== 'v1.37',
  } as const;
  return {
    namespaces: {
      ...core,
      name: 'namespaces',
      singular: 'namespace',
      kind: 'Namespace',
      namespaced: false,
      shortNames: ['ns'],
      subresources: ['status'],
      is: objects.namespace,
    },
    nodes: {
      ...core,
      name: 'nodes',
      singular: 'node',
      kind: 'Node',
      namespaced: false,
      shortNames: ['no'],
      subresources: ['status'],
      is: objects.node,
    },
    pods: {
      ...core,
      name: 'pods',
      singular: 'pod',
      kind: 'Pod',
      shortNames: ['po'],
      subresources: ['eviction', 'status'],
      returnsDeleted: true,
      is: objects.pod,
    },
    services: {
      ...core,
      name: 'services',
      singular: 'service',
      kind: 'Service',
      shortNames: ['svc'],
      subresources: ['status'],
      returnsDeleted: true,
      is: serviceKinds.service,
    },
    persistentvolumes: {
      ...core,
      name: 'persistentvolumes',
      singular: 'persistentvolume',
      kind: 'PersistentVolume',
      namespaced: false,
      shortNames: ['pv'],
      subresources: ['status'],
      returnsDeleted: true,
      is: storage.persistentVolume,
    },
    events: { ...core, name: 'events', singular: 'event', kind: 'Event', shortNames: ['ev'], is: objects.event },
    deployments: {
      ...apps,
      name: 'deployments',
      singular: 'deployment',
      kind: 'Deployment',
      shortNames: ['deploy'],
      is: objects.deployment,
    },
    replicasets: {
      ...apps,
      name: 'replicasets',
      singular: 'replicaset',
      kind: 'ReplicaSet',
      shortNames: ['rs'],
      is: objects.replicaSet,
    },
    statefulsets: {
      ...apps,
      name: 'statefulsets',
      singular: 'statefulset',
      kind: 'StatefulSet',
      shortNames: ['sts'],
      is: objects.statefulSet,
    },
    daemonsets: {
      ...apps,
      name: 'daemonsets',
      singular: 'daemonset',
      kind: 'DaemonSet',
      shortNames: ['ds'],
      is: objects.daemonSet,
    },
    poddisruptionbudgets: {
      ...base,
      group: 'policy',
      // Kubernetes 1.21 added policy/v1, and 1.25 removed v1beta1.
      version: version === 'v1.20' ? 'v1beta1' : 'v1',
      name: 'poddisruptionbudgets',
      singular: 'poddisruptionbudget',
      kind: 'PodDisruptionBudget',
      shortNames: ['pdb'],
      subresources: ['status'],
      generations: true,
      is: objects.podDisruptionBudget,
    },
    evictionrequests: {
      ...lifecycleBase,
      name: 'evictionrequests',
      singular: 'evictionrequest',
      kind: 'EvictionRequest',
      is: lifecycle.evictionRequest,
    },
    evictions: {
      ...lifecycleBase,
      name: 'evictions',
      singular: 'eviction',
      kind: 'Eviction',
      is: lifecycle.eviction,
    },
    volumeattachments: {
      ...base,
      group: 'storage.k8s.io',
      version: 'v1',
      name: 'volumeattachments',
      singular: 'volumeattachment',
      kind: 'VolumeAttachment',
      namespaced: false,
      subresources: ['status'],
      returnsDeleted: true,
      is: storage.volumeAttachment,
    },
    targetgroupbindings: {
      ...base,
      group: 'elbv2.k8s.aws',
      version: 'v1beta1',
      name: 'targetgroupbindings',
      singular: 'targetgroupbinding',
      kind: 'TargetGroupBinding',
      subresources: ['status'],
      is: serviceKinds.targetGroupBinding,
    },
    leases: {
      ...base,
      group: 'coordination.k8s.io',
      version: 'v1',
      name: 'leases',
      singular: 'lease',
      kind: 'Lease',
      is: coordination.lease,
    },
    clusterroles: {
      ...rbac,
      name: 'clusterroles',
      singular: 'clusterrole',
      kind: 'ClusterRole',
      namespaced: false,
      is: rbacKinds.role,
    },
    clusterrolebindings: {
      ...rbac,
      name: 'clusterrolebindings',
      singular: 'clusterrolebinding',
      kind: 'ClusterRoleBinding',
      namespaced: false,
      is: rbacKinds.roleBinding,
    },
    roles: { ...rbac, name: 'roles', singular: 'role', kind: 'Role', is: rbacKinds.role },
    rolebindings: {
      ...rbac,
      name: 'rolebindings',
      singular: 'rolebinding',
      kind: 'RoleBinding',
      is: rbacKinds.roleBinding,
    },
  };
}

export function isResourceName(name: string, all: Resources): name is ResourceName {
  return Object.hasOwn(all, name);
}
