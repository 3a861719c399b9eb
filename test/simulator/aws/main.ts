import { populate } from './populate.ts';
import { readSeed, type Seed, SeedFaults } from './seed.ts';
import { startAws } from './simulator.ts';

/**
 * The simulated AWS as a process of its own: an account with a bucket, and a group with a lifecycle hook and an instance,
 * as the environment says (docker-compose.yml shows every variable). Everything else is done by ordinary AWS calls.
 */
const seed = seedOrExit();
if (seed !== undefined) await serve(seed);

function seedOrExit(): Seed | undefined {
  try {
    return readSeed(process.env);
  } catch (error) {
    if (!(error instanceof SeedFaults)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 64;
    return undefined;
  }
}

async function serve(seed: Seed): Promise<void> {
  const { host, port, region, accessKey } = seed;
  const aws = await startAws({ host, port, region, accessKey });
  populate(aws, seed);
  aws.onEvent(({ detail }) => say(`event: ${detail.EC2InstanceId} of ${detail.AutoScalingGroupName} is terminating`));
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void aws.stop());
  say(`simulated AWS in ${region} at ${aws.url}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
