import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noHarm } from '../witness/harm.ts';
import { putKubeconfig } from './account.ts';
import { actionOf, INSTANCE, processFixture } from './process-fixture.ts';
import { summaryOf } from './program.ts';

// The cluster's certificate authority is rotated while a budget blocks a drain for hours: the drain watches nothing and never ends.
test("a drain continues with the bucket's new kubeconfig after the cluster's certificate authority is rotated", async (context) => {
  const fixture = await processFixture(context);
  await fixture.addPod('web');
  await fixture.blockAll();
  fixture.aws.terminateInstance(INSTANCE);
  const drain = fixture.drain();
  await drain.line('pod waiting');
  await fixture.kubernetes.rotateCertificate({ newAuthority: true });
  await drain.line('retrying');
  putKubeconfig(fixture.aws, fixture.kubernetes.kubeconfig('node-drainer'));
  await fixture.unblock();
  const ended = await drain.ended();
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(summaryOf(ended)['result'], 'drained');
  assert.equal(actionOf(fixture).result, 'CONTINUE');
  const retries = ended.lines.filter(({ event }) => event === 'retrying').map(({ message }) => message);
  assert.ok(
    retries.some((message) => message.includes("not signed by the cluster's certificate authority")),
    retries.join('\n'),
  );
  await noHarm(fixture.witness);
});
