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

/**
 * A custom resource: the AWS Load Balancer Controller is installed in the simulated clusters, without doing anything.
 * https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/v2.13.0/apis/elbv2/v1beta1/targetgroupbinding_types.go
 */
export const targetGroupBinding = object(
  { ...typed, spec: object({}, { targetGroupARN: string, targetGroupName: string, targetType: string }) },
  {},
);

export type TargetGroupBinding = Shaped<typeof targetGroupBinding>;
