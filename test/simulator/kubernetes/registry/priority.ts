import { isObject, type JsonObject } from '../model/shape.ts';
import { forbidden } from '../model/status.ts';

/** The default classes of every cluster; the simulator has no others. */
const PRIORITIES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

/**
 * The Priority admission plugin: the class of a pod becomes its priority, in any namespace.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
 */
export function admitPriority(resource: { group: string; name: string }, name: string, given: JsonObject): JsonObject {
  const { spec } = given;
  if (resource.name !== 'pods' || !isObject(spec)) return given;
  const { priorityClassName, priority: asked } = spec;
  const hasClass = typeof priorityClassName === 'string' && priorityClassName !== '';
  const priority = hasClass ? PRIORITIES[priorityClassName] : 0;
  if (priority === undefined)
    throw forbidden(resource, name, `no PriorityClass with name ${String(priorityClassName)} was found`);
  if (asked !== undefined && asked !== priority) {
    const why = `the integer value of priority (${String(asked)}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`;
    throw forbidden(resource, name, why);
  }
  return { ...given, spec: { ...spec, priority } };
}
