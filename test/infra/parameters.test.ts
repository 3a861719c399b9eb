import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as v from 'valibot';
import { settingRows } from '../../app/config/command-settings.ts';
import { Settings, settingNames } from '../../app/config/settings.ts';
import { TemplateValidationError } from '../simulator/aws/cloudformation/parameters.ts';
import { stackOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, isMap, listAt, mapAt, textAt } from '../simulator/aws/json.ts';
import {
  drainer,
  EKS,
  IRELAND,
  KUBECONFIG,
  REQUIRED,
  referencesOf,
  TEMPLATES,
  template,
  templateText,
} from './templates.ts';

/** Why a template refuses parameters; empty if it accepts them. */
function refusalReasons(make: () => unknown): readonly string[] {
  try {
    make();
    return [];
  } catch (error) {
    if (error instanceof TemplateValidationError) return error.reasons;
    throw error;
  }
}

const hook = (parameters: Record<string, string>) =>
  refusalReasons(() =>
    stackOf(templateText('lifecycle-hook'), {
      parameters: { AutoScalingGroupName: 'workers', ...parameters },
      context: IRELAND,
    }),
  );
const stack = (parameters: Record<string, string>) => refusalReasons(() => drainer(parameters));

describe('parameters', () => {
  // The stack fails during creation. With 0 the group does not wait at all; with 30 s the hook times out before a task starts.
  test('a hook timeout that Auto Scaling does not allow, or that is too short for a sweep, is refused', () => {
    for (const bad of ['29', '30', '599', '7201', '0', '-30', 'an hour', ''])
      assert.equal(hook({ HeartbeatTimeout: bad }).length, 1, bad);
    for (const good of ['600', '1800', '7200']) assert.deepEqual(hook({ HeartbeatTimeout: good }), [], good);
    assert.equal(hook({ DefaultResult: 'RETRY' }).length, 1);
  });

  // Every drain exits with 64, and instances are terminated without a drain.
  test('a kubeconfig bucket without an object, or an object without a bucket, is refused', () => {
    const { KubeConfigBucket, KubeConfigObject } = KUBECONFIG;
    assert.match(stack({ ...EKS, KubeConfigBucket }).join(), /go together/);
    assert.match(stack({ ...EKS, KubeConfigObject }).join(), /go together/);
    assert.deepEqual(stack({ ...EKS, KubeConfigBucket, KubeConfigObject }), []);
    const KubeConfigKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    assert.match(stack({ ...EKS, KubeConfigKeyArn }).join(), /KubeConfigBucket is missing/);
  });

  // The stack is created, but drains nothing.
  test('parameters with neither a cluster nor a kubeconfig are refused', () => {
    assert.match(stack(REQUIRED).join(), /No cluster is named/);
    assert.deepEqual(stack(EKS), []);
    assert.deepEqual(stack(KUBECONFIG), []);
  });

  // The first termination, at night, reveals a mistyped parameter.
  test('the template refuses exactly the values that the worker refuses', () => {
    const settingOf: Readonly<Record<string, keyof typeof Settings.entries>> = {
      ClusterName: 'CLUSTER_NAME',
      KubeConfigBucket: 'KUBE_CONFIG_BUCKET',
      LifecycleHookName: 'LIFECYCLE_HOOK_NAME',
      MissingNode: 'MISSING_NODE',
      UnprovenNode: 'UNPROVEN_NODE',
      OnFailure: 'ON_FAILURE',
      OnDeadline: 'ON_DEADLINE',
      LoadBalancerExclusion: 'LOAD_BALANCER_EXCLUSION',
      LoadBalancerSeconds: 'LOAD_BALANCER_SECONDS',
      DrainDeadlineSeconds: 'DRAIN_DEADLINE_SECONDS',
      VolumeDetachTimeoutSeconds: 'VOLUME_DETACH_TIMEOUT_SECONDS',
      DrainDaemonSets: 'DRAIN_DAEMONSETS',
      DoNotDisruptSeconds: 'DO_NOT_DISRUPT_SECONDS',
      WaitForCapacity: 'WAIT_FOR_CAPACITY',
      WaitForCapacitySeconds: 'WAIT_FOR_CAPACITY_SECONDS',
      LastResort: 'LAST_RESORT',
      LastResortSeconds: 'LAST_RESORT_SECONDS',
      FinalizerSeconds: 'FINALIZER_SECONDS',
    };
    const values = [
      'prod',
      'Prod_1',
      '-prod',
      'a b',
      'x'.repeat(101),
      'x'.repeat(256),
      'UPPER',
      'my.bucket',
      'a/b',
      'ä',
    ]
      .concat([
        'continue',
        'abandon',
        'leave',
        'force',
        'auto',
        'refuse',
        'accept',
        'delete',
        'evict',
        'start',
        'end',
        'on',
        'off',
        'ON',
        '1',
        '99',
        '999',
        '1000',
        '2999',
        '3599',
        '3600',
        '3601',
        '4000',
        '9999',
        '99999',
        '169999',
        '171999',
        '172799',
        '172800',
        '172801',
        '1.5',
        '1e3',
        '-1',
      ])
      .concat(['true', 'false', 'a\n', 'ab', 'abc-', `a${'b'.repeat(62)}`, `a${'b'.repeat(63)}`]);
    for (const [parameter, setting] of Object.entries(settingOf)) {
      for (const value of values) {
        const isAccepted = !stack({ ...KUBECONFIG, ClusterName: 'prod', [parameter]: value }).some((reason) =>
          reason.startsWith(`Parameter ${parameter} `),
        );
        const isValid = v.safeParse(Settings.entries[setting], value).success;
        assert.equal(isAccepted, isValid, `${parameter}=${JSON.stringify(value)}`);
      }
    }
  });

  // An object key of * lets the drainer read the whole bucket.
  test('wildcards and variables of IAM policies are refused', () => {
    for (const value of ['*', 'kube/conf?g', 'a$b']) {
      assert.equal(stack({ ...KUBECONFIG, KubeConfigObject: value }).length, 1, value);
      assert.equal(stack({ ...EKS, AutoScalingGroupPrefix: value }).length, 1, value);
      assert.equal(stack({ ...EKS, AutoScalingGroupTag: value }).length, 1, value);
    }
    assert.deepEqual(stack({ ...KUBECONFIG, KubeConfigObject: 'my clusters/prod (1).yaml' }), []);
  });

  /** What the template says where the worker has no default: no deadline, and the default for an instance. */
  const WITHOUT_DEFAULT: Readonly<Record<string, string>> = { DrainDeadlineSeconds: '0', LoadBalancerExclusion: 'end' };

  // The README's table of settings is wrong for users of the stack.
  test('policies have the same defaults in the template and in the worker', () => {
    const declared = mapAt(template('drainer'), 'Parameters');
    const plain = (name: string) => name.replaceAll('_', '').toLowerCase();
    const policies = listAt(template('drainer'), 'Metadata', 'AWS::CloudFormation::Interface', 'ParameterGroups')
      .filter((group) => at(group, 'Label', 'default') === 'Policies')
      .flatMap((group) => listAt(group, 'Parameters'));
    assert.equal(policies.length, 15);
    const defaults = new Map(settingRows().map(({ name, defaultValue }) => [plain(name), defaultValue]));
    for (const policy of policies) {
      assert.equal(
        textAt(declared, String(policy), 'Default'),
        defaults.get(plain(String(policy))) || WITHOUT_DEFAULT[String(policy)],
        String(policy),
      );
    }
  });

  // Existing deploy commands and Terraform modules fail.
  test('drainer.yaml has the parameters that users depend on', () => {
    const names = Object.keys(mapAt(template('drainer'), 'Parameters'));
    for (const name of [
      'ClusterName KubeConfigBucket KubeConfigObject VpcId SubnetIds Image LifecycleHookName AutoScalingGroupPrefix',
      'EcsCluster CpuArchitecture LogRetentionDays AlarmEmail',
    ].flatMap((line) => line.split(' '))) {
      assert.ok(names.includes(name), name);
    }
  });

  for (const name of TEMPLATES) {
    // The console shows an unsorted list of names, some without effect.
    test(`${name}.yaml: every parameter is described, grouped and used`, () => {
      const document = template(name);
      const parameters = mapAt(document, 'Parameters');
      const grouped = listAt(document, 'Metadata', 'AWS::CloudFormation::Interface', 'ParameterGroups').flatMap(
        (group) => listAt(group, 'Parameters').map(String),
      );
      assert.deepEqual(grouped, Object.keys(parameters), 'grouped, in the order of the groups');
      const used = new Set(referencesOf({ ...document, Parameters: {}, Rules: {} }));
      for (const [parameter, declaration] of Object.entries(parameters)) {
        assert.match(textAt(declaration, 'Description'), /^.{20,}$/s, parameter);
        assert.ok(used.has(parameter), `${parameter} is used`);
        const isConstrained = ['AllowedPattern', 'AllowedValues', 'MinValue'].some((constraint) =>
          isMap(declaration) ? Object.hasOwn(declaration, constraint) : false,
        );
        assert.ok(isConstrained || /AWS::/.test(textAt(declaration, 'Type')), `${parameter} is constrained`);
      }
    });
  }

  // The worker ignores a misspelt variable, and its parameter has no effect.
  test('the worker knows every setting of the task definition', () => {
    const known: readonly string[] = settingNames;
    const text = templateText('drainer');
    const names = [...text.matchAll(/(?:"name": "|\{ Name: )([A-Z_]{3,})\b/g)].map(([, name = '']) => name);
    assert.ok(names.length >= 13);
    assert.deepEqual(
      names.filter((name) => !known.includes(name)),
      [],
    );
  });
});
