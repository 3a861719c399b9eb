import { apiOutages } from './api-outage.ts';
import { awsFailures } from './aws-failures.ts';
import { failingCalls } from './failing-calls.ts';
import { kills } from './kills.ts';
import { oddities } from './oddities.ts';
import type { FaultScenario } from './scenario.ts';

/** In the order of the table. */
export const scenarios: readonly FaultScenario[] = [...apiOutages, ...failingCalls, ...awsFailures, kills, ...oddities];
