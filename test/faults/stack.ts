import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Town } from './town.ts';

/** Deploys the template of the drainer: its own rule, schedule and task definition start every task from now on. */
export async function deployDrainer({ aws }: Town): Promise<void> {
  const template = await readFile(new URL('../../infra/cloudformation/drainer.yaml', import.meta.url), 'utf8');
  aws.deploy(template, {
    KubeConfigBucket: 'configs',
    KubeConfigObject: 'kube/config',
    VpcId: 'vpc-0123456789abcdef0',
    SubnetIds: 'subnet-0123456789abcdef0',
    Image: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/node-drainer:1',
  });
}

/** Resolves when no lifecycle action is pending any more. */
export async function drainedInAll({ aws, instances }: Town): Promise<void> {
  while (instances.some((id) => aws.lifecycleActions(id).some(({ state }) => state === 'pending'))) {
    await pause(100);
  }
}
