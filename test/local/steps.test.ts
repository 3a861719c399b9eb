import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account } from '../../scripts/local/account.ts';
import { readCompose } from '../../scripts/local/compose.ts';
import { StepFailed } from '../../scripts/local/runner.ts';
import { down, type Machine, up } from '../../scripts/local/steps.ts';
import { readSeed, seedAccount } from '../simulator/aws/seed.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import { FakeMachine } from './fake-machine.ts';

/** A machine on which nothing was done yet, and an account as the compose file seeds it. */
async function bareMachine(t: TestContext) {
  const services = await readCompose({});
  const seed = readSeed(services.aws.environment);
  const aws = await startAws({ region: seed.region, accessKey: seed.accessKey });
  t.after(() => aws.stop());
  seedAccount(aws, seed);
  const fake = new FakeMachine(aws, services);
  const said: string[] = [];
  const machine: Machine = {
    run: fake.run,
    say: (line) => said.push(line),
    services,
    account: new Account(aws.url, services.drainer),
    kubeconfig: '/tmp/never-written',
  };
  return { aws, fake, machine, said, instanceId: seed.instanceId };
}

const failsWith = (message: RegExp) => (error: unknown) => error instanceof StepFailed && message.test(error.message);

// A step that comes before what it needs works for whoever has run the script before, and for nobody else.
test('on a bare machine a local run ends with a drained worker and a completed hook', async (t) => {
  const { aws, fake, machine, instanceId } = await bareMachine(t);
  await up(machine);
  assert.equal(aws.lifecycleActions(instanceId)[0]?.result, 'CONTINUE');
  assert.deepEqual(
    [...fake.workers.values()].map(({ cordoned, pods }) => ({ cordoned, pods })),
    [
      { cordoned: true, pods: 0 },
      { cordoned: false, pods: 6 },
    ],
  );
});

// What is built after the cluster, or stored before the bucket is there, is not what the drainer gets.
test('the steps of a local run come in their order', async (t) => {
  const { fake, machine, said } = await bareMachine(t);
  await up(machine);
  const steps = said.filter((line) => !line.startsWith(' '));
  assert.deepEqual(
    steps.map((line) => line.split(' ').slice(0, 3).join(' ')),
    [
      'See whether docker,',
      'Build the two',
      'Create a kind',
      'Give the drainer',
      'Start the simulated',
      "Store the drainer's",
      'Say which node',
      'Deploy a sample',
      'Terminate i-0123456789abcdef0, as',
      'Start the drainer,',
      'See that the',
      'The hook is',
    ],
  );
  const shown = said.filter((line) => line.startsWith('  $ ')).map((line) => line.slice(4));
  const done = fake.commands.filter((line) => !/ version/.test(line));
  assert.deepEqual(
    shown.map((line) => line.replace(/ --kubeconfig \S+/, '')),
    done,
    'every command that changes something is shown before it is run',
  );
});

// A worker that is still cordoned, and a second cluster, are what a second attempt would stumble over.
test('a second run starts over on the same cluster', async (t) => {
  const { aws, fake, machine, instanceId } = await bareMachine(t);
  await up(machine);
  await up(machine);
  assert.equal(fake.commands.filter((line) => line.startsWith('kind create')).length, 1);
  assert.equal(aws.lifecycleActions(instanceId)[0]?.result, 'CONTINUE');
  assert.equal(fake.workers.get('worker')?.pods, 0);
});

// "spawn kind ENOENT" tells nobody what to do.
test('every tool that is missing is named at once, with where to get it, and nothing is done', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.missing.add('docker').add('kind').add('kubectl');
  await assert.rejects(up(machine), (error: unknown) => {
    assert.ok(error instanceof StepFailed);
    const [, ...faults] = error.message.split('\n');
    assert.equal(faults.length, 3, error.message);
    for (const [index, tool] of ['docker', 'kind', 'kubectl'].entries()) {
      assert.match(faults[index] ?? '', new RegExp(`${tool} is not installed.*https://`));
    }
    return true;
  });
  assert.ok(fake.commands.every((line) => / version/.test(line)));
});

// Whoever has docker, but has not started it, looks for the fault in the Dockerfile.
test('a docker daemon that does not answer is told from a docker that is not installed', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.broken.set('docker version', 'Cannot connect to the Docker daemon\nsecond line');
  await assert.rejects(up(machine), failsWith(/daemon does not answer: .* \(Cannot connect to the Docker daemon\)$/));
});

// docker without its plugin says "unknown command", for each of the steps.
test('a docker without compose is told so', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.broken.set('docker compose version', '');
  await assert.rejects(up(machine), failsWith(/docker has no 'compose'.*https:\/\//));
});

// A run that goes on after a failed step reports a drain that did not happen.
test('a drain that fails ends the run, with the command that failed', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.drainerEndsWith = 1;
  await assert.rejects(up(machine), failsWith(/^docker compose run --rm drainer ended with 1/));
});

// The exit code alone would let a drainer pass that forgets the hook, and keeps the instance waiting for hours.
test('a hook that is not completed fails the run, whatever the drainer says', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.drainerEndsWith = 0;
  await assert.rejects(up(machine), failsWith(/hook is not completed: i-0123456789abcdef0 is Terminating:Wait/));
});

// A cluster that stays behind takes the memory of the machine until somebody wonders.
test('down leaves no container, image or cluster, and needs no kubectl for it', async (t) => {
  const { fake, machine } = await bareMachine(t);
  await up(machine);
  fake.missing.add('kubectl');
  await down(machine);
  assert.deepEqual(
    { cluster: fake.hasCluster, images: fake.images.size, aws: fake.isAwsRunning },
    { cluster: false, images: 0, aws: false },
  );
});
