import { condition, labelSelector, requestMeta, strings, typed } from './metadata.ts';
import { boolean, intOrString, json, list, number, object, type Shaped, string } from './shape.ts';

/**
 * The kinds of the simulator, with the fields that it evaluates. It stores all other fields unchanged.
 * https://kubernetes.io/docs/reference/kubernetes-api/
 */
const toleration = object({}, { key: string, operator: string, value: string, effect: string });
const taint = object({ key: string, effect: string }, { value: string, timeAdded: string });
const container = object({ name: string }, { image: string });

export const podSpec = object(
  { containers: list(container) },
  {
    nodeName: string,
    nodeSelector: strings,
    restartPolicy: string,
    priority: number,
    priorityClassName: string,
    terminationGracePeriodSeconds: number,
    tolerations: list(toleration),
    volumes: list(json),
    evictionResponders: list(object({ name: string, priority: number }, {})),
  },
);
const podTemplate = object({ spec: podSpec }, { metadata: requestMeta });
const podStatus = object(
  {},
  { phase: string, reason: string, message: string, conditions: list(condition), startTime: string, podIP: string },
);

export const pod = object({ ...typed, spec: podSpec, status: podStatus }, {});
export const node = object(
  {
    ...typed,
    spec: object({}, { unschedulable: boolean, taints: list(taint), providerID: string }),
    status: object({}, { conditions: list(condition) }),
  },
  {},
);
export const namespace = object(
  {
    ...typed,
    spec: object({}, { finalizers: list(string) }),
    status: object({}, { phase: string, conditions: list(condition) }),
  },
  {},
);
export const replicaSet = object(
  {
    ...typed,
    spec: object({ selector: labelSelector, template: podTemplate }, { replicas: number, minReadySeconds: number }),
    status: object(
      {},
      {
        replicas: number,
        fullyLabeledReplicas: number,
        readyReplicas: number,
        availableReplicas: number,
        observedGeneration: number,
      },
    ),
  },
  {},
);
const deploymentCondition = object(
  { type: string, status: string },
  { reason: string, message: string, lastUpdateTime: string, lastTransitionTime: string },
);
export const deployment = object(
  {
    ...typed,
    spec: object(
      { selector: labelSelector, template: podTemplate },
      {
        replicas: number,
        paused: boolean,
        minReadySeconds: number,
        progressDeadlineSeconds: number,
        strategy: object(
          {},
          { type: string, rollingUpdate: object({}, { maxSurge: intOrString, maxUnavailable: intOrString }) },
        ),
      },
    ),
    status: object(
      {},
      {
        replicas: number,
        updatedReplicas: number,
        readyReplicas: number,
        availableReplicas: number,
        unavailableReplicas: number,
        observedGeneration: number,
        conditions: list(deploymentCondition),
      },
    ),
  },
  {},
);
export const statefulSet = object(
  {
    ...typed,
    spec: object(
      { selector: labelSelector, template: podTemplate },
      { replicas: number, serviceName: string, podManagementPolicy: string },
    ),
    status: object({}, { replicas: number, readyReplicas: number, observedGeneration: number }),
  },
  {},
);
export const daemonSet = object(
  {
    ...typed,
    spec: object({ selector: labelSelector, template: podTemplate }, {}),
    status: object(
      {},
      {
        currentNumberScheduled: number,
        desiredNumberScheduled: number,
        numberReady: number,
        observedGeneration: number,
      },
    ),
  },
  {},
);
export const podDisruptionBudget = object(
  {
    ...typed,
    spec: object(
      {},
      {
        selector: labelSelector,
        minAvailable: intOrString,
        maxUnavailable: intOrString,
        unhealthyPodEvictionPolicy: string,
      },
    ),
    status: object(
      {},
      {
        observedGeneration: number,
        disruptionsAllowed: number,
        currentHealthy: number,
        desiredHealthy: number,
        expectedPods: number,
        disruptedPods: strings,
        conditions: list(condition),
      },
    ),
  },
  {},
);
export const event = object(
  { ...typed, involvedObject: object({}, { kind: string, name: string, namespace: string, uid: string }) },
  { reason: string, message: string, type: string },
);

export type Toleration = Shaped<typeof toleration>;
export type Taint = Shaped<typeof taint>;
export type PodTemplate = Shaped<typeof podTemplate>;
export type Pod = Shaped<typeof pod>;
export type Node = Shaped<typeof node>;
export type Namespace = Shaped<typeof namespace>;
export type ReplicaSet = Shaped<typeof replicaSet>;
export type Deployment = Shaped<typeof deployment>;
export type DeploymentCondition = Shaped<typeof deploymentCondition>;
export type StatefulSet = Shaped<typeof statefulSet>;
export type DaemonSet = Shaped<typeof daemonSet>;
export type PodDisruptionBudget = Shaped<typeof podDisruptionBudget>;
export type Event = Shaped<typeof event>;
