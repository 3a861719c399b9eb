import * as v from 'valibot';

/** Quantities by the name of the resource, as in the API: `{ cpu: '100m' }`. */
const Quantities = v.optional(v.nullable(v.record(v.string(), v.union([v.string(), v.number()]))));
type Quantities = v.InferOutput<typeof Quantities>;

const Requests = v.optional(v.nullable(v.object({ requests: Quantities })));
const Containers = v.optional(
  v.nullable(v.array(v.object({ restartPolicy: v.optional(v.string()), resources: Requests }))),
);

/** The part of a pod's spec that says what it requests. */
export const RequestsSpec = v.object({
  containers: Containers,
  initContainers: Containers,
  resources: Requests,
  overhead: Quantities,
});

type Amounts = Record<string, number>;

/**
 * What the scheduler reserves for a pod on its node: its containers together, or its largest init container if that is more, and
 * its overhead. Sidecars (init containers with restartPolicy Always) run beside the containers, and beside the init containers
 * that come after them. What the pod requests as a whole replaces the sum. Resizes in progress are not considered.
 * https://github.com/kubernetes/component-helpers/blob/v0.34.0/resource/helpers.go (PodRequests)
 *
 * @returns amounts by resource: cores, bytes, numbers; and one of `pods`
 * @throws RangeError when a quantity is none
 */
export function podRequests(spec: v.InferOutput<typeof RequestsSpec>): Amounts {
  const total: Amounts = {};
  const sidecars: Amounts = {};
  const largestInit: Amounts = {};
  for (const { resources } of spec.containers ?? []) add(total, amountsOf(resources?.requests));
  for (const { restartPolicy, resources } of spec.initContainers ?? []) {
    const own = amountsOf(resources?.requests);
    const isSidecar = restartPolicy === 'Always';
    if (isSidecar) {
      add(total, own);
      add(sidecars, own);
    }
    const whileItStarts = { ...sidecars };
    if (!isSidecar) add(whileItStarts, own);
    raise(largestInit, whileItStarts);
  }
  raise(total, largestInit);
  const ofPod = Object.entries(amountsOf(spec.resources?.requests)).filter(([name]) => isOfPods(name));
  Object.assign(total, Object.fromEntries(ofPod));
  add(total, amountsOf(spec.overhead));
  return { ...total, pods: 1 };
}

/** https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#pod-level-resource-specification */
function isOfPods(resource: string): boolean {
  return resource === 'cpu' || resource === 'memory' || resource.startsWith('hugepages-');
}

/** Quantities as numbers. @throws RangeError when one is none */
export function amountsOf(quantities: Quantities): Amounts {
  return Object.fromEntries(Object.entries(quantities ?? {}).map(([name, quantity]) => [name, amountOf(quantity)]));
}

/** Adds to each amount of `sums`. */
export function add(sums: Amounts, amounts: Readonly<Amounts>, sign: 1 | -1 = 1): void {
  for (const [name, amount] of Object.entries(amounts)) sums[name] = (sums[name] ?? 0) + sign * amount;
}

function raise(maxima: Amounts, amounts: Readonly<Amounts>): void {
  for (const [name, amount] of Object.entries(amounts)) maxima[name] = Math.max(maxima[name] ?? 0, amount);
}

const FACTORS: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function amountOf(quantity: string | number): number {
  const [, digits, exponent, suffix = ''] =
    /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?$/.exec(String(quantity)) ?? [];
  if (digits === undefined) throw new RangeError(`${quantity} is no quantity`);
  return Number(`${digits}${exponent ?? ''}`) * (FACTORS[suffix] ?? 1);
}
