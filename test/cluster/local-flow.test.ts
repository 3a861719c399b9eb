import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Job } from '../local/job.ts';
import { Drainer } from './drainer.ts';
import { localFlow } from './local-flow.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const SIMULATOR = fileURLToPath(new URL('../simulator/aws/main.ts', import.meta.url));

// Only a complete run shows a wrong setting in docker-compose.yml, or a call that the simulated AWS does not implement.
test('a local run with plain processes drains a worker and completes the hook', async (t) => {
  await localFlow(t, cluster, {
    startAws: async (environment) => {
      const job = new Job(t, [process.execPath, SIMULATOR], environment);
      return job.prints(/http:\S+/);
    },
    drain: (environment) => new Drainer(t, [], environment).ended(),
  });
});
