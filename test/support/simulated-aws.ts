import type { TestContext } from 'node:test';
import { type AwsOptions, type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';

const ORIGINAL_ENVIRONMENT = process.env;

/**
 * Starts a simulated AWS until the test ends. The SDK finds it by the environment of this process, so only the one that
 * was started last is in use.
 */
export async function simulatedAws(t: TestContext, options?: AwsOptions): Promise<AwsSimulator> {
  const aws = await startAws(options);
  process.env = { ...ORIGINAL_ENVIRONMENT, ...aws.environment };
  t.after(async () => {
    process.env = ORIGINAL_ENVIRONMENT;
    await aws.stop();
  });
  return aws;
}
