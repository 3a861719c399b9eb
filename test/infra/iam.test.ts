import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { resourceOf, type Stack } from '../simulator/aws/cloudformation/stack.ts';
import { at, listAt, mapAt, textAt } from '../simulator/aws/json.ts';
import { actionsOf, allowing, matchesArn, rolesOf, type Statement, statementsOf } from './policies.ts';
import { BEIJING, drainer, EKS, KUBECONFIG, membersOf, REQUIRED, VARIANTS } from './templates.ts';

const APP = fileURLToPath(new URL('../../app/', import.meta.url));
/** The clients of the SDK, and the prefix of their services' actions. */
const PREFIXES: Readonly<Record<string, string>> = {
  'client-auto-scaling': 'autoscaling',
  'client-ec2': 'ec2',
  'client-ecs': 'ecs',
  'client-eks': 'eks',
  'client-elastic-load-balancing-v2': 'elasticloadbalancing',
  'client-s3': 's3',
};

/** Only with FinishRetained=true. */
const TERMINATE = 'autoscaling:TerminateInstanceInAutoScalingGroup';

/** Actions that RunTask also needs, because the task has roles and tags. */
const WITH_RUN_TASK = ['ecs:TagResource', 'iam:PassRole'];

/** The service of each operation: app/aws/sdk.ts imports every command of the SDK, client by client. */
function prefixesOfOperations(): ReadonlyMap<string, string> {
  const source = readFileSync(new URL('aws/sdk.ts', `file://${APP}`), 'utf8');
  const exported = [...source.matchAll(/export \{([^}]+)\} from '@aws-sdk\/(client-[\w-]+)'/g)];
  return new Map(
    exported.flatMap(([, names = '', client = '']) => {
      const prefix = PREFIXES[client];
      assert.ok(prefix, `this test knows the actions of ${client}`);
      return [...names.matchAll(/(\w+)Command\b/g)].map(([, operation = '']): [string, string] => [operation, prefix]);
    }),
  );
}

/** Every AWS operation that the program can call, as an IAM action: found by its `new …Command(`. */
function actionsOfTheProgram(): string[] {
  const prefixes = prefixesOfOperations();
  const actions = globSync('**/*.ts', { cwd: APP }).flatMap((file) => {
    const source = readFileSync(new URL(file, `file://${APP}`), 'utf8');
    return [...source.matchAll(/new (?:sdk\.)?(\w+)Command\(/g)].map(([, operation = '']) => {
      const prefix = prefixes.get(operation);
      assert.ok(prefix, `${file}: ${operation} comes from aws/sdk.ts`);
      return `${prefix}:${operation}`;
    });
  });
  assert.deepEqual(
    new Set(actions.map((action) => action.split(':')[1])),
    new Set(prefixes.keys()),
    'every imported command is used',
  );
  return [...new Set(actions)].sort();
}

/** The statements that allow to complete lifecycle actions. */
function hookStatements(parameters: Record<string, string>): Statement[] {
  const complete = 'autoscaling:CompleteLifecycleAction';
  const statements = statementsOf(drainer(parameters), 'TaskRole').filter(({ actions }) => actions.includes(complete));
  assert.equal(statements.length, 3);
  return statements;
}

/** The different actions of a role: three statements have those of hooks. */
const distinctActionsOf = (stack: Stack, role: string): string[] => [...new Set(actionsOf(stack, role))];

describe('permissions of the roles', () => {
  const called = actionsOfTheProgram();

  // A drain fails with "access denied" at night, or stolen task credentials allow more than draining.
  test('the task role allows every AWS operation that the program calls, and no other', () => {
    assert.ok(called.length >= 7, 'the operations of the program are found');
    const without = (service: string, ...more: readonly string[]) =>
      [
        ...called.filter((action) => !action.startsWith(`${service}:`) && action !== TERMINATE),
        ...WITH_RUN_TASK,
        ...more,
      ].sort();
    assert.deepEqual(distinctActionsOf(drainer(EKS), 'TaskRole'), without('s3'));
    assert.deepEqual(distinctActionsOf(drainer(KUBECONFIG), 'TaskRole'), without('eks'));
    assert.deepEqual(distinctActionsOf(drainer({ ...EKS, ...KUBECONFIG }), 'TaskRole'), without('eks'));
    // S3 decrypts with the permissions of the reader.
    const [, everything = {}] = VARIANTS.at(-1) ?? [];
    assert.deepEqual(distinctActionsOf(drainer(everything), 'TaskRole'), without('eks', 'kms:Decrypt', TERMINATE));
  });

  // The drainer can read other secrets in the bucket, or describe other clusters.
  test('the task role reads one object, decrypts with one key, and describes one cluster', () => {
    const [, everything = {}] = VARIANTS.at(-1) ?? [];
    const stack = drainer(everything);
    assert.deepEqual(allowing(stack, 'TaskRole', 's3:GetObject').resources, ['arn:aws:s3:::configs/kube/config']);
    const decrypt = allowing(stack, 'TaskRole', 'kms:Decrypt');
    assert.deepEqual(decrypt.resources, [everything['KubeConfigKeyArn']]);
    // S3 decrypts only what the role may get.
    assert.deepEqual(decrypt.condition, { StringEquals: { 'kms:ViaService': 's3.eu-west-1.amazonaws.com' } });
    assert.deepEqual(allowing(drainer(EKS), 'TaskRole', 'eks:DescribeCluster').resources, [
      'arn:aws:eks:eu-west-1:111122223333:cluster/prod',
    ]);
    const all = drainer({ ...REQUIRED, ClusterName: '*' });
    assert.deepEqual(allowing(all, 'TaskRole', 'eks:DescribeCluster').resources, [
      'arn:aws:eks:eu-west-1:111122223333:cluster/*',
    ]);
    const KubeConfigObject = 'clusters/{cluster}/kubeconfig';
    const many = drainer({ ...KUBECONFIG, ClusterName: '*', KubeConfigObject });
    assert.deepEqual(allowing(many, 'TaskRole', 's3:GetObject').resources, [
      'arn:aws:s3:::configs/clusters/*/kubeconfig',
    ]);
  });

  // The drainer of one team terminates instances of another team.
  test('the task role completes only hooks of groups that have the prefix, the tag, and a tag of the cluster', () => {
    const arn = (group: string) =>
      `arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:1f2e:autoScalingGroupName/${group}`;
    const limited = hookStatements({ ...EKS, AutoScalingGroupPrefix: 'workers-', AutoScalingGroupTag: 'prod' });
    for (const { resources } of limited) {
      assert.deepEqual(
        [arn('workers-a'), arn('databases'), arn('workers-a').replace('1111', '9999')].map((group) =>
          resources.some((resource) => matchesArn(resource, group)),
        ),
        [true, false, false],
      );
    }
    const tag = { 'aws:ResourceTag/node-drainer': 'prod' };
    assert.deepEqual(
      limited.map(({ condition }) => condition),
      [
        { StringLike: { ...tag, 'aws:ResourceTag/eks:cluster-name': 'prod' } },
        { StringLike: { ...tag, 'aws:ResourceTag/node-drainer/cluster': 'prod' } },
        { StringLike: { ...tag, 'aws:ResourceTag/kubernetes.io/cluster/prod': '*' } },
      ],
    );
  });

  // The default lets the drainer complete hooks of every group of the account.
  test('with a ClusterName, only AnyGroup=true allows the hooks of groups without a tag of a cluster', () => {
    const keysOf = (parameters: Record<string, string>) =>
      hookStatements(parameters).map(({ condition }) => Object.entries(mapAt(condition, 'StringLike')));
    const all = { ...REQUIRED, ClusterName: '*' };
    // IAM matches no key by wildcard: a group whose only tag is kubernetes.io/cluster/NAME needs one of these.
    assert.deepEqual(keysOf(all), [
      [['aws:ResourceTag/eks:cluster-name', '*']],
      [['aws:ResourceTag/node-drainer/cluster', '*']],
      [['aws:ResourceTag/node-drainer/cluster', '*']],
    ]);
    const anywhere = [['aws:RequestedRegion', '*']];
    for (const parameters of [KUBECONFIG, { ...EKS, AnyGroup: 'true' }, { ...all, AnyGroup: 'true' }])
      assert.deepEqual(keysOf(parameters), [anywhere, anywhere, anywhere]);
  });

  // A drainer that nobody asked for it terminates instances.
  test('the task role terminates instances only with FinishRetained=true, and only of the same groups', () => {
    assert.ok(!actionsOf(drainer(EKS), 'TaskRole').includes(TERMINATE));
    for (const { actions } of hookStatements({ ...EKS, FinishRetained: 'true' }))
      assert.ok(actions.includes(TERMINATE));
  });

  // A policy is attached to a role that these tests do not check.
  test('every policy belongs to a role of the stack', () => {
    for (const [, parameters] of VARIANTS) {
      const stack = drainer(parameters);
      const policies = [...stack.resources.values()].filter(({ type }) => /^AWS::IAM::.*Policy$/.test(type));
      const roles = rolesOf(stack).map((id) => `${stack.name}-${id}`);
      for (const { type, properties } of policies) {
        assert.equal(type, 'AWS::IAM::Policy');
        assert.deepEqual(
          listAt(properties, 'Roles').filter((role) => !roles.includes(String(role))),
          [],
        );
      }
    }
  });

  // Tasks fail before their first log line, and no log says why.
  test('the execution role only pulls the image and writes to the log group of the task', () => {
    const stack = drainer();
    assert.deepEqual(actionsOf(stack, 'ExecutionRole'), [
      'ecr:BatchGetImage',
      'ecr:GetAuthorizationToken',
      'ecr:GetDownloadUrlForLayer',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
    ]);
    const container = at(resourceOf(stack, 'TaskDefinition').properties, 'ContainerDefinitions', 0);
    const group = textAt(container, 'LogConfiguration', 'Options', 'awslogs-group');
    const stream = `arn:aws:logs:eu-west-1:111122223333:log-group:${group}:log-stream:drain/drainer/1f2e`;
    assert.ok(allowing(stack, 'ExecutionRole', 'logs:PutLogEvents').resources.every((one) => matchesArn(one, stream)));
    const repository = 'arn:aws:ecr:eu-west-1:999900001111:repository/node-drainer';
    const limited = drainer({ ...EKS, ImageRepositoryArn: repository });
    assert.deepEqual(allowing(limited, 'ExecutionRole', 'ecr:BatchGetImage').resources, [repository]);
  });

  // A permission to describe becomes a permission for everything.
  test('no action has a wildcard, and only actions without resource-level permissions allow all resources', () => {
    for (const [, parameters] of VARIANTS) {
      const stack = drainer(parameters);
      const statements = rolesOf(stack).flatMap((role) => statementsOf(stack, role));
      assert.deepEqual(
        statements.flatMap(({ actions }) => actions).filter((action) => action.includes('*')),
        [],
      );
      assert.deepEqual(
        statements
          .filter(({ resources }) => resources.includes('*'))
          .flatMap(({ actions }) => actions)
          .sort(),
        [
          'autoscaling:DescribeAutoScalingGroups',
          'autoscaling:DescribeAutoScalingInstances',
          'autoscaling:DescribeAutoScalingInstances',
          'autoscaling:DescribeLifecycleHooks',
          'autoscaling:DescribeLifecycleHooks',
          'autoscaling:DescribeScalingActivities',
          'ec2:DescribeInstances',
          'ec2:DescribeTags',
          'ecr:GetAuthorizationToken',
          // The condition of both limits them to the ECS cluster.
          'ecs:DescribeTasks',
          'ecs:DescribeTasks',
          'ecs:ListTasks',
          'ecs:ListTasks',
          'elasticloadbalancing:DescribeTags',
          'elasticloadbalancing:DescribeTargetGroups',
          'elasticloadbalancing:DescribeTargetHealth',
        ],
      );
    }
  });

  // The stack deploys in China and GovCloud, but its policies allow nothing there.
  test('every ARN has the partition of the stack', () => {
    const parameters = { ...KUBECONFIG, AutoScalingGroupPrefix: 'w', EcsCluster: 'shared' };
    const arns = [...drainer(parameters, BEIJING).resources.values()].flatMap(({ properties }) =>
      [...membersOf(properties)].flatMap(([, value]) => String(value).match(/\barn:[\w-]+/g) ?? []),
    );
    assert.ok(arns.length > 20);
    assert.deepEqual([...new Set(arns)], ['arn:aws-cn']);
  });
});
