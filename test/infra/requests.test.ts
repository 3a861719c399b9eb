import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestsOf } from '../../scripts/scale/requests.ts';
import { INSTANCE } from '../process/process-fixture.ts';
import { deployed, onlyTaskEnded } from './deployed.ts';

// docs/scale.md promises a number of requests that a drain no longer keeps to, and a large cluster finds out.
test('a drain sends as many requests of each verb to the API server as the scale model counts', async (context) => {
  const fixture = await deployed(context);
  for (const name of ['a', 'b', 'c']) await fixture.addPod(name);
  fixture.aws.terminateInstance(INSTANCE);
  const end = await onlyTaskEnded(fixture);
  assert.equal(end.code, 0, end.stderr);
  const quiet = { volumes: 0, detachSeconds: 0, drainSeconds: 1, attachments: 0 };
  const counted = requestsOf({ podsByNamespace: [3], clusterPods: 3, ...quiet });
  const sent = fixture.kubernetes.requests.filter(({ user }) => user === 'node-drainer').map(({ verb }) => verb);
  const expected = counted.flatMap(({ verb, count }) => Array.from({ length: count }, () => verb));
  assert.deepEqual(sent.sort(), expected.sort());
});
