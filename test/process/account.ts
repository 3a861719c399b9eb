import type { NewGroup } from '../simulator/aws/autoscaling/group.ts';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';

export const GROUP = 'workers';
export const HOOK = 'node-drainer';

/** Creates an Auto Scaling group with a lifecycle hook and launches the instances in it. */
export function launchGroup(
  aws: AwsSimulator,
  instances: readonly { readonly instanceId: string; readonly privateDnsName: string }[],
  { name = GROUP, heartbeatTimeout = 30, ...group }: Partial<NewGroup> & { heartbeatTimeout?: number } = {},
): void {
  aws.createAutoScalingGroup({ name, ...group });
  aws.putLifecycleHook({ autoScalingGroupName: name, lifecycleHookName: HOOK, heartbeatTimeout });
  for (const instance of instances) aws.launchInstance({ ...instance, autoScalingGroupName: name });
}

/** Settings that name the S3 object in which `putKubeconfig` stores the kubeconfig. */
export const KUBECONFIG_SETTINGS = { KUBE_CONFIG_BUCKET: 'configs', KUBE_CONFIG_OBJECT: 'kube/config' };

export function putKubeconfig(aws: AwsSimulator, text: string): void {
  aws.putObject(KUBECONFIG_SETTINGS.KUBE_CONFIG_BUCKET, KUBECONFIG_SETTINGS.KUBE_CONFIG_OBJECT, text);
}

/** Without load balancers there is none to wait for: by default every drain would last 30 s longer. */
export const NO_LOAD_BALANCERS = { LOAD_BALANCER_SECONDS: '0' };
