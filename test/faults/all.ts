import { apiOutages } from './api-outage.ts';
import { awsFailures } from './aws-failures.ts';
import { unreliableEvents } from './events.ts';
import { failingCalls } from './failing-calls.ts';
import { kills } from './kills.ts';
import { oddities } from './oddities.ts';
import { pairs } from './pairs.ts';
import { realApiServer } from './real-api-server.ts';
import type { FaultScenario } from './scenario.ts';
import { thousand } from './thousand.ts';

/** In the order of the table. */
export const scenarios: readonly FaultScenario[] = [
  ...apiOutages,
  ...realApiServer(process.env),
  ...failingCalls,
  ...awsFailures,
  ...oddities,
  pairs,
  kills,
  unreliableEvents,
  thousand,
];
