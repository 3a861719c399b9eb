import type { TestContext } from 'node:test';
import { type AwsOptions, type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';

const OWN = process.env;

/** A simulated AWS until the test ends. The SDK finds it by the environment of this process: the last one counts. */
export async function awsOfProcess(t: TestContext, options?: AwsOptions): Promise<AwsSimulator> {
  const aws = await startAws(options);
  process.env = { ...OWN, ...aws.environment };
  t.after(async () => {
    process.env = OWN;
    await aws.stop();
  });
  return aws;
}
