import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setDrainConditions } from '../../../app/kubernetes/drain-conditions.ts';
import { Denied } from '../../../app/lib/errors.ts';
import type { NewDrainCondition } from '../../../app/run/condition-types.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';
import { nodeOf } from '../../support/run-fixture.ts';

const never = new AbortController().signal;
const node = nodeOf('node-a', 'i-1');
const at = Date.parse('2026-11-27T10:00:00.900Z');
const condition = (more: Partial<NewDrainCondition> = {}): NewDrainCondition => ({
  type: 'DrainInProgress',
  status: 'True',
  reason: 'NodeDrainerStarted',
  message: 'started',
  at,
  isTransition: true,
  ...more,
});

// A merge patch would replace the list: the kubelet's conditions would be gone, and the node would be taken for one that is not ready.
// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/#use-a-strategic-merge-patch-to-update-a-deployment
test('conditions are merged by their type into the status, with the UID as a precondition', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 200, {}));
  const client = clientOf(t, server.url, new ManualClock());
  const kept = condition({ type: 'Drained', status: 'False', isTransition: false });
  assert.equal(await setDrainConditions(client, node, [condition(), kept], never), 'set');
  const [request] = server.received;
  assert.equal(request?.method, 'PATCH');
  assert.equal(request?.path, '/api/v1/nodes/node-a/status');
  assert.equal(request?.headers['content-type'], 'application/strategic-merge-patch+json');
  const time = '2026-11-27T10:00:00Z';
  const common = { reason: 'NodeDrainerStarted', message: 'started', lastHeartbeatTime: time };
  assert.deepEqual(JSON.parse(request?.body ?? ''), {
    metadata: { uid: 'n-1' },
    status: {
      conditions: [
        { type: 'DrainInProgress', status: 'True', ...common, lastTransitionTime: time },
        // The time since when it is so stays what it is.
        { type: 'Drained', status: 'False', ...common },
      ],
    },
  });
});

// The conditions of a drained node would stand on the new node of the same name.
test('a node that is gone, or another one, gets no condition; a missing right is a denial', async (t) => {
  const answers = [
    status(404, 'NotFound', 'nodes "node-a" not found', { name: 'node-a' }),
    status(422, 'Invalid', 'Node "node-a" is invalid: metadata.uid: Invalid value: "n-1": field is immutable'),
    status(
      403,
      'Forbidden',
      'nodes "node-a" is forbidden: User "x" cannot patch resource "nodes/status" in API group ""',
    ),
  ];
  const server = await apiServer(t, (_, response) => {
    const answer = answers.shift();
    json(response, answer?.code ?? 500, answer);
  });
  const client = clientOf(t, server.url, new ManualClock());
  const set = () => setDrainConditions(client, node, [condition()], never);
  assert.deepEqual([await set(), await set()], ['replaced', 'replaced']);
  await assert.rejects(set(), Denied);
});
