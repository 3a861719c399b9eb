import { strings, typed } from './metadata.ts';
import { object, type Shaped, string } from './shape.ts';

/** https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/ */
export const service = object(
  {
    ...typed,
    spec: object({}, { type: string, selector: strings, externalTrafficPolicy: string, loadBalancerClass: string }),
  },
  {},
);

export type Service = Shaped<typeof service>;
