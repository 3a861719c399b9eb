import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeLifecycleHooksCommand,
  PutLifecycleHookCommand,
  paginateDescribeAutoScalingGroups,
  RecordLifecycleActionHeartbeatCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import aws4 from 'aws4';
import { awsError } from './simulator/aws/errors.ts';
import { expectedSignature, readSignature } from './simulator/aws/sigv4.ts';
import { type AwsOptions, type AwsSimulator, startAws } from './simulator/aws/simulator.ts';
import type { LaunchedTask } from './simulator/aws/task.ts';

const id = 'i-0123456789abcdef0';
const hook = { AutoScalingGroupName: 'nodes', LifecycleHookName: 'drainer' };
const second = 1000;

type Keys = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };

/** A clock that stands still until it is told otherwise. */
function fakeClock() {
  let time = Date.parse('2026-01-02T03:04:05Z');
  return {
    now: () => time,
    pass: (ms: number) => {
      time += ms;
    },
  };
}

async function started(t: TestContext, options?: AwsOptions): Promise<AwsSimulator> {
  const aws = await startAws(options);
  t.after(() => aws.stop());
  return aws;
}

function keysOf(aws: AwsSimulator): Keys {
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = aws.environment;
  return { accessKeyId, secretAccessKey };
}

function clientOptions(aws: AwsSimulator, credentials = keysOf(aws)) {
  return { endpoint: aws.url, region: aws.environment['AWS_REGION'] ?? '', credentials, maxAttempts: 1 };
}

/** A group with one instance and a hook. */
function seed(aws: AwsSimulator, options: { heartbeatTimeout?: number; defaultResult?: 'CONTINUE' | 'ABANDON' } = {}) {
  aws.createAutoScalingGroup({ name: 'nodes', desiredCapacity: 1 });
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'drainer', ...options });
  aws.launchInstance({ instanceId: id, autoScalingGroupName: 'nodes' });
}

function soleAction(aws: AwsSimulator) {
  const [action, ...others] = aws.lifecycleActions(id);
  assert.ok(action && others.length === 0, 'exactly one lifecycle action');
  return action;
}

type Call = {
  service: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
  host?: string;
  keys?: Keys;
  /** A body other than the one that is signed. */
  sentBody?: string;
  /** Headers that come after the signature. */
  unsignedHeaders?: Record<string, string>;
  signQuery?: boolean;
};

/** A request that aws4 signed, so by other hands than the simulator's and the SDK's. */
async function call(aws: AwsSimulator, { keys = keysOf(aws), sentBody, unsignedHeaders, ...rest }: Call) {
  const url = new URL(aws.url);
  const region = aws.environment['AWS_REGION'] ?? '';
  const { method, path, headers, body } = aws4.sign(
    { method: 'POST', path: '/', host: url.host, region, ...rest },
    keys,
  );
  const sending = request({
    host: url.hostname,
    port: url.port,
    method,
    path,
    headers: { ...headers, ...unsignedHeaders },
  });
  sending.end(sentBody ?? body);
  const [response]: IncomingMessage[] = await once(sending, 'response');
  assert.ok(response);
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

function ecs(operation: string, input: object): Call {
  return {
    service: 'ecs',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': `AmazonEC2ContainerServiceV20141113.${operation}`,
    },
    body: JSON.stringify(input),
  };
}

const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
const callerIdentity: Call = { service: 'sts', headers: form, body: 'Action=GetCallerIdentity&Version=2011-06-15' };

// A simulator that computes signatures as wrongly as the code under test does would let both pass.
test("the signatures that AWS' documentation publishes are the ones computed", () => {
  const listUsers = {
    method: 'GET',
    path: '/',
    query: 'Action=ListUsers&Version=2010-05-08',
    headers: {
      host: 'iam.amazonaws.com',
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, ' +
        'SignedHeaders=content-type;host;x-amz-date, ' +
        'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    },
    body: Buffer.alloc(0),
  };
  const inHeader = readSignature(listUsers);
  assert.ok(inHeader);
  assert.equal(expectedSignature(listUsers, inHeader, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'), inHeader.signature);

  const presigned = {
    method: 'GET',
    path: '/test.txt',
    query:
      'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
      '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
      '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    headers: { host: 'examplebucket.s3.amazonaws.com' },
    body: Buffer.alloc(0),
  };
  const inQuery = readSignature(presigned);
  assert.ok(inQuery);
  assert.equal(expectedSignature(presigned, inQuery, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'), inQuery.signature);
});

// A heartbeat that added to the timeout instead of restarting it would hide a drainer that beats too rarely.
test('a heartbeat restarts the timeout, and completion lets the instance go', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws, { heartbeatTimeout: 60 });
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  const begin = clock.now();
  await client.send(
    new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: id, ShouldDecrementDesiredCapacity: true }),
  );
  assert.equal(soleAction(aws).expiresAt, begin + 60 * second);

  clock.pass(50 * second);
  await client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, InstanceId: id }));
  assert.equal(soleAction(aws).expiresAt, begin + 110 * second);
  assert.equal(soleAction(aws).beats, 1);

  clock.pass(59 * second);
  const { AutoScalingInstances } = await client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [id] }));
  assert.deepEqual(
    AutoScalingInstances?.map(({ AutoScalingGroupName, LifecycleState }) => [AutoScalingGroupName, LifecycleState]),
    [['nodes', 'Terminating:Wait']],
  );

  const { token } = soleAction(aws);
  await client.send(
    new CompleteLifecycleActionCommand({ ...hook, LifecycleActionToken: token, LifecycleActionResult: 'CONTINUE' }),
  );
  assert.equal(soleAction(aws).state, 'completed');
  assert.equal(aws.lifecycleState(id), 'Terminating:Proceed');
  clock.pass(10 * second);
  const gone = await client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [id] }));
  assert.deepEqual(gone.AutoScalingInstances, []);
});

// A drainer that comes too late must hear so in the words that it recognises, by token and by instance ID.
test('a hook that times out applies its default result, and says so to whoever comes after', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws, { heartbeatTimeout: 60, defaultResult: 'CONTINUE' });
  aws.terminateInstance(id);
  clock.pass(60 * second);
  const { state, result, token } = soleAction(aws);
  assert.deepEqual([state, result], ['timed-out', 'CONTINUE']);

  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  const completion = { ...hook, LifecycleActionResult: 'CONTINUE' };
  await assert.rejects(client.send(new CompleteLifecycleActionCommand({ ...completion, InstanceId: id })), {
    name: 'ValidationError',
    message: `No active Lifecycle Action found with instance ID ${id}`,
  });
  await assert.rejects(
    client.send(new CompleteLifecycleActionCommand({ ...completion, LifecycleActionToken: token })),
    {
      name: 'ValidationError',
      message: `No active Lifecycle Action found with token ${token}`,
    },
  );
});

// A heartbeat before the termination must not look like success.
test('an instance in service has no active lifecycle action', async (t) => {
  const aws = await started(t);
  seed(aws);
  const client = new AutoScalingClient(clientOptions(aws));
  const { AutoScalingInstances } = await client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [id] }));
  assert.equal(AutoScalingInstances?.[0]?.LifecycleState, 'InService');
  await assert.rejects(client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, InstanceId: id })), {
    name: 'ValidationError',
    message: `No active Lifecycle Action found with instance ID ${id}`,
  });
});

// A program that trusts its heartbeats for ever would be surprised by the end that AWS sets.
test('no heartbeat reaches beyond the global timeout', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws, { heartbeatTimeout: 30 });
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  const { LifecycleHooks } = await client.send(new DescribeLifecycleHooksCommand({ AutoScalingGroupName: 'nodes' }));
  assert.deepEqual(
    LifecycleHooks?.map(({ HeartbeatTimeout, GlobalTimeout, DefaultResult }) => [
      HeartbeatTimeout,
      GlobalTimeout,
      DefaultResult,
    ]),
    [[30, 3000, 'ABANDON']],
  );
  await client.send(
    new PutLifecycleHookCommand({
      AutoScalingGroupName: 'nodes',
      LifecycleHookName: 'other',
      LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
      HeartbeatTimeout: 7200,
    }),
  );
  const other = await client.send(
    new DescribeLifecycleHooksCommand({ AutoScalingGroupName: 'nodes', LifecycleHookNames: ['other'] }),
  );
  assert.equal(other.LifecycleHooks?.[0]?.GlobalTimeout, 172_800);

  const end = clock.now() + 3000 * second;
  aws.terminateInstance(id);
  while (clock.now() < end - 20 * second) {
    clock.pass(20 * second);
    await client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, InstanceId: id }));
  }
  assert.equal(soleAction(aws).expiresAt, end);
  clock.pass(20 * second);
  assert.deepEqual([soleAction(aws).state, soleAction(aws).result], ['timed-out', 'ABANDON']);
});

// A simulator that let the instance go at the first CONTINUE would hide that another hook is still being waited for.
test('CONTINUE waits for the other hooks, ABANDON stops them', async (t) => {
  const aws = await started(t);
  seed(aws);
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'logs' });
  aws.putLifecycleHook({
    autoScalingGroupName: 'nodes',
    lifecycleHookName: 'launch',
    transition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
  });
  aws.launchInstance({ instanceId: 'i-00000000', autoScalingGroupName: 'nodes' });
  const client = new AutoScalingClient(clientOptions(aws));
  const complete = (InstanceId: string, LifecycleHookName: string, LifecycleActionResult: string) =>
    client.send(new CompleteLifecycleActionCommand({ ...hook, InstanceId, LifecycleHookName, LifecycleActionResult }));
  const states = (instanceId: string) => aws.lifecycleActions(instanceId).map(({ state }) => state);

  assert.equal(aws.terminateInstance(id).length, 2);
  await complete(id, 'drainer', 'CONTINUE');
  assert.deepEqual([states(id), aws.lifecycleState(id)], [['completed', 'pending'], 'Terminating:Wait']);
  await complete(id, 'logs', 'CONTINUE');
  assert.notEqual(aws.lifecycleState(id), 'Terminating:Wait');

  aws.terminateInstance('i-00000000');
  await complete('i-00000000', 'logs', 'ABANDON');
  assert.deepEqual(states('i-00000000'), ['stopped', 'completed']);
  assert.notEqual(aws.lifecycleState('i-00000000'), 'Terminating:Wait');
});

// The event is the drainer's whole input: a field of another name here is a drainer that cannot start in production.
test("the event of a termination has EventBridge's shape", async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws);
  const heard: unknown[] = [];
  aws.onEvent((event) => heard.push(event));
  const [event] = aws.terminateInstance(id);
  assert.ok(event);
  assert.match(event.resources[0] ?? '', /^arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:.*\/nodes$/);
  assert.deepEqual(
    { ...event, id: '', resources: [] },
    {
      version: '0',
      id: '',
      'detail-type': 'EC2 Instance-terminate Lifecycle Action',
      source: 'aws.autoscaling',
      account: '123456789012',
      time: '2026-01-02T03:04:05Z',
      region: 'eu-central-1',
      resources: [],
      detail: {
        LifecycleActionToken: soleAction(aws).token,
        AutoScalingGroupName: 'nodes',
        LifecycleHookName: 'drainer',
        EC2InstanceId: id,
        LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
        Origin: 'AutoScalingGroup',
        Destination: 'EC2',
      },
    },
  );
  assert.deepEqual(heard, [event]);
  assert.deepEqual(aws.terminateInstance(id), [], 'terminating twice starts nothing');
});

// Short timeouts in tests must be those of the hook in proportion, not another rule.
test('a time scale makes lifecycle timeouts run faster', async (t) => {
  const aws = await started(t, { timeScale: 100 });
  seed(aws, { heartbeatTimeout: 30 });
  aws.terminateInstance(id);
  const { startedAt, expiresAt, endsAt } = soleAction(aws);
  assert.deepEqual([expiresAt - startedAt, endsAt - startedAt], [300, 30_000]);
});

// A sweep that reads only the first page would leave the rest of the region undrained.
test('groups are paged, and filtered by name and tag', async (t) => {
  const aws = await started(t);
  for (let i = 0; i < 120; i += 1) {
    aws.createAutoScalingGroup({ name: `group-${i}`, tags: { team: i % 2 === 0 ? 'even &amp; <co>' : 'odd' } });
  }
  const client = new AutoScalingClient(clientOptions(aws));
  const sizes: number[] = [];
  for await (const page of paginateDescribeAutoScalingGroups({ client, pageSize: 100 }, {})) {
    sizes.push(page.AutoScalingGroups?.length ?? 0);
  }
  assert.deepEqual(sizes, [100, 20]);
  const one = await client.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ['group-7', 'none'] }));
  assert.deepEqual(
    one.AutoScalingGroups?.map(({ AutoScalingGroupName }) => AutoScalingGroupName),
    ['group-7'],
  );
  const tagged = await client.send(
    new DescribeAutoScalingGroupsCommand({
      Filters: [{ Name: 'tag:team', Values: ['even &amp; <co>'] }],
      AutoScalingGroupNames: ['group-7', 'group-8'],
    }),
  );
  assert.deepEqual(
    tagged.AutoScalingGroups?.map(({ AutoScalingGroupName, Tags }) => [AutoScalingGroupName, Tags?.[0]?.Value]),
    [['group-8', 'even &amp; <co>']],
  );
  await assert.rejects(client.send(new DescribeAutoScalingGroupsCommand({ MaxRecords: 101 })), {
    name: 'ValidationError',
  });
});

// Without a true check of signatures, a drainer that signs wrongly would be found out in production.
test('every service refuses a wrong secret key in its own words', async (t) => {
  const aws = await started(t);
  const options = clientOptions(aws, { ...keysOf(aws), secretAccessKey: 'wrong' });
  const refusal = (name: string, httpStatusCode: number) => (error: unknown) => {
    assert.ok(error instanceof Error && '$metadata' in error);
    assert.partialDeepStrictEqual(
      { name: error.name, metadata: error.$metadata },
      { name, metadata: { httpStatusCode } },
    );
    return true;
  };
  await assert.rejects(
    new AutoScalingClient(options).send(new DescribeAutoScalingGroupsCommand({})),
    refusal('SignatureDoesNotMatch', 403),
  );
  await assert.rejects(new EC2Client(options).send(new DescribeInstancesCommand({})), refusal('AuthFailure', 401));
  await assert.rejects(
    new EKSClient(options).send(new DescribeClusterCommand({ name: 'demo' })),
    refusal('InvalidSignatureException', 403),
  );
  await assert.rejects(
    new S3Client(options).send(new GetObjectCommand({ Bucket: 'kube', Key: 'config' })),
    refusal('SignatureDoesNotMatch', 403),
  );
  const { credentials: keys } = options;
  const tasks = await call(aws, { ...ecs('ListTasks', {}), keys });
  assert.equal(tasks.status, 400);
  assert.match(tasks.body, /"__type":"InvalidSignatureException"/);
  const unknown = await call(aws, { ...callerIdentity, keys: { ...keys, accessKeyId: 'AKIAUNKNOWN' } });
  assert.equal(unknown.status, 403);
  assert.match(unknown.body, /<Code>InvalidClientTokenId<\/Code>/);
});

// A signature that covers nothing but the head would let a proxy (or a bug) change what is asked.
test('a body, region or header that is not the signed one is refused', async (t) => {
  const aws = await started(t);
  const changed = await call(aws, { ...callerIdentity, sentBody: 'Action=GetCallerIdentity&Version=2011-06-16' });
  assert.match(changed.body, /<Code>SignatureDoesNotMatch<\/Code>/);
  const put = await call(aws, { service: 's3', method: 'PUT', path: '/kube/x', body: 'signed', sentBody: 'sentxx' });
  assert.match(put.body, /<Code>XAmzContentSHA256Mismatch<\/Code>/);
  const added = await call(aws, { ...callerIdentity, unsignedHeaders: { 'x-amz-added': 'later' } });
  assert.match(added.body, /'x-amz-added' must be a signed header/);
  const elsewhere = new EC2Client({ ...clientOptions(aws), region: 'eu-west-1' });
  await assert.rejects(elsewhere.send(new DescribeInstancesCommand({})), {
    name: 'AuthFailure',
    message: "Credential should be scoped to a valid region, not 'eu-west-1'.",
  });
  const unsigned = await fetch(aws.url, { headers: { authorization: 'none' } });
  assert.equal(unsigned.status, 403);
  assert.match(await unsigned.text(), /MissingAuthenticationToken/);
});

// A container whose clock is off must fail as it would at AWS, and a client that corrects itself must get the chance.
test('a clock ten minutes off is refused, and the SDK corrects itself by the Date header', async (t) => {
  for (const [minutes, reason] of [
    [-10, 'Signature not yet current'],
    [10, 'Signature expired'],
  ] as const) {
    const aws = await started(t, { now: () => Date.now() + minutes * 60 * second });
    const { status, body } = await call(aws, callerIdentity);
    assert.equal(status, 403);
    assert.match(body, new RegExp(`<Code>SignatureDoesNotMatch</Code><Message>${reason}`));
    const s3 = await call(aws, { service: 's3', method: 'GET', path: '/kube/x' });
    assert.match(s3.body, /NoSuchBucket/, 'S3 tolerates 15 minutes');

    const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
    await client.send(new DescribeAutoScalingGroupsCommand({}));
    assert.deepEqual(
      aws.requests.filter(({ action }) => action.startsWith('autoscaling')).map((one) => one.status),
      [403, 200],
    );
  }
});

// The kubeconfig comes from here; a 404 that reads like a 403 would send people to the wrong policy.
test('S3 keeps objects by path and by virtual host, and names what is missing', async (t) => {
  const aws = await started(t);
  aws.putObject('kube', 'clusters/a b+c.yaml', 'kind: Config\n');
  const client = new S3Client(clientOptions(aws));
  const get = async (Bucket: string, Key: string) =>
    (await client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
  assert.equal(await get('kube', 'clusters/a b+c.yaml'), 'kind: Config\n');
  await client.send(new PutObjectCommand({ Bucket: 'kube', Key: 'ü/x', Body: 'put' }));
  assert.equal(await get('kube', 'ü/x'), 'put');
  await assert.rejects(get('kube', 'none'), { name: 'NoSuchKey' });
  await assert.rejects(get('none', 'none'), { name: 'NoSuchBucket' });

  const host = `kube.127.0.0.1:${new URL(aws.url).port}`;
  const virtual = await call(aws, { service: 's3', method: 'GET', path: '/clusters/a%20b%2Bc.yaml', host });
  assert.deepEqual([virtual.status, virtual.body], [200, 'kind: Config\n']);
  assert.deepEqual(aws.requests.at(-1)?.parameters, { Bucket: 'kube', Key: 'clusters/a b+c.yaml' });
});

// A link that outlives its time would be a leak that no test of ours could see.
test('a presigned URL lives as long as it says', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  aws.putObject('kube', 'config', 'kind: Config');
  const path = '/kube/config?X-Amz-Date=20260102T030405Z&X-Amz-Expires=60';
  const get = () => call(aws, { service: 's3', method: 'GET', path, signQuery: true });
  clock.pass(60 * second);
  assert.equal((await get()).body, 'kind: Config');
  clock.pass(second);
  const late = await get();
  assert.equal(late.status, 403);
  assert.match(late.body, /<Code>AccessDenied<\/Code><Message>Request has expired/);
});

// The node is found by this name: an instance that is gone must not lead to whoever has its address now.
test('EC2 describes instances by ID until they are terminated', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  aws.createAutoScalingGroup({ name: 'nodes' });
  aws.launchInstance({ instanceId: id, autoScalingGroupName: 'nodes', privateDnsName: 'ip-10-0-1-2.ec2.internal' });
  const client = new EC2Client({ ...clientOptions(aws), maxAttempts: 2 });
  const describe = async (instanceId: string) => {
    const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    const instance = Reservations?.[0]?.Instances?.[0];
    return [instance?.PrivateDnsName, instance?.State?.Name, instance?.Tags];
  };
  const Tags = [{ Key: 'aws:autoscaling:groupName', Value: 'nodes' }];
  assert.deepEqual(await describe(id), ['ip-10-0-1-2.ec2.internal', 'running', Tags]);
  aws.terminateInstance(id);
  assert.deepEqual(await describe(id), ['ip-10-0-1-2.ec2.internal', 'shutting-down', Tags]);
  clock.pass(10 * second);
  assert.deepEqual(await describe(id), ['', 'terminated', Tags]);
  clock.pass(2 * 3600 * second);
  await assert.rejects(describe(id), { name: 'InvalidInstanceID.NotFound' });
  await assert.rejects(describe('i-nonsense'), { name: 'InvalidInstanceID.Malformed' });
});

// The certificate authority travels as base64 of PEM; a simulator that skipped it would hide a double decoding.
test('EKS describes a cluster, and says when there is none', async (t) => {
  const aws = await started(t);
  aws.createCluster({ name: 'demo', endpoint: 'https://127.0.0.1:6443', certificateAuthority: '-----BEGIN' });
  const client = new EKSClient(clientOptions(aws));
  const { cluster } = await client.send(new DescribeClusterCommand({ name: 'demo' }));
  assert.deepEqual(
    [cluster?.endpoint, cluster?.status, cluster?.certificateAuthority?.data],
    ['https://127.0.0.1:6443', 'ACTIVE', Buffer.from('-----BEGIN').toString('base64')],
  );
  await assert.rejects(client.send(new DescribeClusterCommand({ name: 'none' })), {
    name: 'ResourceNotFoundException',
    message: 'No cluster found for name: none.',
  });
  // A path that has to be encoded is signed encoded twice; only then is the cluster looked for at all.
  await assert.rejects(client.send(new DescribeClusterCommand({ name: 'a b/c' })), {
    name: 'ResourceNotFoundException',
    message: 'No cluster found for name: a b/c.',
  });
});

const fargateTask = {
  cluster: 'drainers',
  taskDefinition: 'node-drainer:3',
  launchType: 'FARGATE',
  networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
  overrides: { containerOverrides: [{ name: 'drainer', environment: [{ name: 'INSTANCE_ID', value: id }] }] },
  startedBy: 'sweep',
};

// A sweep that starts a task twice, or does not notice one that was never placed, is what ECS makes easy.
test('RunTask starts a task once for a client token, and can refuse with 200', async (t) => {
  const aws = await started(t);
  const launched: LaunchedTask[] = [];
  aws.onRunTask((task) => launched.push(task));
  const first = await call(aws, ecs('RunTask', { ...fargateTask, clientToken: 'once' }));
  const again = await call(aws, ecs('RunTask', { ...fargateTask, clientToken: 'once' }));
  assert.equal(again.body, first.body);
  const [task, ...others] = launched;
  assert.ok(task && others.length === 0, 'launched once');
  assert.deepEqual([task.overrides, task.startedBy, task.family], [{ INSTANCE_ID: id }, 'sweep', 'node-drainer']);
  const conflict = await call(aws, ecs('RunTask', { ...fargateTask, startedBy: 'x', clientToken: 'once' }));
  assert.match(conflict.body, /"__type":"ConflictException"/);

  aws.refuseTasks({ reason: 'Capacity is unavailable at this time. Please try again later' }, { times: 1 });
  const refused = await call(aws, ecs('RunTask', fargateTask));
  assert.equal(refused.status, 200);
  assert.deepEqual(JSON.parse(refused.body), {
    tasks: [],
    failures: [{ reason: 'Capacity is unavailable at this time. Please try again later' }],
  });
  const placed = await call(aws, ecs('RunTask', fargateTask));
  assert.equal(JSON.parse(placed.body).tasks.length, 1);
});

// A task that was asked to stop is not stopped: it has its stop timeout, and its exit code is told afterwards.
test('a task lives until its launcher says how it ended', async (t) => {
  const aws = await started(t);
  const launched: LaunchedTask[] = [];
  aws.onRunTask((task) => launched.push(task));
  await call(aws, ecs('RunTask', fargateTask));
  const [task] = launched;
  assert.ok(task);
  const describe = async () => {
    const input = { cluster: 'drainers', tasks: [task.taskArn, 'none'] };
    const { tasks, failures } = JSON.parse((await call(aws, ecs('DescribeTasks', input))).body);
    assert.deepEqual(failures, [{ arn: task.taskArn.replace(/[^/]+$/, 'none'), reason: 'MISSING' }]);
    return [tasks[0].lastStatus, tasks[0].desiredStatus, tasks[0].stopCode, tasks[0].containers[0].exitCode];
  };
  const list = async (desiredStatus: string) => {
    const input = { cluster: 'drainers', family: 'node-drainer', desiredStatus };
    return JSON.parse((await call(aws, ecs('ListTasks', input))).body).taskArns;
  };
  assert.deepEqual(await describe(), ['PROVISIONING', 'RUNNING', undefined, undefined]);
  task.running();
  assert.deepEqual(await list('RUNNING'), [task.taskArn]);
  await call(aws, ecs('StopTask', { cluster: 'drainers', task: task.taskArn, reason: 'a deploy' }));
  assert.ok(task.stopSignal.aborted);
  assert.deepEqual(await describe(), ['DEACTIVATING', 'STOPPED', 'UserInitiated', undefined]);
  task.stopped(143);
  assert.deepEqual(await describe(), ['STOPPED', 'STOPPED', 'UserInitiated', 143]);
  assert.deepEqual([await list('RUNNING'), await list('STOPPED')], [[], [task.taskArn]]);
});

/** The credentials that a container gets. */
async function containerKeys(aws: AwsSimulator): Promise<Keys & { expiration: Date }> {
  const environment = aws.environmentWithContainerCredentials();
  const response = await fetch(environment['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '', {
    headers: { authorization: environment['AWS_CONTAINER_AUTHORIZATION_TOKEN'] ?? '' },
  });
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = Object.fromEntries(
    Object.entries(Object(await response.json())).map(([name, value]) => [name, String(value)]),
  );
  assert.ok(AccessKeyId && SecretAccessKey && Token && Expiration, `${response.status}`);
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: Token,
    expiration: new Date(Expiration),
  };
}

// A drain outlives its credentials: what worked an hour ago must stop working here too.
test('container credentials rotate, and the old ones are expired', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  const describe = (credentials: Keys) =>
    new AutoScalingClient({ ...clientOptions(aws, credentials), maxAttempts: 2 }).send(
      new DescribeAutoScalingGroupsCommand({}),
    );
  const old = await containerKeys(aws);
  await describe(old);
  aws.rotateCredentials({ lifetimeSeconds: 900 });
  await assert.rejects(describe(old), { name: 'ExpiredToken' });
  const fresh = await containerKeys(aws);
  assert.equal(fresh.expiration.getTime(), clock.now() + 900 * second);
  await describe(fresh);
  await assert.rejects(describe({ ...fresh, sessionToken: 'other' }), { name: 'InvalidClientTokenId' });
  const { accessKeyId, secretAccessKey } = fresh;
  await assert.rejects(describe({ accessKeyId, secretAccessKey }), { name: 'InvalidClientTokenId' });

  clock.pass(900 * second);
  await assert.rejects(describe(fresh), { name: 'ExpiredToken' });
  await describe(await containerKeys(aws));

  const uri = aws.environmentWithContainerCredentials()['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '';
  assert.equal((await fetch(uri, { headers: { authorization: 'other' } })).status, 403);
  aws.faults.add({ when: ({ path }) => path === 'credentials', fault: { kind: 'status', status: 500 } });
  await assert.rejects(containerKeys(aws), /500/);
});

type TokenOptions = Partial<Record<'cluster' | 'service' | 'region' | 'host' | 'query' | 'date', string>> & {
  keys?: Keys;
};

function token(aws: AwsSimulator, options: TokenOptions = {}): string {
  const region = options.region ?? aws.environment['AWS_REGION'] ?? '';
  const host = options.host ?? `sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  const query = options.query ?? 'Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60';
  // aws4 takes the date of a presigned URL from its path.
  const date = options.date === undefined ? '' : `&X-Amz-Date=${options.date}`;
  const { path } = aws4.sign(
    {
      service: options.service ?? 'sts',
      method: 'GET',
      host,
      region,
      signQuery: true,
      path: `/?${query}${date}`,
      headers: { 'x-k8s-aws-id': options.cluster ?? 'demo' },
    },
    options.keys ?? keysOf(aws),
  );
  return `k8s-aws-v1.${Buffer.from(`https://${host}${path}`).toString('base64url')}`;
}

// A partition whose hosts have another suffix would be found out by the first user in it.
test('an EKS token is accepted in every partition, with static and temporary credentials', async (t) => {
  for (const [region, partition] of [
    ['eu-central-1', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
  ] as const) {
    const aws = await started(t, { region });
    assert.deepEqual(aws.verifyToken(token(aws), 'demo'), { arn: `arn:${partition}:iam::123456789012:user/simulated` });
    const temporary = aws.verifyToken(token(aws, { keys: await containerKeys(aws) }), 'demo');
    assert.ok('arn' in temporary);
    assert.match(temporary.arn, new RegExp(`^arn:${partition}:sts::123456789012:assumed-role/node-drainer-task/`));
  }
});

// A token that a real cluster refuses must not open the simulated one, and the reason must help.
test('an EKS token with any flaw is refused with the reason', async (t) => {
  const aws = await started(t);
  const refusals: [token: string, reason: RegExp][] = [
    [token(aws, { cluster: 'other' }), /SignatureDoesNotMatch.*cluster "demo"/],
    [token(aws, { keys: { ...keysOf(aws), secretAccessKey: 'wrong' } }), /SignatureDoesNotMatch/],
    [token(aws, { keys: { ...keysOf(aws), accessKeyId: 'AKIAUNKNOWN' } }), /InvalidClientTokenId/],
    [token(aws, { host: 'sts.amazonaws.com' }), /not a regional STS endpoint/],
    [token(aws, { host: '127.0.0.1' }), /not a regional STS endpoint/],
    [token(aws, { host: 'sts.eu-central-1.amazonaws.com.cn' }), /STS in eu-central-1 ends in amazonaws.com$/],
    [token(aws, { region: 'cn-north-1' }), /the cluster is in partition aws/],
    [token(aws, { region: 'us-east-1', host: 'sts.eu-central-1.amazonaws.com' }), /scoped to region us-east-1/],
    [token(aws, { query: 'Action=GetCallerIdentity&Version=2011-06-15' }), /X-Amz-Expires/],
    [token(aws, { query: 'Action=AssumeRole&Version=2011-06-15&X-Amz-Expires=60' }), /unexpected Action parameter/],
    [token(aws, { query: 'Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60&A=b' }), /non-whitelisted/],
    [token(aws, { date: '20200101T000000Z' }), /15 minute expiration/],
    [token(aws, { date: '20990101T000000Z' }), /in the future/],
    [token(aws, { service: 'ec2' }), /scoped to service ec2/],
    [`${token(aws)}=`, /not unpadded base64url/],
    [token(aws).replace('v1', 'v2'), /missing expected "k8s-aws-v1." prefix/],
    [`k8s-aws-v1.${'A'.repeat(4096)}`, /too large/],
    [`k8s-aws-v1.${Buffer.from('no url').toString('base64url')}`, /does not hold a URL/],
  ];
  for (const [flawed, reason] of refusals) {
    const verdict = aws.verifyToken(flawed, 'demo');
    assert.ok('error' in verdict, `accepted, though ${reason}`);
    assert.match(verdict.error, reason);
  }
});

// A token must live exactly as long as STS says, so that a drainer that renews too late is caught.
test('an EKS token ends after 15 minutes, and with its credentials', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  const date = '20260102T030405Z';
  const fixed = token(aws, { date });
  const temporary = token(aws, { date, keys: await containerKeys(aws) });
  clock.pass(15 * 60 * second);
  assert.ok('arn' in aws.verifyToken(fixed, 'demo'));
  assert.ok('arn' in aws.verifyToken(temporary, 'demo'));
  aws.rotateCredentials();
  assert.match(JSON.stringify(aws.verifyToken(temporary, 'demo')), /ExpiredToken/);
  clock.pass(1);
  assert.match(JSON.stringify(aws.verifyToken(fixed, 'demo')), /15 minute expiration/);
});

// A fault that no SDK would take for the real error proves nothing about how the drainer bears the real one.
test('faults reach the SDK as the errors that the services give', async (t) => {
  const aws = await started(t);
  seed(aws);
  aws.terminateInstance(id);
  const client = new AutoScalingClient(clientOptions(aws));
  const heartbeat = () => client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, InstanceId: id }));
  const isHeartbeat = ({ path }: { path: string }) => path === 'autoscaling:RecordLifecycleActionHeartbeat';
  const once = { when: isHeartbeat, times: 1 };

  aws.faults.add({ ...once, fault: { kind: 'status', status: 400 } });
  await assert.rejects(heartbeat(), { name: 'Throttling', message: 'Rate exceeded' });
  aws.faults.add({ ...once, fault: { kind: 'status', status: 503 } });
  await assert.rejects(heartbeat(), { name: 'ServiceUnavailable' });
  aws.faults.add({ ...once, fault: awsError('autoscaling', 'AccessDenied') });
  await assert.rejects(heartbeat(), { name: 'AccessDenied' });
  aws.faults.add({
    ...once,
    fault: awsError('autoscaling', 'ResourceContention', 'You already have a pending update', 500),
  });
  await assert.rejects(heartbeat(), { name: 'ResourceContentionFault', message: 'You already have a pending update' });
  aws.faults.add({ ...once, fault: { kind: 'reset' } });
  await assert.rejects(heartbeat(), { code: 'ECONNRESET' });
  assert.equal(soleAction(aws).beats, 0, 'none of these was done');

  aws.faults.add({ ...once, fault: { kind: 'after', fault: 'reset' } });
  await assert.rejects(heartbeat(), { code: 'ECONNRESET' });
  assert.equal(soleAction(aws).beats, 1, 'done, but the answer was lost');
  aws.faults.add({ ...once, fault: { kind: 'half-body' } });
  await assert.rejects(heartbeat());
  assert.equal(soleAction(aws).beats, 2, 'done, but half the answer was lost');
  const outage = aws.faults.outage();
  await assert.rejects(heartbeat(), { code: 'ECONNRESET' });
  outage.end();
  await heartbeat();
  assert.equal(soleAction(aws).beats, 3);
  assert.deepEqual(
    aws.requests.map(({ status }) => status),
    [400, 503, 403, 500, 0, 0, 0, 0, 200],
  );
});

// One test's simulator that stays open would keep the whole suite from ending.
test('stopping ends what hangs', async () => {
  const aws = await startAws();
  aws.faults.add({ when: ({ path }) => path.startsWith('s3:'), fault: { kind: 'hang' } });
  aws.faults.add({ when: ({ path }) => path.startsWith('sts:'), fault: { kind: 'delay', ms: 3_600_000 } });
  const calls = [call(aws, { service: 's3', method: 'GET', path: '/a/b' }), call(aws, callerIdentity)];
  const outcomes = Promise.allSettled(calls);
  while (aws.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
  await aws.stop();
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ['rejected', 'rejected'],
  );
});
