import { boolean, dictionary, list, number, object, type Shaped, string } from './shape.ts';

/**
 * What objects of every kind have in common, with the fields that the simulator evaluates.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/
 */
export const strings = dictionary(string);

export const ownerReference = object(
  { apiVersion: string, kind: string, name: string, uid: string },
  { controller: boolean, blockOwnerDeletion: boolean },
);

/** Fields that the server always sets. */
const always = { name: string, uid: string, resourceVersion: string, creationTimestamp: string };
const sometimes = {
  generateName: string,
  namespace: string,
  generation: number,
  deletionTimestamp: string,
  deletionGracePeriodSeconds: number,
  labels: strings,
  annotations: strings,
  finalizers: list(string),
  ownerReferences: list(ownerReference),
};

export const requestMeta = object({}, { ...always, ...sometimes });
const objectMeta = object(always, sometimes);

/** The fields of every kind. */
export const typed = { apiVersion: string, kind: string, metadata: objectMeta };
const kubernetesObject = object(typed, {});

export const labelSelector = object(
  {},
  {
    matchLabels: strings,
    matchExpressions: list(object({ key: string, operator: string }, { values: list(string) })),
  },
);

export const condition = object(
  { type: string, status: string },
  { reason: string, message: string, lastTransitionTime: string, observedGeneration: number },
);

export type KubernetesObject = Shaped<typeof kubernetesObject>;
export type ObjectMeta = Shaped<typeof objectMeta>;
export type OwnerReference = Shaped<typeof ownerReference>;
export type LabelSelector = Shaped<typeof labelSelector>;
export type Condition = Shaped<typeof condition>;
