import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoScalingClient, RecordLifecycleActionHeartbeatCommand } from '@aws-sdk/client-auto-scaling';
import { awsError } from '../../simulator/aws/protocol/errors.ts';
import { startAws } from '../../simulator/aws/simulator.ts';
import { call, callerIdentity, clientOptions, hook, id, seed, soleAction, started } from './account.ts';

// A fault that the SDK does not recognise as the real error proves nothing.
test('faults reach the SDK as the real errors of the services', async (t) => {
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
  assert.equal(soleAction(aws).heartbeats, 0, 'no heartbeat was recorded');

  aws.faults.add({ ...once, fault: { kind: 'after', fault: 'reset' } });
  await assert.rejects(heartbeat(), { code: 'ECONNRESET' });
  assert.equal(soleAction(aws).heartbeats, 1, 'recorded, but the response was lost');
  aws.faults.add({ ...once, fault: { kind: 'half-body' } });
  await assert.rejects(heartbeat());
  assert.equal(soleAction(aws).heartbeats, 2, 'recorded, but half the response was lost');
  const outage = aws.faults.outage();
  await assert.rejects(heartbeat(), { code: 'ECONNRESET' });
  outage.end();
  await heartbeat();
  assert.equal(soleAction(aws).heartbeats, 3);
  assert.deepEqual(
    aws.requests.map(({ status }) => status),
    [400, 503, 403, 500, 0, 0, 0, 0, 200],
  );
});

// A simulator that does not stop would block the whole suite.
test('stopping the simulator ends pending requests', async () => {
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
