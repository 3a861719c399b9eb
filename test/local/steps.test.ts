import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account } from '../../scripts/local/account.ts';
import { readCompose } from '../../scripts/local/compose.ts';
import { StepFailed } from '../../scripts/local/runner.ts';
import { down, type Machine, up } from '../../scripts/local/steps.ts';
import { readSeed, seedAccount } from '../simulator/aws/seed.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import { FakeMachine } from './fake-machine.ts';

/** A machine without a cluster or images, and an account as the compose file seeds it. */
async function bareMachine(t: TestContext) {
  const services = await readCompose({});
  const seed = readSeed(services.aws.environment);
  const aws = await startAws({ region: seed.region, accessKey: seed.accessKey });
  t.after(() => aws.stop());
  seedAccount(aws, seed);
  const fake = new FakeMachine(aws, services);
  const printed: string[] = [];
  const machine: Machine = {
    run: fake.run,
    say: (line) => printed.push(line),
    services,
    account: new Account(aws.url, services.drainer),
    kubeconfig: '/tmp/never-written',
  };
  return { aws, fake, machine, printed, instanceId: seed.instanceId };
}

const failsWith = (message: RegExp) => (error: unknown) => error instanceof StepFailed && message.test(error.message);

// A step before its prerequisite works only on machines on which the script has run before.
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

// If the steps run in another order, the drainer gets outdated or missing inputs.
test('a local run executes its steps in order, and prints each command before it runs', async (t) => {
  const { fake, machine, printed } = await bareMachine(t);
  await up(machine);
  const steps = printed.filter((line) => !line.startsWith(' '));
  assert.deepEqual(
    steps.map((line) => line.split(' ').slice(0, 3).join(' ')),
    [
      'Check that docker,',
      'Build the two',
      'Create a kind',
      'Grant the drainer',
      'Choose the node',
      'Start the simulated',
      'Store the kubeconfig',
      'Deploy a sample',
      'Terminate i-0123456789abcdef0, as',
      'Start the drainer,',
      'Check that the',
      'The hook is',
    ],
  );
  const shown = printed.filter((line) => line.startsWith('  $ ')).map((line) => line.slice(4));
  const done = fake.commands.filter((line) => !/ version/.test(line));
  assert.deepEqual(
    shown.map((line) => line.replace(/ --kubeconfig \S+/, '')),
    done,
    'every command that changes something is printed before it runs',
  );
});

// A second run fails on a worker that is still cordoned, or on an existing cluster.
test('a second run succeeds on the same cluster', async (t) => {
  const { aws, fake, machine, instanceId } = await bareMachine(t);
  await up(machine);
  await up(machine);
  assert.equal(fake.commands.filter((line) => line.startsWith('kind create')).length, 1);
  assert.equal(aws.lifecycleActions(instanceId)[0]?.result, 'CONTINUE');
  assert.equal(fake.workers.get('worker')?.pods, 0);
});

// "spawn kind ENOENT" does not say what to do.
test('all missing tools are reported at once with their download links, and no other command runs', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.missing.add('docker').add('kind').add('kubectl');
  await assert.rejects(up(machine), (error: unknown) => {
    assert.ok(error instanceof StepFailed);
    const [, ...errors] = error.message.split('\n');
    assert.equal(errors.length, 3, error.message);
    for (const [index, tool] of ['docker', 'kind', 'kubectl'].entries()) {
      assert.match(errors[index] ?? '', new RegExp(`${tool} is not installed.*https://`));
    }
    return true;
  });
  assert.ok(fake.commands.every((line) => / version/.test(line)));
});

// A user whose Docker daemon is not running looks for the error in the Dockerfile.
test('a Docker daemon that does not respond has another message than a missing docker', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.broken.set('docker version', 'Cannot connect to the Docker daemon\nsecond line');
  await assert.rejects(up(machine), failsWith(/daemon does not answer: .* \(Cannot connect to the Docker daemon\)$/));
});

// docker without the compose plugin prints only "unknown command", at a later step.
test('a missing compose plugin is reported', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.broken.set('docker compose version', '');
  await assert.rejects(up(machine), failsWith(/docker has no 'compose'.*https:\/\//));
});

// A run that continues after a failed step reports a drain that did not happen.
test('a failed drain fails the run, with the failed command', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.drainerExitCode = 1;
  await assert.rejects(up(machine), failsWith(/^docker compose run --rm drainer ended with 1/));
});

// A drainer that exits with 0 without completing the hook passes, and the instance waits for hours.
test('a hook that is not completed fails the run, even if the drainer exits with 0', async (t) => {
  const { fake, machine } = await bareMachine(t);
  fake.drainerExitCode = 0;
  await assert.rejects(up(machine), failsWith(/hook is not completed: i-0123456789abcdef0 is Terminating:Wait/));
});

// A forgotten cluster keeps using the memory of the machine.
test('down removes every container, image and cluster, and does not need kubectl', async (t) => {
  const { fake, machine } = await bareMachine(t);
  await up(machine);
  fake.missing.add('kubectl');
  await down(machine);
  assert.deepEqual(
    { cluster: fake.hasCluster, images: fake.images.size, aws: fake.isAwsRunning },
    { cluster: false, images: 0, aws: false },
  );
});
