import { typed } from './metadata.ts';
import { number, object, type Shape, type Shaped, string } from './shape.ts';

/** metav1.MicroTime is parsed as RFC 3339 with exactly six digits after the second. */
const microTime: Shape<string> = (value): value is string =>
  string(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/.test(value);

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
export const lease = object(
  {
    ...typed,
    spec: object(
      {},
      {
        holderIdentity: string,
        leaseDurationSeconds: number,
        leaseTransitions: number,
        acquireTime: microTime,
        renewTime: microTime,
      },
    ),
  },
  {},
);

export type Lease = Shaped<typeof lease>;
