import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putKubeconfig } from './account.ts';
import { actionOf, INSTANCE, world } from './process-fixture.ts';
import { summaryOf } from './program.ts';

// The authority of a cluster is replaced while a budget holds up a drain for hours: it would watch nothing, and wait for ever.
test('a drain goes on when the authority of its cluster is replaced, with the kubeconfig that the bucket has by then', async (context) => {
  const w = await world(context);
  await w.addPod('web');
  await w.blockAll();
  w.aws.terminateInstance(INSTANCE);
  const drain = w.drain();
  await drain.line('pod waiting');
  await w.kubernetes.rotateCertificate({ newAuthority: true });
  await drain.line('retrying');
  putKubeconfig(w.aws, w.kubernetes.kubeconfig('node-drainer'));
  await w.unblock();
  const ended = await drain.ended();
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(summaryOf(ended)['result'], 'drained');
  assert.equal(actionOf(w).result, 'CONTINUE');
  const told = ended.lines.filter(({ event }) => event === 'retrying').map(({ message }) => message);
  assert.ok(
    told.some((message) => message.includes("not signed by the cluster's authority")),
    told.join('\n'),
  );
});
