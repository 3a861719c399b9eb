import { readSeed, type Seed, SeedErrors, seedAccount } from './seed.ts';
import { startAws } from './simulator.ts';

/**
 * Runs the simulated AWS as a separate process. The environment variables (see docker-compose.yml) define a bucket and an
 * Auto Scaling group with a lifecycle hook and an instance. Use ordinary AWS calls for everything else.
 */
const seed = seedOrExit();
if (seed !== undefined) await serve(seed);

function seedOrExit(): Seed | undefined {
  try {
    return readSeed(process.env);
  } catch (error) {
    if (!(error instanceof SeedErrors)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 64;
    return undefined;
  }
}

async function serve(seed: Seed): Promise<void> {
  const { host, port, region, accessKey } = seed;
  const aws = await startAws({ host, port, region, accessKey });
  seedAccount(aws, seed);
  aws.onEvent(({ detail }) => log(`event: ${detail.EC2InstanceId} of ${detail.AutoScalingGroupName} is terminating`));
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void aws.stop());
  log(`simulated AWS in ${region} at ${aws.url}`);
}

function log(line: string): void {
  process.stdout.write(`${line}\n`);
}
