import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../../app/config/cli.ts';
import { DRAIN_SETTINGS, settingRows, UNDO_SETTINGS } from '../../../app/config/command-settings.ts';
import { type Config, readConfig } from '../../../app/config/drain-config.ts';
import { ConfigErrors, configErrorText } from '../../../app/config/setting-values.ts';

const ID = 'i-0123456789abcdef0';
const GOOD = { INSTANCE_ID: ID, CLUSTER_NAME: 'prod', AWS_REGION: 'eu-central-1' };
type Environment = Record<string, string>;

function read(environment: Environment, ...flags: string[]): Config {
  const line = readCommandLine(['drain', ...flags]);
  assert.ok(line.command === 'drain');
  return readConfig(environment, line.flags, line.errors);
}

function errors(environment: Environment, ...flags: string[]): readonly string[] {
  try {
    read(environment, ...flags);
  } catch (error) {
    assert.ok(error instanceof ConfigErrors);
    return error.errors;
  }
  return [];
}

// A default changes unnoticed.
test('settings that are not given have their defaults', () => {
  assert.deepEqual(read(GOOD), {
    target: { kind: 'instance', instanceId: ID, region: 'eu-central-1', action: {} },
    cluster: { kind: 'eks', name: 'prod', region: 'eu-central-1' },
    reason: 'termination',
    finishRetained: false,
    paused: false,
    onlyDrained: false,
    warnings: [],
    dryRun: false,
    force: false,
    connectTimeoutMs: 120_000,
    loadBalancerExclusion: 'end',
    loadBalancerMs: 30_000,
    targetsMs: 300_000,
    unprovenNode: 'refuse',
    volumeDetachTimeoutMs: 300_000,
    drainDaemonSets: false,
    doNotDisruptMs: 0,
    maxConcurrentDrains: 0,
    concurrencyKey: 'cluster',
    lastResortMs: 30_000,
    lastResort: 'delete',
    finalizerMs: 300_000,
    spreadMs: 300_000,
    surge: 'off',
    evictionApi: 'auto',
    policies: { missingNode: 'auto', onFailure: 'leave', onDeadline: 'continue' },
    generation: 0,
  });
});

// A setting that is documented and ignored.
test('every setting is read', () => {
  const config = read({
    ...GOOD,
    AUTO_SCALING_GROUP_NAME: 'my nodes/eu',
    LIFECYCLE_HOOK_NAME: 'drainer',
    LIFECYCLE_ACTION_TOKEN: '87654321-4321-4321-4321-210987654321',
    LIFECYCLE_DESTINATION: 'WarmPool',
    DRAIN_TIME: '2026-01-31T12:34:56.789Z',
    CONNECT_TIMEOUT_SECONDS: '7',
    LOAD_BALANCER_EXCLUSION: 'start',
    LOAD_BALANCER_SECONDS: '180',
    UNPROVEN_NODE: 'accept',
    VOLUME_DETACH_TIMEOUT_SECONDS: '0',
    DRAIN_DAEMONSETS: 'true',
    DO_NOT_DISRUPT_SECONDS: '900',
    WAIT_FOR_CAPACITY: 'on',
    WAIT_FOR_CAPACITY_SECONDS: '60',
    MAX_CONCURRENT_DRAINS: '1000',
    CONCURRENCY_KEY: 'zone',
    LAST_RESORT_SECONDS: '0',
    LAST_RESORT: 'evict',
    FINALIZER_SECONDS: '0',
    MISSING_NODE: 'abandon',
    ON_FAILURE: 'continue',
    DRAIN_DEADLINE_SECONDS: '3600',
    ON_DEADLINE: 'force',
  });
  assert.ok(config.target.kind === 'instance');
  assert.deepEqual(config.target.action, {
    group: 'my nodes/eu',
    hook: 'drainer',
    token: '87654321-4321-4321-4321-210987654321',
    destination: 'WarmPool',
  });
  assert.deepEqual(config.policies, { missingNode: 'abandon', onFailure: 'continue', onDeadline: 'force' });
  assert.deepEqual([config.connectTimeoutMs, config.drainDeadlineMs], [7_000, 3_600_000]);
  assert.deepEqual([config.loadBalancerExclusion, config.loadBalancerMs], ['start', 180_000]);
  assert.deepEqual([config.unprovenNode, config.lastResort, config.finalizerMs], ['accept', 'evict', 0]);
  assert.equal(config.drainDaemonSets, true);
  assert.deepEqual([config.volumeDetachTimeoutMs, config.lastResortMs], [0, 0]);
  assert.deepEqual([config.doNotDisruptMs, config.capacityTimeoutMs], [900_000, 60_000]);
  assert.deepEqual([config.maxConcurrentDrains, config.concurrencyKey], [1_000, 'zone']);
  assert.equal(config.drainStartedAt, Date.UTC(2026, 0, 31, 12, 34, 56, 789));
});

// A number that is half parsed ("10d" as 10), or a mistyped policy, has an unintended effect.
test('an invalid value is an error that names the setting and the value', () => {
  const bad: [name: string, values: string[]][] = [
    [
      'INSTANCE_ID',
      ['i-123', 'i-0123456789ABCDEF0', 'i-0123456789abcdef01', 'mi-0123456789abcdef0', `${ID}\n`, ` ${ID}`],
    ],
    ['CLUSTER_NAME', ['-a', 'a.b', 'x'.repeat(101)]],
    ['AWS_REGION', ['eu', 'eu-central', 'EU-CENTRAL-1', 'eu-central-1a', 'eu-central-1.evil.com']],
    ['AWS_ENDPOINT_URL', ['localhost:4566', 'ftp://x', 'http://', '/x']],
    ['CONNECT_TIMEOUT_SECONDS', ['0', '-1', '1.5', '10d', '1e3', '3601', '2h', '61m', 'm', '1m30s', ' 5', '0x10']],
    ['DRAIN_DEADLINE_SECONDS', ['0', '172801', '99999999999', 'none']],
    ['LOAD_BALANCER_EXCLUSION', ['true', 'on', 'END', 'start ']],
    ['LOAD_BALANCER_SECONDS', ['-1', '30 s', '3601', '1.5']],
    ['WAIT_FOR_TARGETS', ['yes', 'ON', '300']],
    ['TARGETS_SECONDS', ['0', '3601', '5 min']],
    ['UNPROVEN_NODE', ['on', 'Accept', 'reject']],
    ['DRAIN_DAEMONSETS', ['yes', 'True', 'ON']],
    ['WAIT_FOR_CAPACITY', ['true', '600']],
    ['WAIT_FOR_CAPACITY_SECONDS', ['0', '172801']],
    ['MAX_CONCURRENT_DRAINS', ['-1', '1001', '2.5', 'all']],
    ['CONCURRENCY_KEY', ['node', 'Zone']],
    ['VOLUME_DETACH_TIMEOUT_SECONDS', ['-1', '49h', '172801']],
    ['DO_NOT_DISRUPT_SECONDS', ['never', '172801']],
    ['LAST_RESORT_SECONDS', ['-120', '172801']],
    ['LAST_RESORT', ['force', 'Delete', 'off']],
    ['FINALIZER_SECONDS', ['-1', '49h', '172801']],
    ['MISSING_NODE', ['leave', 'Continue', 'AUTO']],
    ['ON_FAILURE', ['force', 'ABANDON']],
    ['ON_DEADLINE', ['leave']],
    ['REASON', ['spot', 'Termination']],
    ['RETAINED', ['true', 'Finish']],
    ['ENABLED', ['yes', 'OFF', '1']],
  ];
  for (const [name, values] of bad) {
    for (const value of values) {
      const found = errors({ ...GOOD, [name]: value });
      assert.equal(found.length, 1, `${name}=${value}: ${found.join('; ')}`);
      const shown = JSON.stringify(value).slice(1, -1);
      assert.ok(found[0]?.startsWith(`${name} ('${shown}') must be `), found[0]);
    }
  }
});

// AWS adds a destination, or changes the form of its tokens: every termination from then on would end with exit code 64.
test('an invalid value that an event has put into the environment is a warning, and is looked up; a person who types it is told', () => {
  const bad: [name: string, values: string[]][] = [
    ['AUTO_SCALING_GROUP_NAME', ['a:b', 'x'.repeat(256), 'a\u0000b']],
    ['LIFECYCLE_HOOK_NAME', ['a b', 'ä', 'x'.repeat(256)]],
    ['LIFECYCLE_ACTION_TOKEN', ['1234']],
    ['LIFECYCLE_DESTINATION', ['ec2', 'Warmpool', 'Moon']],
    ['LIFECYCLE_ACTION_TIME', ['yesterday', '2026-13-40T99:99:99Z']],
    ['NOTICE_TIME', ['now']],
    ['ENDS_AT', ['soon', 'Thu, 99 Aug 2026 21:42:38 GMT']],
    ['DRAIN_TIME', ['1']],
  ];
  for (const [name, values] of bad) {
    for (const value of values) {
      const config = read({ ...GOOD, [name]: value });
      assert.deepEqual(config.target, read(GOOD).target, name);
      assert.equal(config.warnings.length, 1, name);
      assert.ok(
        config.warnings[0]?.startsWith(name) && config.warnings[0].endsWith('; ignoring it'),
        config.warnings[0],
      );
      const flag = `--${name.toLowerCase().replaceAll('_', '-')}=${value}`;
      if (!value.includes('\u0000')) assert.equal(errors(GOOD, flag).length, 1, flag);
    }
  }
});

// A token in a warning ends up in a log that more people read than may complete lifecycle actions.
test('the warning about a token does not show it', () => {
  const { warnings } = read({ ...GOOD, LIFECYCLE_ACTION_TOKEN: 'not-a-uuid' });
  assert.equal(warnings.length, 1);
  assert.ok(!warnings.join().includes('not-a-uuid'));
});

// A Spot instance that is expected to end later than it does is drained without haste, and its pods are killed.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
test('a Spot instance ends 120 s after its notice, unless the end is known; other notices have no end', () => {
  const at = Date.parse('2026-08-27T21:42:38Z');
  const end = (reason: string, more: Record<string, string> = {}) =>
    read({ ...GOOD, REASON: reason, NOTICE_TIME: '2026-08-27T21:42:38Z', ...more }).instanceEndsAt;
  assert.equal(end('spot-interruption'), at + 120_000);
  assert.equal(end('rebalance-recommendation'), undefined);
  // The form of AWS Health.
  assert.equal(end('scheduled-change', { ENDS_AT: 'Thu, 27 Aug 2026 21:42:38 GMT' }), at);
  assert.equal(end('spot-interruption', { ENDS_AT: '2026-08-27T21:43:00Z' }), at + 22_000);
});

// Instances with old, short IDs cannot be drained.
test('an instance ID has 8 or 17 hex digits', () => {
  assert.deepEqual(errors({ ...GOOD, INSTANCE_ID: 'i-0a1b2c3d' }), []);
});

// The token, with which anybody can complete the action, is printed to a log.
test('an invalid token that a person types is an error that does not show it', () => {
  const [error, ...more] = errors(GOOD, '--lifecycle-hook-name=drainer', '--lifecycle-action-token=s3cr3t');
  assert.deepEqual(more, []);
  assert.match(error ?? '', /^LIFECYCLE_ACTION_TOKEN must be/);
  assert.doesNotMatch(error ?? '', /s3cr3t/);
});

// Five deployments to find five errors, one after the other.
test('all errors are reported at once, those of the command line first', () => {
  const found = errors(
    { INSTANCE_ID: 'x', KUBE_CONFIG_BUCKET: 'bucket', ON_FAILURE: 'y', AWS_ENDPOINT_URL_S3: 'z' },
    '--colour',
    '--node',
    'a b',
  );
  assert.equal(found.length, 8, found.join('\n'));
  assert.match(found[0] ?? '', /unknown flag --colour/);
  const text = configErrorText(new ConfigErrors(found));
  for (const error of found) assert.ok(text.includes(`  - ${error}\n`));
  assert.match(text, /invalid configuration; nothing was changed/);
  assert.match(text, /COMMAND --help/);
});

// In the environment of a task with a bad setting, the one command that would repair the node would not run.
test('undo reads only its own settings', () => {
  const environment = { ON_DEADLINE: 'stop', CLUSTER_NAME: 'prod', AWS_REGION: 'eu-west-1' };
  const flags = { settings: {}, node: 'a', dryRun: false, force: false };
  assert.throws(() => readConfig(environment, flags), ConfigErrors);
  assert.deepEqual(readConfig(environment, flags, [], UNDO_SETTINGS).target, { kind: 'node', name: 'a' });
});

// A new setting that is checked later than the others costs another deployment for each mistake, or a drain starts with it.
test('the errors of every setting of the end of a drain are in one message', () => {
  const bad = {
    LOAD_BALANCER_EXCLUSION: 'later',
    LOAD_BALANCER_SECONDS: 'long',
    MISSING_NODE: 'wait',
    UNPROVEN_NODE: 'guess',
    LAST_RESORT_SECONDS: 'soon',
    LAST_RESORT: 'kill',
    FINALIZER_SECONDS: 'never',
    ON_DEADLINE: 'stop',
  };
  const found = errors({ ...GOOD, ...bad });
  assert.deepEqual(found.map((error) => error.split(' ')[0]).sort(), Object.keys(bad).sort());
});

// A node that a person drains is left without its load balancers, which `kubectl uncordon` does not give back.
test('load balancers are left at the end of the drain of an instance, and never for a node, unless it is said', () => {
  const node = (environment: Environment) =>
    read(environment, '--kubeconfig', '/k', '--node', 'a').loadBalancerExclusion;
  assert.equal(read(GOOD).loadBalancerExclusion, 'end');
  assert.equal(node({}), 'off');
  for (const LOAD_BALANCER_EXCLUSION of ['end', 'start', 'off']) {
    assert.equal(read({ ...GOOD, LOAD_BALANCER_EXCLUSION }).loadBalancerExclusion, LOAD_BALANCER_EXCLUSION);
    assert.equal(node({ LOAD_BALANCER_EXCLUSION }), LOAD_BALANCER_EXCLUSION);
  }
  assert.equal(read({ ...GOOD, LOAD_BALANCER_SECONDS: '0' }).loadBalancerMs, 0);
});

// Without the name of the cluster no tag says which target groups are its own, and a person's node has no instance to ask for.
test('target groups are waited for by default when the cluster of an instance has a name, and never for a node', () => {
  const { CLUSTER_NAME: _, ...unnamed } = GOOD;
  const kubeconfig = { ...unnamed, KUBE_CONFIG_BUCKET: 'configs', KUBE_CONFIG_OBJECT: 'kube/config' };
  const named = { ...kubeconfig, CLUSTER_NAME: 'prod', KUBE_CONFIG_OBJECT: 'kube/{cluster}' };
  const anyCluster = { ...unnamed, CLUSTER_NAME: '*' };
  assert.deepEqual(
    [GOOD, named, anyCluster, kubeconfig].map((environment) => read(environment).targetsMs),
    [300_000, 300_000, 300_000, undefined],
  );
  assert.equal(read({ ...GOOD, WAIT_FOR_TARGETS: 'off' }).targetsMs, undefined);
  assert.equal(read({ ...kubeconfig, WAIT_FOR_TARGETS: 'on', TARGETS_SECONDS: '60' }).targetsMs, 60_000);
  const node = { CLUSTER_NAME: 'prod', AWS_REGION: 'eu-central-1', WAIT_FOR_TARGETS: 'on' };
  assert.equal(read(node, '--node', 'a').targetsMs, undefined);
});

// A policy that its documentation offers, and that is refused.
test('every documented value of a choice is accepted', () => {
  const choices = settingRows(DRAIN_SETTINGS).filter(({ values }) => /^[a-z]+(\|[a-z]+)+$/.test(values));
  assert.ok(choices.length >= 8, choices.map(({ name }) => name).join());
  for (const { name, values, defaultValue } of choices) {
    for (const value of values.split('|')) assert.deepEqual(errors({ ...GOOD, [name]: value }), [], `${name}=${value}`);
    assert.ok(defaultValue === '' || values.split('|').includes(defaultValue), name);
  }
});

// A drain of one of two targets, or of a target in no cluster, starts.
test('missing and contradictory settings are errors', () => {
  const { INSTANCE_ID: _, ...noTarget } = GOOD;
  const { CLUSTER_NAME: __, ...noCluster } = GOOD;
  const { AWS_REGION: ___, ...noRegion } = GOOD;
  const one = (found: readonly string[]) => {
    assert.equal(found.length, 1, found.join('; '));
    return found[0] ?? '';
  };
  assert.match(one(errors(noTarget)), /no target given: set INSTANCE_ID, or name a node$/);
  assert.match(
    one(errors(noCluster)),
    /^no cluster given: set CLUSTER_NAME, or KUBE_CONFIG_BUCKET and KUBE_CONFIG_OBJECT, or --kubeconfig$/,
  );
  // Everybody who comes from kubectl expects it to be read.
  assert.match(one(errors({ ...noCluster, KUBECONFIG: '/k' })), /KUBECONFIG is set, but is not read: --kubeconfig "/);
  assert.match(one(errors(GOOD, '--context', 'blue')), /^--context requires --kubeconfig$/);
  assert.match(one(errors(noRegion)), /AWS_REGION is missing$/);
  assert.match(one(errors({ ...noRegion, AWS_DEFAULT_REGION: 'eu-central-1' })), /AWS_DEFAULT_REGION is not read/);
  assert.match(one(errors(GOOD, '--node', 'a')), /INSTANCE_ID and --node are mutually exclusive/);
  assert.match(
    one(errors({ ...GOOD, KUBE_CONFIG_BUCKET: 'bucket' })),
    /^KUBE_CONFIG_BUCKET requires KUBE_CONFIG_OBJECT$/,
  );
  assert.match(one(errors({ ...GOOD, KUBE_CONFIG_OBJECT: 'key' })), /^KUBE_CONFIG_OBJECT requires KUBE_CONFIG_BUCKET$/);
  assert.match(one(errors({ ...GOOD, AWS_ENDPOINT_URL_EC2: 'nonsense' })), /AWS_ENDPOINT_URL_EC2/);
  for (const node of ['-a', 'a/b', 'A', 'x'.repeat(254)]) {
    assert.match(one(errors({ AWS_REGION: 'eu-central-1', CLUSTER_NAME: 'prod' }, `--node=${node}`)), /name of a node/);
  }
  assert.equal(errors({}).length, 3);
});

// Half of a discovery reads one kubeconfig for every cluster, or a key with braces: the wrong cluster has no node for the
// instance, and its hook is completed.
test('half of a discovery by tags is an error before anything is touched', () => {
  const s3 = (object: string) => ({ KUBE_CONFIG_BUCKET: 'configs', KUBE_CONFIG_OBJECT: object });
  const { CLUSTER_NAME: _, ...noCluster } = GOOD;
  const { INSTANCE_ID: __, ...noTarget } = GOOD;
  const any = { ...GOOD, CLUSTER_NAME: '*' };
  assert.match(
    errors({ ...noCluster, ...s3('clusters/{cluster}/config') }).join(),
    /^KUBE_CONFIG_OBJECT contains \{cluster\} and requires CLUSTER_NAME: /,
  );
  for (const key of ['config', 'clusters/{Cluster}/config', 'clusters/{name}']) {
    assert.match(
      errors({ ...any, ...s3(key) }).join(),
      /^CLUSTER_NAME=\* requires \{cluster\} in KUBE_CONFIG_OBJECT/,
      key,
    );
  }
  assert.match(
    errors({ ...any, KUBE_CONFIG_OBJECT: '{cluster}' }).join(),
    /^KUBE_CONFIG_OBJECT requires KUBE_CONFIG_BUCKET$/,
  );
  assert.match(
    errors({ ...noTarget, CLUSTER_NAME: '*' }, '--node=a').join(),
    /^--node requires the name of its cluster/,
  );
  assert.match(
    errors({ ...noTarget, CLUSTER_NAME: '*', ...s3('{cluster}') }, '--node=a').join(),
    /^--node requires the name of its cluster/,
  );
  for (const name of ['**', '*a', 'pr*', '../other', 'a/b']) {
    assert.match(errors({ ...GOOD, ...s3('{cluster}'), CLUSTER_NAME: name }).join(), /^CLUSTER_NAME .+ must be/, name);
  }
});

// One stack for a region, and one for a cluster whose kubeconfig lies beside the others.
test('CLUSTER_NAME names the cluster, or * leaves that to the tags, and replaces {cluster} in the key', () => {
  const region = 'eu-central-1';
  const template = {
    kind: 'kubeconfig-object',
    bucket: 'configs',
    object: '{cluster}/config-{cluster}',
    region,
  } as const;
  const s3 = { KUBE_CONFIG_BUCKET: template.bucket, KUBE_CONFIG_OBJECT: template.object };
  const any = { ...GOOD, CLUSTER_NAME: '*' };
  assert.deepEqual(read({ ...GOOD, ...s3 }).cluster, { ...template, object: 'prod/config-prod', name: 'prod' });
  assert.deepEqual(read({ ...any, ...s3 }).cluster, { kind: 'by-tags', template });
  assert.deepEqual(read(any).cluster, { kind: 'by-tags', template: { kind: 'eks', region } });
  assert.deepEqual(read({ ...any, ...s3 }, '--kubeconfig', '/k').cluster, { kind: 'kubeconfig-file', path: '/k' });
});

// EventBridge renders a field that the event does not have as an empty string, and every drain fails.
test('an empty value counts as unset', () => {
  const empty = { AUTO_SCALING_GROUP_NAME: '', LIFECYCLE_ACTION_TOKEN: '', ON_DEADLINE: '', AWS_ENDPOINT_URL_S3: '' };
  assert.deepEqual(read({ ...GOOD, ...empty }), read(GOOD));
  assert.match(errors({ ...GOOD, INSTANCE_ID: '' }).join(), /no target given/);
});

// An hour has to be worked out in seconds, and is mistyped by a factor of ten.
test('seconds may be written with a unit, and a yes or no in two ways', () => {
  const timeoutOf = (CONNECT_TIMEOUT_SECONDS: string) => read({ ...GOOD, CONNECT_TIMEOUT_SECONDS }).connectTimeoutMs;
  assert.deepEqual(['90', '90s', '30m', '1h'].map(timeoutOf), [90_000, 90_000, 1_800_000, 3_600_000]);
  const drainsDaemonSets = (DRAIN_DAEMONSETS: string) => read({ ...GOOD, DRAIN_DAEMONSETS }).drainDaemonSets;
  assert.deepEqual(['on', 'true', 'off', 'false'].map(drainsDaemonSets), [true, true, false, false]);
});

// A variable of the task definition cannot be overridden.
test('a flag takes precedence over the environment, even over an invalid value', () => {
  const config = read({ ...GOOD, ON_FAILURE: 'nonsense' }, '--on-failure', 'abandon', '--cluster-name=lab');
  assert.equal(config.policies.onFailure, 'abandon');
  assert.deepEqual(config.cluster, { kind: 'eks', name: 'lab', region: 'eu-central-1' });
});

// The drain runs in another cluster than the one that was meant.
test('a local kubeconfig takes precedence over the bucket, and the bucket over CLUSTER_NAME', () => {
  const bucket = { ...GOOD, KUBE_CONFIG_BUCKET: 'bucket', KUBE_CONFIG_OBJECT: 'a/config' };
  const region = 'eu-central-1';
  assert.deepEqual(read(bucket).cluster, { kind: 'kubeconfig-object', bucket: 'bucket', object: 'a/config', region });
  assert.deepEqual(read(bucket, '--kubeconfig', '/k').cluster, { kind: 'kubeconfig-file', path: '/k' });
});

// A drain waits for capacity for ten minutes although WAIT_FOR_CAPACITY is off, and seems to hang.
test('WAIT_FOR_CAPACITY_SECONDS has no effect while WAIT_FOR_CAPACITY is off', () => {
  assert.equal(read({ ...GOOD, WAIT_FOR_CAPACITY_SECONDS: '60' }).capacityTimeoutMs, undefined);
  assert.equal(read({ ...GOOD, WAIT_FOR_CAPACITY: 'on' }).capacityTimeoutMs, 600_000);
  const pods = read({ ...GOOD, WAIT_FOR_CAPACITY: 'pods' });
  assert.deepEqual([pods.capacityTimeoutMs, pods.roomTimeoutMs], [undefined, 600_000]);
});

// A drain of a cluster without AWS needs a region.
test('a node of a local kubeconfig needs no AWS setting', () => {
  const config = read({}, '--kubeconfig', '/k', '--node', 'node-a.example.com', '--dry-run');
  assert.deepEqual(config.target, { kind: 'node', name: 'node-a.example.com' });
  assert.equal(config.dryRun, true);
});
