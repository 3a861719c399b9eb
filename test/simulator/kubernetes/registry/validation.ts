import { isDeepStrictEqual } from 'node:util';
import { type Lease, lease } from '../model/lease.ts';
import * as lifecycle from '../model/lifecycle.ts';
import type { KubernetesObject, LabelSelector } from '../model/metadata.ts';
import type { Node, Pod, PodTemplate } from '../model/objects.ts';
import * as objects from '../model/objects.ts';
import { isEmptySelector, labelSelectorMatch } from '../model/selector.ts';
import type { Invalidity } from '../model/status.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

const invalidValue = (field: string, value: string, reason: string): Invalidity => ({
  field,
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${value}: ${reason}`,
});
const required = (field: string): Invalidity => ({ field, reason: 'FieldValueRequired', message: 'Required value' });
const forbidden = (field: string, reason: string): Invalidity => ({
  field,
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${reason}`,
});

/** The rules of pkg/apis/…/validation that are relevant to a drainer or its tests. */
export function validate(object: KubernetesObject): Invalidity[] {
  return [...validateName(object), ...validateKind(object)];
}

function validateName({ kind, metadata: { name } }: KubernetesObject): Invalidity[] {
  // RBAC names are path segments: `system:discovery`.
  if (/Role/.test(kind)) return [];
  if (kind === 'Namespace' && !label.test(name)) {
    const regex = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
    const reason = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${regex}')`;
    return [invalidValue('metadata.name', JSON.stringify(name), reason)];
  }
  if (subdomain.test(name) && name.length <= 253) return [];
  const regex = String.raw`[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*`;
  const reason = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${regex}')`;
  return [invalidValue('metadata.name', JSON.stringify(name), reason)];
}

function validateKind(object: KubernetesObject): Invalidity[] {
  switch (object.kind) {
    case 'Pod':
      return objects.pod(object) && object.spec.containers.length === 0 ? [required('spec.containers')] : [];
    case 'Event':
      return objects.event(object) ? validateEvent(object) : [];
    case 'PodDisruptionBudget':
      return objects.podDisruptionBudget(object) ? validateBudget(object) : [];
    case 'Lease':
      return lease(object) ? validateLease(object) : [];
    case 'ReplicaSet':
      return objects.replicaSet(object) ? validateSelector(object.spec) : [];
    case 'Deployment':
      return objects.deployment(object) ? [...validateSelector(object.spec), ...validateStrategy(object.spec)] : [];
    case 'StatefulSet':
      return objects.statefulSet(object) ? validateSelector(object.spec) : [];
    case 'EvictionRequest':
      return lifecycle.evictionRequest(object) ? validateEvictionRequest(object) : [];
    case 'DaemonSet':
      return objects.daemonSet(object) ? validateSelector(object.spec) : [];
    default:
      return [];
  }
}

/** https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/lifecycle/v1alpha1/custom_validation.go */
function validateEvictionRequest({ spec }: lifecycle.EvictionRequest): Invalidity[] {
  const { requester, intent } = spec;
  const [domain = '', key = ''] = requester.split('/');
  const isReserved = /(^|\.)(k8s|kubernetes)\.io$/.test(domain);
  return [
    ...(!subdomain.test(domain) || key === ''
      ? [invalidValue('spec.requester', JSON.stringify(requester), 'must be a label key with a prefix')]
      : []),
    ...(isReserved
      ? [
          invalidValue(
            'spec.requester',
            JSON.stringify(requester),
            'domain names *.k8s.io, *.kubernetes.io are reserved',
          ),
        ]
      : []),
    ...(/^(Eviction|Withdrawn)$/.test(intent)
      ? []
      : [invalidValue('spec.intent', JSON.stringify(intent), 'supported values: "Eviction", "Withdrawn"')]),
  ];
}

function validateEvictionRequestUpdate(
  next: lifecycle.EvictionRequest,
  current: lifecycle.EvictionRequest,
): Invalidity[] {
  const fields = ['target', 'requester'] as const;
  return fields
    .filter((field) => !isDeepStrictEqual(next.spec[field], current.spec[field]))
    .map((field) => invalidValue(`spec.${field}`, JSON.stringify(next.spec[field]), 'field is immutable'));
}

/** ValidateLeaseSpec: pkg/apis/coordination/validation/validation.go */
function validateLease({ spec: { leaseDurationSeconds = 1 } }: Lease): Invalidity[] {
  if (leaseDurationSeconds > 0) return [];
  return [invalidValue('spec.leaseDurationSeconds', String(leaseDurationSeconds), 'must be greater than 0')];
}

/** An event is in the namespace of its object; events of cluster-wide objects in `default`. */
function validateEvent({ involvedObject, metadata }: objects.Event): Invalidity[] {
  const { namespace = '' } = involvedObject;
  if (namespace === metadata.namespace || (namespace === '' && metadata.namespace === 'default')) return [];
  const reason = 'does not match event.namespace';
  return [invalidValue('involvedObject.namespace', JSON.stringify(namespace), reason)];
}

function validateSelector(spec: { selector: LabelSelector; template: PodTemplate }): Invalidity[] {
  if (isEmptySelector(spec.selector))
    return [invalidValue('spec.selector', '{}', 'empty selector is invalid for deployment')];
  const labels = spec.template.metadata?.labels ?? {};
  if (labelSelectorMatch(spec.selector)(labels)) return [];
  const shown = `map[string]string{${Object.entries(labels)
    .map(([key, value]) => `"${key}":"${value}"`)
    .join(', ')}}`;
  return [invalidValue('spec.template.metadata.labels', shown, '`selector` does not match template `labels`')];
}

/** pkg/apis/apps/validation/validation.go (ValidateDeploymentStrategy) */
function validateStrategy({ strategy }: objects.Deployment['spec']): Invalidity[] {
  const { type, rollingUpdate } = strategy ?? {};
  if (type === 'Recreate') {
    const reason = "may not be specified when strategy `type` is 'Recreate'";
    return rollingUpdate === undefined ? [] : [forbidden('spec.strategy.rollingUpdate', reason)];
  }
  const isZero = (amount: number | string | undefined) => Number.parseInt(String(amount), 10) === 0;
  if (!isZero(rollingUpdate?.maxSurge) || !isZero(rollingUpdate?.maxUnavailable)) return [];
  const shown = 'intstr.IntOrString{Type:0, IntVal:0, StrVal:""}';
  return [invalidValue('spec.strategy.rollingUpdate.maxUnavailable', shown, 'may not be 0 when `maxSurge` is 0')];
}

function validateBudget({ spec }: objects.PodDisruptionBudget): Invalidity[] {
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
    return [
      invalidValue('spec', 'policy.PodDisruptionBudgetSpec{}', 'minAvailable and maxUnavailable cannot be both set'),
    ];
  return [
    ...validateAmount('spec.minAvailable', spec.minAvailable),
    ...validateAmount('spec.maxUnavailable', spec.maxUnavailable),
  ];
}

function validateAmount(field: string, amount: number | string | undefined): Invalidity[] {
  if (typeof amount === 'number' && amount < 0)
    return [invalidValue(field, String(amount), 'must be greater than or equal to 0')];
  if (typeof amount === 'string' && !/^[0-9]+%$/.test(amount)) {
    const shown = `intstr.IntOrString{Type:1, IntVal:0, StrVal:${JSON.stringify(amount)}}`;
    const reason = `a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`;
    return [invalidValue(field, shown, reason)];
  }
  if (typeof amount === 'string' && Number.parseInt(amount, 10) > 100)
    return [invalidValue(field, JSON.stringify(amount), 'must not be greater than 100%')];
  return [];
}

/** Immutable fields of an update: first the generic metadata, then those of the kind. */
export function validateUpdate(next: KubernetesObject, current: KubernetesObject): Invalidity[] {
  const changed = (
    field: 'uid' | 'creationTimestamp' | 'deletionTimestamp' | 'deletionGracePeriodSeconds',
  ): Invalidity[] =>
    next.metadata[field] === current.metadata[field]
      ? []
      : [invalidValue(`metadata.${field}`, JSON.stringify(next.metadata[field] ?? null), 'field is immutable')];
  return [
    ...changed('uid'),
    ...addedFinalizers(next, current),
    ...(objects.pod(next) && objects.pod(current) ? validatePodUpdate(next, current) : []),
    ...(isRequest(next) && isRequest(current) ? validateEvictionRequestUpdate(next, current) : []),
    ...(objects.node(next) && objects.node(current) ? validateNodeUpdate(next, current) : []),
  ];
}

function isRequest(object: KubernetesObject): object is lifecycle.EvictionRequest {
  return object.kind === 'EvictionRequest' && lifecycle.evictionRequest(object);
}

function addedFinalizers(next: KubernetesObject, current: KubernetesObject): Invalidity[] {
  if (current.metadata.deletionTimestamp === undefined) return [];
  const had = current.metadata.finalizers ?? [];
  const added = (next.metadata.finalizers ?? []).filter((finalizer) => !had.includes(finalizer));
  if (added.length === 0) return [];
  const shown = `[]string{${added.map((each) => JSON.stringify(each)).join(', ')}}`;
  return [
    forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`,
    ),
  ];
}

function validatePodUpdate(next: Pod, current: Pod): Invalidity[] {
  const frozen = (pod: Pod): unknown => {
    const { tolerations: _tolerations, containers, ...rest } = pod.spec;
    const fixed: Record<string, unknown> = { ...rest, activeDeadlineSeconds: undefined };
    return { ...fixed, containers: containers.map((container) => ({ ...container, image: undefined })) };
  };
  if (isDeepStrictEqual(frozen(next), frozen(current))) return [];
  const reason =
    'pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, `spec.activeDeadlineSeconds` or `spec.tolerations` (only additions to existing tolerations)';
  return [forbidden('spec', reason)];
}

function validateNodeUpdate(next: Node, current: Node): Invalidity[] {
  const before = current.spec.providerID ?? '';
  if (before === '' || next.spec.providerID === before) return [];
  return [forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid')];
}
