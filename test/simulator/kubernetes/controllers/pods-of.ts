import type { Cluster } from '../model/cluster.ts';
import type { KubernetesObject, LabelSelector, OwnerReference } from '../model/metadata.ts';
import type { Pod, PodTemplate } from '../model/objects.ts';
import { labelSelectorMatch } from '../model/selector.ts';
import { toJson } from '../model/shape.ts';
import { ApiError } from '../model/status.ts';
import { createObject } from '../registry/creation.ts';

type Owner = KubernetesObject & { spec: { template: PodTemplate } };

export const isTerminating = ({ metadata }: KubernetesObject): boolean => metadata.deletionTimestamp !== undefined;

export const isFinished = ({ status }: Pod): boolean => status.phase === 'Succeeded' || status.phase === 'Failed';

export function controllerOf({ metadata }: KubernetesObject): OwnerReference | undefined {
  return (metadata.ownerReferences ?? []).find(({ controller }) => controller === true);
}

/** The pods that an object controls. */
export function podsOf(cluster: Cluster, owner: KubernetesObject): Pod[] {
  const { uid } = owner.metadata;
  return cluster.tables.pods.by('owner', uid).filter((pod) => controllerOf(pod)?.uid === uid);
}

/** Pods that match a selector and have no controller yet; a ReplicaSet adopts them. */
export function orphansOf(cluster: Cluster, namespace: string, selector: LabelSelector): Pod[] {
  const matches = labelSelectorMatch(selector);
  return cluster.tables.pods
    .by('namespace', namespace)
    .filter((pod) => controllerOf(pod) === undefined && !isTerminating(pod) && matches(pod.metadata.labels ?? {}));
}

export function ownerReference({ apiVersion, kind, metadata }: KubernetesObject): OwnerReference {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
}

/** Creates a pod from its owner's template; what admission refuses (a namespace that is going) is not created, and no more. */
export function createPod(
  cluster: Cluster,
  owner: Owner,
  naming: { name?: string; generateName: string },
  extra: { spec?: object; labels?: Record<string, string> } = {},
): void {
  const { template } = owner.spec;
  const body = toJson({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...naming,
      ...(template.metadata?.annotations === undefined ? {} : { annotations: template.metadata.annotations }),
      ...(template.metadata?.finalizers === undefined ? {} : { finalizers: template.metadata.finalizers }),
      labels: { ...template.metadata?.labels, ...extra.labels },
      ownerReferences: [ownerReference(owner)],
    },
    spec: { ...template.spec, ...extra.spec },
  });
  try {
    createObject(cluster, cluster.tables.pods, owner.metadata.namespace, body);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}
