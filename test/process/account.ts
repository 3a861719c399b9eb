import type { AwsSimulator } from '../simulator/aws/simulator.ts';

export const GROUP = 'workers';
export const HOOK = 'node-drainer';

/** A group of these instances, which its lifecycle hook keeps until they are drained. */
export function launchGroup(
  aws: AwsSimulator,
  instances: readonly { readonly instanceId: string; readonly privateDnsName: string }[],
  { name = GROUP, heartbeatTimeout = 30 } = {},
): void {
  aws.createAutoScalingGroup({ name });
  aws.putLifecycleHook({ autoScalingGroupName: name, lifecycleHookName: HOOK, heartbeatTimeout });
  for (const instance of instances) aws.launchInstance({ ...instance, autoScalingGroupName: name });
}

/** Where the program finds the kubeconfig that was put there. */
export const IN_BUCKET = { KUBE_CONFIG_BUCKET: 'configs', KUBE_CONFIG_OBJECT: 'kube/config' };

export function putKubeconfig(aws: AwsSimulator, text: string): void {
  aws.putObject(IN_BUCKET.KUBE_CONFIG_BUCKET, IN_BUCKET.KUBE_CONFIG_OBJECT, text);
}
