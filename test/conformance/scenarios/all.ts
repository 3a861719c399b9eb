import type { ConformanceScenario, ScenarioGroup } from '../scenario.ts';
import { eviction } from './eviction.ts';
import { hook } from './hook.ts';
import { nodeVolumesTraffic } from './node.ts';
import { selection } from './selection.ts';
import { time } from './time.ts';

export const groups: readonly ScenarioGroup[] = [selection, eviction, time, nodeVolumesTraffic, hook];

export const scenarios: readonly ConformanceScenario[] = groups.flatMap((group) => group.scenarios);
