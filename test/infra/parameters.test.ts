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
        const isOtherWord = parameter === 'DrainDaemonSets' && ['on', 'off'].includes(value);
        const isValid = !isOtherWord && v.safeParse(Settings.entries[setting], value).success;
        assert.equal(isAccepted, isValid, `${parameter}=${JSON.stringify(value)}`);
      }
    }
  });

  // A setting that the stack accepts is mistyped, and every drain ends with exit code 64 at night.
  test('further settings are those of the worker that no other parameter has', () => {
    const parameter = (Settings: string) => stack({ ...EKS, Settings });
    assert.deepEqual(parameter('UNBUDGETED=all SPREAD_SECONDS=60'), []);
    for (const value of ['UNBUDGETED', 'unbudgeted=all', 'UNBUDGETED=all,SPREAD_SECONDS=60', 'ENABLED=false', 'A=b'])
      assert.equal(parameter(value).length, 1, value);
    const text = templateText('drainer');
    const names = /AllowedPattern: '\^\(\(([A-Z_|]+)\)=/.exec(text)?.[1]?.split('|') ?? [];
    assert.ok(names.length > 0);
    for (const name of names) {
      assert.ok(name in Settings.entries, `${name} is a setting`);
      assert.ok(!text.includes(`{Name: ${name},`), `${name} has a parameter of its own`);
    }
  });

  // An object key of * lets the drainer read the whole bucket.
  test('wildcards and variables of IAM policies are refused', () => {
    for (const value of ['*', 'kube/conf?g', 'a$b']) {
      assert.equal(stack({ ...KUBECONFIG, KubeConfigObject: value }).length, 1, value);
      assert.equal(stack({ ...EKS, AutoScalingGroupPrefix: value }).length, 1, value);
      assert.equal(stack({ ...EKS, AutoScalingGroupTag: value }).length, 1, value);
    }
    for (const ClusterName of ['prod*', '**', 'a?b']) assert.equal(stack({ ...REQUIRED, ClusterName }).length, 1);
    const KubeConfigKeyArn = 'arn:aws:kms:eu-west-1:111122223333:alias/mine';
    assert.equal(stack({ ...KUBECONFIG, KubeConfigKeyArn }).length, 1, 'a policy cannot name an alias');
    assert.deepEqual(stack({ ...KUBECONFIG, KubeConfigObject: 'my clusters/prod (1).yaml' }), []);
  });

  // A quote in a name ends an expression of the state machines, or the JSON of a policy, and the stack fails or allows more.
  test('a group prefix, a tag or a proxy that would break an expression, JSON or a rule is refused', () => {
    for (const AutoScalingGroupPrefix of ['a"b', "a'b", 'a\\b', '<aws.scheduler.execution-id>'])
      assert.equal(stack({ ...EKS, AutoScalingGroupPrefix }).length, 1, AutoScalingGroupPrefix);
    for (const AutoScalingGroupTag of ['a"b', 'a\\b']) assert.equal(stack({ ...EKS, AutoScalingGroupTag }).length, 1);
    for (const HttpsProxy of ['proxy:3128', 'http://proxy', 'http://user:pw@proxy:3128', 'http://proxy:443'])
      assert.equal(stack({ ...EKS, HttpsProxy }).length, 1, HttpsProxy);
    for (const SweepHours of ['1', '5', '25', '-6', 'six'])
      assert.equal(stack({ ...EKS, SweepHours }).length, 1, SweepHours);
  });

  // The access entry of no cluster, or of *, fails the stack at its last resource.
  test('AccessEntry needs the name of one cluster', () => {
    assert.deepEqual(stack({ ...EKS, AccessEntry: 'true' }), []);
    for (const parameters of [KUBECONFIG, { ...REQUIRED, ClusterName: '*' }])
      assert.match(stack({ ...parameters, AccessEntry: 'true' }).join(), /AccessEntry needs one ClusterName/);
  });

  // EventBridge assigns a public address only with the launch type FARGATE: no task would ever start.
  // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_AwsVpcConfiguration.html
  test('FARGATE_SPOT with a public IP address is refused', () => {
    assert.deepEqual(stack({ ...EKS, CapacityProvider: 'FARGATE_SPOT' }), []);
    const parameters = { ...EKS, CapacityProvider: 'FARGATE_SPOT', AssignPublicIp: 'ENABLED' };
    assert.match(stack(parameters).join(), /no FARGATE_SPOT task with a public IP/);
  });

  // The security group and the subnets are in different VPCs, and every RunTask fails.
  test('subnets outside of the VPC are refused', () => {
    const vpcOfSubnet = { 'subnet-0fedcba9876543210': 'vpc-0fedcba9876543210' };
    const reasons = refusalReasons(() =>
      stackOf(templateText('drainer'), { parameters: EKS, context: IRELAND, vpcOfSubnet }),
    );
    assert.match(reasons.join(), /a subnet that is not in VpcId/);
  });

  /** What the template says where the worker has no default: no deadline, and the default for an instance. */
  const WITHOUT_DEFAULT: Readonly<Record<string, string>> = {
    Settings: '',
    DrainDeadlineSeconds: '0',
    LoadBalancerExclusion: 'end',
  };
  // The same as off.
  const SPELLED: Readonly<Record<string, string>> = { DrainDaemonSets: 'false' };

  // The table of settings is wrong for users of the stack.
  test('policies have the same defaults in the template and in the worker', () => {
    const declared = mapAt(template('drainer'), 'Parameters');
    const plain = (name: string) => name.replaceAll('_', '').toLowerCase();
    const policies = listAt(template('drainer'), 'Metadata', 'AWS::CloudFormation::Interface', 'ParameterGroups')
      .filter((group) => at(group, 'Label', 'default') === 'Policies')
      .flatMap((group) => listAt(group, 'Parameters'));
    assert.equal(policies.length, 16);
    const defaults = new Map(settingRows().map(({ name, defaultValue }) => [plain(name), defaultValue]));
    for (const policy of policies) {
      assert.equal(
        textAt(declared, String(policy), 'Default'),
        SPELLED[String(policy)] ?? (defaults.get(plain(String(policy))) || WITHOUT_DEFAULT[String(policy)]),
        String(policy),
      );
    }
  });

  // Deploy commands and Terraform modules fail.
  test('drainer.yaml has the parameters that users depend on', () => {
    const names = Object.keys(mapAt(template('drainer'), 'Parameters'));
    for (const name of [
      'ClusterName KubeConfigBucket KubeConfigObject VpcId SubnetIds Image LifecycleHookName AutoScalingGroupPrefix',
      'EcsCluster CpuArchitecture LogRetentionDays',
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
    const known: readonly string[] = [
      ...settingNames,
      // Of the platform, and for Look alone.
      ...['HTTPS_PROXY', 'NO_PROXY', 'WAITING_INSTANCES'],
    ];
    const text = templateText('drainer');
    const names = [...text.matchAll(/(?:"name": "|\{Name: |\{?')([A-Z]+_[A-Z_]+|REASON|RETAINED|ENABLED)\b/g)].map(
      ([, name = '']) => name,
    );
    assert.ok(names.length >= 40);
    assert.deepEqual(
      names.filter((name) => !known.includes(name)),
      [],
    );
  });
});
