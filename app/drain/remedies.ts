import { type Budget, type BudgetRule, cannotCount } from './budget.ts';
import type { Grip, Owner } from './hold.ts';
import type { Pod } from './pod.ts';

/**
 * The controller of a pod. The ReplicaSet of a Deployment is named after it and the hash of its template, which its pods carry as a label.
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
 */
export function ownerOf({ namespace, controller, labels }: Pod): Owner | undefined {
  if (controller === undefined) return undefined;
  const { kind, name } = controller;
  const suffix = `-${labels['pod-template-hash'] ?? ''}`;
  return kind === 'ReplicaSet' && suffix !== '-' && name.endsWith(suffix) && name !== suffix
    ? { kind: 'Deployment', namespace, name: name.slice(0, -suffix.length) }
    : { kind, namespace, name };
}

/** `Deployment shop/checkout`; empty: a pod without a controller. */
export function ownerText(owner: Owner | undefined): string {
  return owner === undefined ? '' : `${owner.kind} ${owner.namespace}/${owner.name}`;
}

/** The command or change that ends a hold. @param pods in the order in which they are named */
export function remedyFor({ cause, by, owner, budgets, reason }: Grip, [pod]: readonly Pod[]): string | undefined {
  const [budget] = budgets;
  if (pod === undefined) return undefined;
  const kubectl = `kubectl -n ${pod.namespace}`;
  switch (cause) {
    case 'structural':
      return budget && structuralRemedy(budget, owner);
    case 'unhealthy':
      if (budget === undefined) return undefined;
      return `let pods that are not ready go (Kubernetes 1.27 or later): ${patch(budget, { unhealthyPodEvictionPolicy: 'AlwaysAllow' })}; or mend them: ${kubectl} describe pod ${pod.name}`;
    case 'several budgets': {
      const names = budgets.map(({ name }) => name).sort();
      if (names.length === 0) return `let only one budget select them: ${kubectl} get poddisruptionbudgets`;
      return `let only one budget select them, change the selector of the others or delete them: ${kubectl} edit poddisruptionbudget ${names.at(-1)}`;
    }
    case 'webhook':
      return `ask whoever runs it, it is in: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml${grepFor(by)}`;
    case 'finalizer':
      return `its controller has to remove it; if that no longer exists: ${kubectl} patch pod ${pod.name} --type merge -p '{"metadata":{"finalizers":null}}'`;
    case 'kubelet':
      return `look at the kubelet and the container runtime of the node: ${kubectl} describe pod ${pod.name}`;
    case 'do-not-disrupt':
      return `take it back, if it may go: ${kubectl} ${by === 'cluster.x-k8s.io/drain' ? 'label' : 'annotate'} pod ${pod.name} ${by}-`;
    case 'capacity':
      if (reason.kind === 'room') return 'add nodes that can take its pods; WAIT_FOR_CAPACITY_SECONDS bounds the wait';
      return 'see why the group lacks nodes: aws autoscaling describe-scaling-activities; WAIT_FOR_CAPACITY_SECONDS bounds the wait';
    case 'slot':
      return 'it ends when one of them has ended; MAX_CONCURRENT_DRAINS says how many run at once';
    case 'spread':
      return 'it ends when its new pods are ready on other nodes; SPREAD_SECONDS bounds the wait, UNBUDGETED=all does not wait';
    case 'responder':
      return `see what it reports: ${kubectl} get evictions.lifecycle.k8s.io -o yaml; EVICTION_API=policy does not ask responders`;
    case 'transient':
      if (budget !== undefined) return `it ends when more of its pods are ready: ${kubectl} get pods -o wide`;
      return reason.kind === 'budget' ? `${kubectl} get poddisruptionbudgets` : undefined;
    default:
      return undefined;
  }
}

/** What lets a budget allow an eviction whose arithmetic never does. */
function structuralRemedy(budget: Budget, owner: Owner | undefined): string {
  if (cannotCount(budget)) {
    return `use minAvailable with a number, or give the pods a controller that can be scaled: kubectl -n ${budget.namespace} describe poddisruptionbudget ${budget.name}`;
  }
  const replicas = replicasNeeded(budget);
  const scalable = owner !== undefined && /^(Deployment|StatefulSet|ReplicaSet)$/.test(owner.kind);
  const changes: string[] = [];
  if (scalable && replicas !== undefined) {
    const object = `${owner.kind.toLowerCase()}/${owner.name}`;
    changes.push(`add a replica: kubectl -n ${owner.namespace} scale ${object} --replicas=${replicas}`);
  }
  changes.push(`let one pod be missing: ${patch(budget, oneMayGo(budget))}`);
  if (owner?.kind === 'Deployment') changes.push('set SURGE=blocked, if the Deployment may surge');
  return changes.join('; or ');
}

/** A number stays one: for pods without a controller, nothing else can be worked out. */
function oneMayGo({ rule, expected }: Budget): Readonly<Record<string, unknown>> {
  if (rule?.field !== 'minAvailable') return { maxUnavailable: 1 };
  if (shareOf(rule) === undefined) return { minAvailable: Math.max(0, expected - 1) };
  return { minAvailable: null, maxUnavailable: 1 };
}

/** With how many pods the budget allows an eviction; undefined: with no number of them. */
function replicasNeeded({ rule, desired, expected }: Budget): number | undefined {
  if (rule === undefined || rule.field === 'maxUnavailable') return undefined;
  const share = shareOf(rule);
  if (share === undefined) return desired + 1;
  if (share >= 1) return undefined;
  let replicas = expected + 1;
  // https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/disruption/disruption.go rounds percentages up.
  while (Math.ceil(replicas * share) >= replicas) replicas++;
  return replicas;
}

/** `90%` → 0.9; undefined: it is a number of pods. */
function shareOf({ value }: BudgetRule): number | undefined {
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value)?.[1] : undefined;
  return percent === undefined ? undefined : Number(percent) / 100;
}

function patch({ namespace, name }: Budget, spec: Readonly<Record<string, unknown>>): string {
  return `kubectl -n ${namespace} patch poddisruptionbudget ${name} --type merge -p '${JSON.stringify({ spec })}'`;
}

/** Whoever registers a webhook chooses its name, and a person copies it into a shell. */
function grepFor(by: string): string {
  const name = /^webhook ([a-zA-Z0-9.-]+)$/.exec(by)?.[1];
  return name === undefined ? '' : ` | grep -e ${name}`;
}
