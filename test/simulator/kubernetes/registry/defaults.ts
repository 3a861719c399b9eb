import type { ResourceName } from '../model/resource.ts';
import { isObject, type JsonObject } from '../model/shape.ts';

/** The defaults of fields that a client omits: pkg/apis/core/v1/defaults.go and its siblings. */
export function withDefaults(resource: ResourceName, object: JsonObject): JsonObject {
  const spec = part(object, 'spec');
  switch (resource) {
    case 'pods':
      return { ...object, spec: podSpecDefaults(spec, true) };
    case 'replicasets':
      return { ...object, spec: templateDefaults({ replicas: 1, ...spec }) };
    case 'deployments':
      return { ...object, spec: templateDefaults(deploymentDefaults(spec)) };
    case 'statefulsets': {
      const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 0 } };
      const defaults = { replicas: 1, podManagementPolicy: 'OrderedReady', revisionHistoryLimit: 10, updateStrategy };
      return { ...object, spec: templateDefaults({ ...defaults, ...spec }) };
    }
    case 'daemonsets': {
      const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } };
      return { ...object, spec: templateDefaults({ revisionHistoryLimit: 10, updateStrategy, ...spec }) };
    }
    case 'namespaces':
      return { ...object, spec: { finalizers: ['kubernetes'], ...spec } };
    case 'nodes': {
      // Go's omitempty omits false: uncordoning removes the field.
      const { unschedulable, ...rest } = spec;
      return { ...object, spec: unschedulable === true ? spec : rest };
    }
    case 'events':
      return { ...emptyEvent, ...object };
    case 'persistentvolumes':
      return { ...object, spec: { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem', ...spec } };
    case 'poddisruptionbudgets':
    case 'volumeattachments':
    case 'leases':
      return { ...object, spec };
    default:
      return object;
  }
}

const emptyEvent: JsonObject = {
  eventTime: null,
  firstTimestamp: null,
  lastTimestamp: null,
  source: {},
  reportingComponent: '',
  reportingInstance: '',
};

/** The initial status of an object, which a client cannot set. Nodes and events keep theirs. */
export function initialStatus(resource: ResourceName, object: JsonObject): JsonObject {
  switch (resource) {
    case 'pods':
      return { ...object, status: { phase: 'Pending', qosClass: 'BestEffort' } };
    case 'namespaces':
      return { ...object, status: { phase: 'Active' } };
    case 'deployments':
      return { ...object, status: {} };
    case 'replicasets':
    case 'statefulsets':
      return { ...object, status: { replicas: 0 } };
    case 'daemonsets':
      return {
        ...object,
        status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
      };
    case 'poddisruptionbudgets':
      return { ...object, status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 } };
    case 'persistentvolumes':
      // The simulator does not bind volumes: the claimRef stays as in the spec.
      return { ...object, status: { phase: 'Pending' } };
    case 'volumeattachments':
      return { ...object, status: { attached: false } };
    case 'nodes':
      return { ...object, status: part(object, 'status') };
    default:
      return object;
  }
}

/** pkg/apis/apps/v1/defaults.go (SetDefaults_Deployment) */
function deploymentDefaults(spec: JsonObject): JsonObject {
  const { type = 'RollingUpdate', ...given } = part(spec, 'strategy');
  const rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%', ...part(given, 'rollingUpdate') };
  const strategy = { type, ...given, ...(type === 'RollingUpdate' && { rollingUpdate }) };
  return { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, ...spec, strategy };
}

export function part(object: JsonObject, field: string): JsonObject {
  const value = object[field];
  return isObject(value) ? value : {};
}

function templateDefaults(spec: JsonObject): JsonObject {
  const template = part(spec, 'template');
  return { ...spec, template: { ...template, spec: podSpecDefaults(part(template, 'spec'), false) } };
}

function podSpecDefaults(spec: JsonObject, admitted: boolean): JsonObject {
  const filled = {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
    ...spec,
  };
  const { containers } = spec;
  const containersFilled = Array.isArray(containers) ? { containers: containers.map(containerDefaults) } : {};
  return admitted ? admittedPodSpec({ ...filled, ...containersFilled }) : { ...filled, ...containersFilled };
}

function containerDefaults(container: JsonObject[string]): JsonObject[string] {
  if (!isObject(container)) return container;
  return {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'Always',
    ...container,
  };
}

/** The additions of admission to pods, but not to templates: the DefaultTolerationSeconds and Priority plugins. */
function admittedPodSpec(spec: JsonObject): JsonObject {
  const given = Array.isArray(spec['tolerations']) ? spec['tolerations'] : [];
  const added = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
    .filter((key) => !given.some((toleration) => isObject(toleration) && toleratesNoExecute(toleration, key)))
    .map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }));
  return {
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
    ...spec,
    tolerations: [...given, ...added],
  };
}

function toleratesNoExecute(toleration: JsonObject, key: string): boolean {
  const { key: its, effect } = toleration;
  return (
    (its === undefined || its === '' || its === key) &&
    (effect === undefined || effect === '' || effect === 'NoExecute')
  );
}
