import { condition, typed } from './metadata.ts';
import { list, number, object, type Shaped, string } from './shape.ts';

/**
 * EvictionRequest and Eviction of lifecycle.k8s.io/v1alpha1, with the fields that the simulator evaluates.
 * https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/api/lifecycle/v1alpha1/types.go
 */
const target = object({ pod: object({ name: string, uid: string }, {}) }, {});
const targetResponder = object({ name: string, priority: number, state: string }, {});
const responderStatus = object(
  { name: string },
  { startTime: string, heartbeatTime: string, completionTime: string, message: string },
);

export const evictionRequest = object(
  { ...typed, spec: object({ target, requester: string, intent: string }, {}) },
  { status: object({}, { conditions: list(condition), observedGeneration: number }) },
);
export const eviction = object(
  { ...typed, spec: object({ target }, {}) },
  {
    status: object(
      {},
      {
        conditions: list(condition),
        requesters: list(object({ name: string, intent: string }, {})),
        targetResponders: list(targetResponder),
        responders: list(responderStatus),
      },
    ),
  },
);

export type EvictionRequest = Shaped<typeof evictionRequest>;
export type Eviction = Shaped<typeof eviction>;
export type EvictionStatus = NonNullable<Eviction['status']>;
export type TargetResponder = Shaped<typeof targetResponder>;
