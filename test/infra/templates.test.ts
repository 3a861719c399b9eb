import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { resourceOf, stackOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, isList, listAt, mapAt, textAt, type Value } from '../simulator/aws/json.ts';
import {
  drainer,
  EKS,
  IRELAND,
  importing,
  KUBECONFIG,
  membersOf,
  referencesOf,
  TEMPLATES,
  template,
  templateText,
  VARIANTS,
} from './templates.ts';

/** Resource types that hold data. */
const HOLDS_DATA =
  /^AWS::(Logs::LogGroup|SQS::Queue|SNS::Topic|S3::Bucket|DynamoDB::Table|KMS::Key|SecretsManager::Secret)$/;

describe('templates, beyond the checks of cfn-lint', () => {
  for (const [what, parameters] of VARIANTS) {
    const { properties } = resourceOf(drainer(parameters), 'TaskDefinition');
    const container = at(properties, 'ContainerDefinitions', 0);

    // The stack is created, but every RunTask fails.
    test(`the task definition is valid for Fargate: ${what}`, () => {
      assert.equal(listAt(properties, 'ContainerDefinitions').length, 1);
      const stopTimeout = Number(textAt(container, 'StopTimeout'));
      assert.ok(stopTimeout >= 30 && stopTimeout <= 120);
      assert.equal(textAt(properties, 'NetworkMode'), 'awsvpc');
      assert.deepEqual([textAt(properties, 'Cpu'), textAt(properties, 'Memory')], ['256', '512']);
      assert.ok(Number(at(container, 'Memory') ?? 0) <= 512);
      // Private images and logs need an execution role.
      assert.match(textAt(properties, 'ExecutionRoleArn'), /^arn:/);
      assert.equal(textAt(container, 'LogConfiguration', 'LogDriver'), 'awslogs');
      assert.equal(textAt(container, 'LogConfiguration', 'Options', 'mode'), 'non-blocking');
    });

    // An attacker in the container can write files or gain privileges.
    test(`the container has a read-only root, an unprivileged user, no capabilities and an init process: ${what}`, () => {
      assert.equal(at(container, 'ReadonlyRootFilesystem'), true);
      assert.match(textAt(container, 'User'), /^[1-9]\d*:[1-9]\d*$/);
      assert.equal(at(container, 'LinuxParameters', 'InitProcessEnabled'), true);
      assert.deepEqual(at(container, 'LinuxParameters', 'Capabilities'), { Drop: ['ALL'] });
    });

    // PutTargets accepts the target, but no task ever starts.
    test(`the target starts one Fargate task in the network of the stack: ${what}`, () => {
      const [target, ...others] = listAt(resourceOf(drainer(parameters), 'TerminationRule').properties, 'Targets');
      assert.equal(others.length, 0);
      const isSpot = parameters['CapacityProvider'] === 'FARGATE_SPOT';
      // Exactly one of the two: PutTargets refuses both together, and with neither of them no task ever starts.
      assert.deepEqual(
        [at(target, 'EcsParameters', 'LaunchType'), at(target, 'EcsParameters', 'CapacityProviderStrategy')],
        isSpot ? [undefined, [{ CapacityProvider: 'FARGATE_SPOT', Weight: 1 }]] : ['FARGATE', undefined],
      );
      assert.deepEqual(at(target, 'EcsParameters', 'NetworkConfiguration', 'AwsVpcConfiguration'), {
        Subnets: ['subnet-0123456789abcdef0', 'subnet-0fedcba9876543210'],
        SecurityGroups: ['sg-0123456789abcdef0'],
        AssignPublicIp: parameters['AssignPublicIp'] ?? 'DISABLED',
      });
      const cluster = parameters['EcsCluster'] ?? 'node-drainer-Cluster';
      assert.equal(textAt(target, 'Arn'), `arn:aws:ecs:eu-west-1:111122223333:cluster/${cluster}`);
    });
  }

  // PutTargets fails during stack creation, or a field of the event never arrives.
  test('each input template uses exactly the variables of its input paths', () => {
    for (const name of ['drainer', 'ec2-events'] as const) {
      const transformers = [...membersOf(template(name))].filter(([path]) => path.at(-1) === 'InputTransformer');
      assert.equal(transformers.length, name === 'drainer' ? 2 : 5);
      for (const [, transformer] of transformers) {
        const text = JSON.stringify(at(transformer, 'InputTemplate'));
        const used = [...text.matchAll(/<([^<>]+)>/g)].map(([, name]) => name);
        assert.deepEqual([...new Set(used)].sort(), Object.keys(mapAt(transformer, 'InputPathsMap')).sort());
      }
    }
  });

  // With FARGATE_SPOT every RunTask fails; or Container Insights, which an account can enable for new clusters, costs more
  // than the drains. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-container-insights.html
  test('the ECS cluster has the capacity provider that is used, and no Container Insights', () => {
    const ClusterSettings = [{ Name: 'containerInsights', Value: 'disabled' }];
    assert.deepEqual(resourceOf(drainer(), 'Cluster').properties, { ClusterSettings });
    const spot = drainer({ ...EKS, CapacityProvider: 'FARGATE_SPOT' });
    assert.deepEqual(at(resourceOf(spot, 'Cluster').properties, 'CapacityProviders'), ['FARGATE_SPOT']);
  });

  // A typo in a rarely used branch fails the deployments that use it.
  test('every reference and condition is defined, and every condition is used', () => {
    for (const name of TEMPLATES) {
      const document = template(name);
      const known = [...Object.keys(mapAt(document, 'Parameters')), ...Object.keys(mapAt(document, 'Resources'))];
      const missing = referencesOf(document).filter((one) => !one.startsWith('AWS::') && !known.includes(one));
      assert.deepEqual(missing, [], name);
      const conditions = Object.keys(mapAt(document, 'Conditions'));
      assert.deepEqual(
        conditions.filter((condition) => !/^(Has|Is)[A-Z]/.test(condition)),
        [],
      );
      const used = new Set([...membersOf(document)].flatMap(conditionNamed));
      assert.deepEqual([...used].sort(), [...conditions].sort(), `${name}: every condition is defined and used`);
    }
  });

  // Deleting the stack deletes the logs that explain why a drain failed.
  test('every resource with data has a deletion policy', () => {
    const resources = TEMPLATES.flatMap((name) => Object.entries(mapAt(template(name), 'Resources')));
    const holding = resources.filter(([, resource]) => HOLDS_DATA.test(textAt(resource, 'Type')));
    assert.deepEqual(
      holding.map(([id, resource]) => [id, at(resource, 'DeletionPolicy'), at(resource, 'UpdateReplacePolicy')]),
      [
        ['DeadLetterQueue', 'Delete', 'Delete'],
        ['LogGroup', 'Retain', 'Retain'],
        ['Topic', 'Delete', 'Delete'],
      ],
    );
  });

  // A compromised task can reach everything in the VPC.
  test('the security group allows no ingress, and egress only to the ports of the APIs', () => {
    const portsOf = (parameters: Record<string, string>) => {
      const { properties } = resourceOf(drainer(parameters), 'SecurityGroup');
      assert.equal(at(properties, 'SecurityGroupIngress'), undefined);
      return listAt(properties, 'SecurityGroupEgress').map((rule) =>
        ['IpProtocol', 'FromPort', 'ToPort'].map((field) => textAt(rule, field)).join(' '),
      );
    };
    assert.deepEqual(portsOf(EKS), ['tcp 443 443', 'tcp 443 443']);
    assert.deepEqual(portsOf({ ...KUBECONFIG, ApiServerPort: '6443' }).at(-1), 'tcp 6443 6443');
    const own = { ...EKS, DnsCidr: '10.0.0.0/16', HttpsProxy: 'http://proxy.example.com:3128' };
    assert.deepEqual(portsOf(own).slice(2), ['tcp 3128 3128', 'udp 53 53', 'tcp 53 53']);
  });

  // A private endpoint refuses the connection, and every drain fails.
  test('ClusterSecurityGroupId opens port 443 of the cluster to the tasks', () => {
    const stack = drainer({ ...EKS, ClusterSecurityGroupId: 'sg-0fedcba9876543210' });
    assert.deepEqual(resourceOf(stack, 'ClusterIngress').properties, {
      GroupId: 'sg-0fedcba9876543210',
      IpProtocol: 'tcp',
      FromPort: 443,
      ToPort: 443,
      SourceSecurityGroupId: 'sg-0123456789abcdef0',
      Description: 'node drainer',
    });
    assert.ok(!drainer().resources.has('ClusterIngress'));
  });

  // A paused stack goes on draining, or the next deployment resumes it.
  test('Enabled=false disables each rule and schedule, and tells the tasks', () => {
    const stateOf = (Enabled: string) =>
      [...drainer({ ...EKS, Enabled }).resources.values()]
        .filter(({ type }) => /Rule$|Schedule$/.test(type))
        .map(({ properties }) => textAt(properties, 'State'));
    assert.deepEqual(
      stateOf('true'),
      Array.from({ length: 5 }, () => 'ENABLED'),
    );
    assert.deepEqual(
      stateOf('false'),
      Array.from({ length: 5 }, () => 'DISABLED'),
    );
    const task = resourceOf(drainer({ ...EKS, Enabled: 'false' }), 'TaskDefinition').properties;
    const environment = listAt(task, 'ContainerDefinitions', 0, 'Environment');
    assert.ok(environment.some((one) => at(one, 'Name') === 'ENABLED' && at(one, 'Value') === 'false'));
  });

  // A key of the organisation is required, and logs are written with another one.
  test('the log group has the key of LogsKeyArn', () => {
    const LogsKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    assert.equal(at(resourceOf(drainer({ ...EKS, LogsKeyArn }), 'LogGroup').properties, 'KmsKeyId'), LogsKeyArn);
    assert.equal(at(resourceOf(drainer(), 'LogGroup').properties, 'KmsKeyId'), undefined);
  });

  // The alarm goes off when the instance is already gone.
  test('an undelivered event goes to the dead-letter queue before half of the hook timeout has passed', () => {
    const [target] = listAt(resourceOf(drainer(), 'TerminationRule').properties, 'Targets');
    const age = Number(textAt(target, 'RetryPolicy', 'MaximumEventAgeInSeconds'));
    const timeout = Number(textAt(template('lifecycle-hook'), 'Parameters', 'HeartbeatTimeout', 'Default'));
    assert.ok(age >= 60 && age <= timeout / 2);
  });

  // Drains end early after 100 heartbeat timeouts, or never start.
  test("the hook can last 48 hours, has the rule's hook name, and is for terminations", () => {
    const parameters = { AutoScalingGroupName: 'workers' };
    const { properties } = resourceOf(
      stackOf(templateText('lifecycle-hook'), { parameters, context: IRELAND }),
      'Hook',
    );
    assert.ok(100 * Number(textAt(properties, 'HeartbeatTimeout')) >= 48 * 3600);
    assert.equal(textAt(properties, 'LifecycleTransition'), 'autoscaling:EC2_INSTANCE_TERMINATING');
    assert.deepEqual(
      at(resourceOf(drainer(), 'TerminationRule').properties, 'EventPattern', 'detail', 'LifecycleHookName'),
      [textAt(properties, 'LifecycleHookName')],
    );
  });

  // `aws cloudformation deploy --template-file` refuses the template, and asks for a bucket that nobody has.
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
  test('every template can be deployed without an S3 bucket', () => {
    for (const name of TEMPLATES) {
      const bytes = Buffer.byteLength(templateText(name));
      assert.ok(bytes < 45_000, `${name} has ${bytes} bytes; the limit is 51,200, and a tool may add some`);
    }
  });

  // EKS refuses the entry (system:…), or the drainer authenticates but has no permissions.
  test('the access entry maps the task role to the group that the RBAC manifest binds', () => {
    const TaskRoleArn = drainer().outputs['TaskRoleArn'] ?? '';
    const stack = importing('cluster-access', { ClusterName: 'prod' });
    const { properties } = resourceOf(stack, 'AccessEntry');
    const within = resourceOf(drainer({ ...EKS, AccessEntry: 'true' }), 'ClusterAccess');
    assert.deepEqual(within.properties, properties, 'the same entry as inside of the stack');
    assert.ok(!drainer().resources.has('ClusterAccess'));
    const groups = listAt(properties, 'KubernetesGroups').map(String);
    assert.deepEqual(
      groups.filter((group) => group.startsWith('system:')),
      [],
    );
    assert.equal(textAt(properties, 'PrincipalArn'), TaskRoleArn);
    // A user name with {{SessionName}} needs a colon before it, and must not have a prefix that EKS reserves.
    assert.match(textAt(properties, 'Username'), /^(?!system:|eks:|aws:|amazon:|iam:)[^{]+:\{\{SessionName\}\}$/);
    const bound = manifest('rbac').flatMap((object) => listAt(object, 'subjects'));
    const boundGroups = bound.filter((subject) => at(subject, 'kind') === 'Group').map((one) => textAt(one, 'name'));
    assert.deepEqual(groups, boundGroups);
  });

  // Drains that may not use leases go on without a limit, although the manifest was applied.
  test('slots.yaml gives the subjects of rbac.yaml the rights for leases in its own namespace', () => {
    const [namespace, role, binding, ...others] = manifest('slots');
    assert.equal(others.length, 0);
    const name = textAt(namespace, 'metadata', 'name');
    for (const object of [role, binding]) assert.equal(textAt(object, 'metadata', 'namespace'), name);
    assert.equal(textAt(binding, 'roleRef', 'name'), textAt(role, 'metadata', 'name'));
    const bound = manifest('rbac').flatMap((object) => listAt(object, 'subjects'));
    assert.deepEqual(listAt(binding, 'subjects'), bound);
  });

  // The drains share a priority level with all other clients, although the manifest was applied.
  test('the flow schema gives the subjects of the RBAC manifest a priority level of their own', () => {
    const [level, schema, ...others] = manifest('flowschema');
    assert.equal(others.length, 0);
    for (const object of [level, schema]) {
      assert.equal(textAt(object, 'apiVersion'), 'flowcontrol.apiserver.k8s.io/v1');
    }
    assert.equal(textAt(level, 'kind'), 'PriorityLevelConfiguration');
    assert.equal(textAt(schema, 'kind'), 'FlowSchema');
    assert.equal(textAt(schema, 'spec', 'priorityLevelConfiguration', 'name'), textAt(level, 'metadata', 'name'));
    const [rule, ...otherRules] = listAt(schema, 'spec', 'rules');
    assert.equal(otherRules.length, 0);
    const subjects = listAt(rule, 'subjects').map((subject) => {
      const kind = textAt(subject, 'kind');
      return [kind, textAt(subject, kind.toLowerCase(), 'name')];
    });
    const bound = manifest('rbac').flatMap((object) => listAt(object, 'subjects'));
    assert.deepEqual(
      subjects,
      bound.map((subject) => [textAt(subject, 'kind'), textAt(subject, 'name')]),
    );
    // Every request of theirs: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/flow-schema-v1/
    const all = ['*'];
    assert.deepEqual(listAt(rule, 'resourceRules'), [
      { verbs: all, apiGroups: all, resources: all, clusterScope: true, namespaces: all },
    ]);
    assert.deepEqual(listAt(rule, 'nonResourceRules'), [{ verbs: all, nonResourceURLs: all }]);
    // Between the schemas of the system (up to 1000) and those of service accounts (9000).
    const precedence = Number(textAt(schema, 'spec', 'matchingPrecedence'));
    assert.ok(precedence > 1_000 && precedence < 9_000, `precedence ${precedence}`);
    // A small share: the default levels have 245.
    assert.ok(Number(textAt(level, 'spec', 'limited', 'nominalConcurrencyShares')) <= 10);
  });

  // A parameter of drainer.yaml can no longer be changed: CloudFormation refuses to change an export that is imported.
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
  test('no export depends on a parameter, and other templates import only exports', () => {
    const { exports } = drainer();
    for (const [what, parameters] of VARIANTS) assert.deepEqual(drainer(parameters).exports, exports, what);
    for (const name of Object.keys(exports)) assert.match(name, /^node-drainer-[A-Z]/);
    for (const [name, parameters] of [
      ['alarms', {}],
      ['ec2-events', { SpotInterruptions: 'drain', StoppedInstances: 'drain', ScheduledChanges: 'drain' }],
      ['cluster-access', { ClusterName: 'prod' }],
    ] as const) {
      assert.ok(importing(name, parameters).resources.size > 0, name);
      const other = { ...parameters, DrainerName: 'other' };
      assert.throws(() => importing(name, other), /No export named other-/, name);
    }
  });

  // The next command in the README lacks its input.
  test('every output is described, and has a value', () => {
    for (const name of TEMPLATES) {
      for (const output of Object.values(mapAt(template(name), 'Outputs')))
        assert.match(textAt(output, 'Description'), /\.$/);
    }
    for (const [, parameters] of VARIANTS) {
      const { outputs } = drainer(parameters);
      assert.equal(outputs['TaskRoleArn'], 'arn:aws:iam::111122223333:role/node-drainer-TaskRole');
      assert.equal(outputs['EcsClusterName'], parameters['EcsCluster'] ?? 'node-drainer-Cluster');
      assert.ok(!Object.values(outputs).includes('undefined'));
    }
  });
});

/** The objects of a manifest in infra/kubernetes. */
function manifest(name: string): Value[] {
  const text = readFileSync(new URL(`../../infra/kubernetes/${name}.yaml`, import.meta.url), 'utf8');
  return parseAllDocuments(text).map((document): Value => document.toJS());
}

function conditionNamed([path, value]: [readonly string[], Value]): string[] {
  const name = path.at(-1);
  if (name === 'Fn::If' && isList(value)) return [String(value[0])];
  // Not the conditions of policies and of state machines.
  return name === 'Condition' && typeof value === 'string' && !value.startsWith('{%') ? [value] : [];
}
