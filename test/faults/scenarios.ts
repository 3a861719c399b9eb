import { apiOutages } from './api-outage.ts';
import { awsFailures } from './aws-failures.ts';
import { clusterEvents } from './cluster-events.ts';
import { concurrentDrains } from './concurrent-drains.ts';
import { duplicateWorkers } from './duplicate-workers.ts';
import { failingCalls } from './failing-calls.ts';
import { killedTasks } from './killed-tasks.ts';
import { loadBalancing } from './load-balancing.ts';
import { massTermination } from './mass-termination.ts';
import { realApiServer } from './real-api-server.ts';
import { refusedTasks } from './refused-tasks.ts';
import type { FaultScenario } from './scenario.ts';
import { spotWave } from './spot-wave.ts';
import { unreliableEvents } from './unreliable-events.ts';
import { unusualConditions } from './unusual-conditions.ts';
import { workerKills } from './worker-kills.ts';

/** In the order of the table. */
export const scenarios: readonly FaultScenario[] = [
  ...apiOutages,
  ...realApiServer(process.env),
  ...failingCalls,
  ...awsFailures,
  ...unusualConditions,
  ...clusterEvents,
  ...loadBalancing,
  duplicateWorkers,
  workerKills,
  concurrentDrains,
  killedTasks,
  unreliableEvents,
  refusedTasks,
  spotWave,
  massTermination,
];
