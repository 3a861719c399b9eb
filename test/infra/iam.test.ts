import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, listAt, textAt } from '../simulator/aws/json.ts';
import { actionsOf, allowing, covers, rolesOf, statementsOf } from './policies.ts';
import { BEIJING, drainer, EKS, KUBECONFIG, membersOf, VARIANTS } from './templates.ts';

const APP = fileURLToPath(new URL('../../app/', import.meta.url));
/** The clients of the SDK, and the prefix of their services' actions. */
const PREFIXES: Readonly<Record<string, string>> = {
  'client-auto-scaling': 'autoscaling',
  'client-ec2': 'ec2',
  'client-ecs': 'ecs',
  'client-eks': 'eks',
  'client-s3': 's3',
};

/** What RunTask needs besides: the task has roles, and tags. */
const WITH_RUN_TASK = ['ecs:TagResource', 'iam:PassRole'];

/** Which service an operation belongs to: the program takes each command of the SDK from one module, client by client. */
function prefixesOfOperations(): ReadonlyMap<string, string> {
  const source = readFileSync(new URL('aws/sdk.ts', `file://${APP}`), 'utf8');
  const exported = [...source.matchAll(/export \{([^}]+)\} from '@aws-sdk\/(client-[\w-]+)'/g)];
  return new Map(
    exported.flatMap(([, names = '', client = '']) => {
      const prefix = PREFIXES[client];
      assert.ok(prefix, `the actions of ${client} are known to this test`);
      return [...names.matchAll(/(\w+)Command\b/g)].map(([, operation = '']): [string, string] => [operation, prefix]);
    }),
  );
}

/** Every AWS operation that the program can call, as an IAM action: from the commands that it makes. */
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
  assert.deepEqual(new Set(actions.map((action) => action.split(':')[1])), new Set(prefixes.keys()), 'none to spare');
  return [...new Set(actions)].sort();
}

describe('what the roles may do', () => {
  const called = actionsOfTheProgram();

  // A drain ends in "access denied" at night, or a stolen task does more than draining.
  test('the task role allows every AWS operation that the program calls, and none besides', () => {
    assert.ok(called.length >= 7, 'the operations of the program are found');
    const without = (service: string, ...more: readonly string[]) =>
      [...called.filter((action) => !action.startsWith(`${service}:`)), ...WITH_RUN_TASK, ...more].sort();
    assert.deepEqual(actionsOf(drainer(EKS), 'TaskRole'), without('s3'));
    assert.deepEqual(actionsOf(drainer(KUBECONFIG), 'TaskRole'), without('eks'));
    assert.deepEqual(actionsOf(drainer({ ...EKS, ...KUBECONFIG }), 'TaskRole'), without('eks'));
    // S3 decrypts in the name of who reads.
    const [, everything = {}] = VARIANTS.at(-1) ?? [];
    assert.deepEqual(actionsOf(drainer(everything), 'TaskRole'), without('eks', 'kms:Decrypt'));
  });

  // The drainer reads other secrets of the bucket, or other clusters.
  test('the task role reads the one object, by its one key, and describes the one cluster', () => {
    const [, everything = {}] = VARIANTS.at(-1) ?? [];
    const stack = drainer(everything);
    assert.deepEqual(allowing(stack, 'TaskRole', 's3:GetObject').resources, ['arn:aws:s3:::configs/kube/config']);
    const decrypt = allowing(stack, 'TaskRole', 'kms:Decrypt');
    assert.deepEqual(decrypt.resources, [everything['KubeConfigKeyArn']]);
    assert.deepEqual(decrypt.condition, {
      StringEquals: {
        'kms:ViaService': 's3.eu-west-1.amazonaws.com',
        'kms:EncryptionContext:aws:s3:arn': ['arn:aws:s3:::configs/kube/config', 'arn:aws:s3:::configs'],
      },
    });
    assert.deepEqual(allowing(drainer(EKS), 'TaskRole', 'eks:DescribeCluster').resources, [
      'arn:aws:eks:eu-west-1:111122223333:cluster/prod',
    ]);
  });

  // The drainer of one team terminates the instances of another.
  test('only hooks of groups with the prefix, and with the tag, can be completed', () => {
    const arn = (group: string) =>
      `arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:1f2e:autoScalingGroupName/${group}`;
    const { resources, condition } = allowing(
      drainer({ ...EKS, AutoScalingGroupPrefix: 'workers-', AutoScalingGroupTag: 'prod' }),
      'TaskRole',
      'autoscaling:CompleteLifecycleAction',
    );
    assert.deepEqual(
      [arn('workers-a'), arn('databases'), arn('workers-a').replace('1111', '9999')].map((group) =>
        resources.some((resource) => covers(resource, group)),
      ),
      [true, false, false],
    );
    assert.deepEqual(condition, { StringEquals: { 'aws:ResourceTag/node-drainer': 'prod' } });
    const open = allowing(drainer(EKS), 'TaskRole', 'autoscaling:CompleteLifecycleAction');
    assert.ok(open.resources.some((resource) => covers(resource, arn('databases'))));
    assert.deepEqual(open.condition, {});
  });

  // A statement that no test here sees.
  test('no policy that is put into a role is put into another one, or into none', () => {
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

  // Tasks die before their first line, with no log that says why.
  test('the execution role pulls the image and writes the log group of the task, and nothing else', () => {
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
    assert.ok(allowing(stack, 'ExecutionRole', 'logs:PutLogEvents').resources.every((one) => covers(one, stream)));
    const repository = 'arn:aws:ecr:eu-west-1:999900001111:repository/node-drainer';
    const limited = drainer({ ...EKS, ImageRepositoryArn: repository });
    assert.deepEqual(allowing(limited, 'ExecutionRole', 'ecr:BatchGetImage').resources, [repository]);
  });

  // "describe" quietly becomes "anything".
  test('no action has a wildcard, and only what has no resources is allowed on all of them', () => {
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
          'autoscaling:DescribeLifecycleHooks',
          'autoscaling:DescribeScalingActivities',
          'ec2:DescribeInstances',
          'ecr:GetAuthorizationToken',
          'ecs:ListTasks',
        ],
      );
    }
  });

  // The template deploys in China and GovCloud, and allows nothing there.
  test('every ARN is of the partition that the stack is in', () => {
    const parameters = { ...KUBECONFIG, AutoScalingGroupPrefix: 'w', EcsCluster: 'shared' };
    const arns = [...drainer(parameters, BEIJING).resources.values()].flatMap(({ properties }) =>
      [...membersOf(properties)].flatMap(([, value]) => String(value).match(/\barn:[\w-]+/g) ?? []),
    );
    assert.ok(arns.length > 20);
    assert.deepEqual([...new Set(arns)], ['arn:aws-cn']);
  });
});
