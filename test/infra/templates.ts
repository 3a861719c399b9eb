import { readFileSync } from 'node:fs';
import { type Stack, stackOf } from '../simulator/aws/cloudformation/stack.ts';
import { parseTemplate } from '../simulator/aws/cloudformation/template.ts';
import { isList, isMap, type Value, type ValueMap } from '../simulator/aws/json.ts';

export const TEMPLATES = ['drainer', 'alarms', 'ec2-events', 'lifecycle-hook', 'cluster-access'] as const;
type TemplateName = (typeof TEMPLATES)[number];

export function templateText(name: TemplateName): string {
  return readFileSync(new URL(`../../infra/cloudformation/${name}.yaml`, import.meta.url), 'utf8');
}

export function template(name: TemplateName): ValueMap {
  return parseTemplate(templateText(name));
}

/** Parameters of drainer.yaml without a default, except the cluster. */
export const REQUIRED = {
  VpcId: 'vpc-0123456789abcdef0',
  SubnetIds: 'subnet-0123456789abcdef0,subnet-0fedcba9876543210',
  Image: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/node-drainer:1.0',
};
export const EKS = { ...REQUIRED, ClusterName: 'prod' };
export const KUBECONFIG = { ...REQUIRED, KubeConfigBucket: 'configs', KubeConfigObject: 'kube/config' };

export const IRELAND = {
  accountId: '111122223333',
  region: 'eu-west-1',
  partition: { id: 'aws', dnsSuffix: 'amazonaws.com' },
};
export const BEIJING = {
  accountId: '111122223333',
  region: 'cn-north-1',
  partition: { id: 'aws-cn', dnsSuffix: 'amazonaws.com.cn' },
};

export function drainer(parameters: Readonly<Record<string, string>> = EKS, context = IRELAND): Stack {
  return stackOf(templateText('drainer'), { parameters, context });
}

/** A template that imports the exports of drainer.yaml. */
export function importing(
  name: Exclude<TemplateName, 'drainer'>,
  parameters: Readonly<Record<string, string>> = {},
  drainerStack = drainer(),
): Stack {
  return stackOf(templateText(name), { name, parameters, context: IRELAND, exports: drainerStack.exports });
}

/** Parameters with which every condition of drainer.yaml is true at least once, and false at least once. */
export const VARIANTS: readonly (readonly [what: string, parameters: Readonly<Record<string, string>>])[] = [
  ['an EKS cluster', EKS],
  ['a kubeconfig', KUBECONFIG],
  ['both; the kubeconfig takes precedence', { ...EKS, ...KUBECONFIG }],
  ['no sweep, paused', { ...EKS, SweepHours: '0', Enabled: 'false' }],
  ['all clusters of the region', { ...REQUIRED, ClusterName: '*' }],
  ['Fargate Spot', { ...EKS, CapacityProvider: 'FARGATE_SPOT' }],
  [
    'all parameters',
    {
      ...EKS,
      ...KUBECONFIG,
      KubeConfigKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      ApiServerPort: '6443',
      AutoScalingGroupPrefix: 'workers-',
      AutoScalingGroupTag: 'prod',
      EcsCluster: 'shared',
      AnyGroup: 'true',
      FinishRetained: 'true',
      AccessEntry: 'true',
      ClusterSecurityGroupId: 'sg-0fedcba9876543210',
      SweepHours: '24',
      DnsCidr: '10.0.0.0/16',
      HttpsProxy: 'http://proxy.example.com:3128',
      NoProxy: '.example.com',
      PermissionsBoundaryArn: 'arn:aws:iam::111122223333:policy/boundary',
      RolePath: '/platform/',
      LogsKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      QueuesKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      AssignPublicIp: 'ENABLED',
      ImageRepositoryArn: 'arn:aws:ecr:eu-west-1:999900001111:repository/platform/node-drainer',
      CpuArchitecture: 'X86_64',
      MissingNode: 'abandon',
      UnprovenNode: 'accept',
      OnFailure: 'abandon',
      OnDeadline: 'force',
      DrainDeadlineSeconds: '3600',
      LoadBalancerExclusion: 'start',
      LoadBalancerSeconds: '180',
      VolumeDetachTimeoutSeconds: '0',
      DrainDaemonSets: 'true',
      DoNotDisruptSeconds: '7200',
      WaitForCapacity: 'on',
      WaitForCapacitySeconds: '60',
      LastResort: 'evict',
      LastResortSeconds: '0',
      Settings: 'SPREAD_SECONDS=0',
      FinalizerSeconds: '0',
      LogRetentionDays: '1',
    },
  ],
];

/** Every nested member of a value, with its path. */
export function* membersOf(value: Value, path: readonly string[] = []): Generator<[readonly string[], Value]> {
  yield [path, value];
  const inner = isList(value) ? value.map((one, index): [string, Value] => [String(index), one]) : [];
  for (const [name, one] of isMap(value) ? Object.entries(value) : inner) yield* membersOf(one, [...path, name]);
}

/** The names that a template's intrinsic functions refer to, in every branch. */
export function referencesOf(value: Value): string[] {
  return [...membersOf(value)].flatMap(([path, member]) => {
    const name = path.at(-1);
    if (name === 'Ref' && typeof member === 'string') return [member];
    if (name === 'Fn::GetAtt' && isList(member)) return [String(member[0])];
    if (name === 'Fn::Sub') return substitutionsOf(member);
    if (name === 'DependsOn') return (isList(member) ? member : [member]).map(String);
    return [];
  });
}

function substitutionsOf(argument: Value): string[] {
  const [text, own] = isList(argument) ? argument : [argument];
  const names = [...String(text).matchAll(/\$\{([^!}][^}]*)\}/g)].map(([, name = '']) => name.split('.')[0] ?? '');
  return names.filter((name) => !(isMap(own) && Object.hasOwn(own, name)));
}
