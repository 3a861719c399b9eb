import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Job } from '../local/service.ts';
import { Drainer } from './drainer.ts';
import { localFlow } from './local-flow.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

const SIMULATOR = fileURLToPath(new URL('../simulator/aws/main.ts', import.meta.url));

// A setting of docker-compose.yml that is wrong, or a call that the simulated AWS lacks, shows only when all of it runs.
test('a local run, as plain processes, drains a worker and completes the hook', async (t) => {
  await localFlow(t, lab, {
    startAws: async (environment) => {
      const job = new Job(t, [process.execPath, SIMULATOR], environment);
      return job.says(/http:\S+/);
    },
    drain: (environment) => new Drainer(t, [], environment).ended(),
  });
});
