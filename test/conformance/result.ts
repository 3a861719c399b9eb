import * as v from 'valibot';

/** How one drainer did in one scenario. `not run` says why it took no part; `error` is a fault of the suite. */
const Outcome = v.variant('outcome', [
  v.object({ outcome: v.literal('passed') }),
  v.object({ outcome: v.literal('failed'), harm: v.array(v.string()) }),
  v.object({ outcome: v.literal('not run'), why: v.string() }),
  v.object({ outcome: v.literal('error'), error: v.string() }),
]);
export type Outcome = v.InferOutput<typeof Outcome>;

const Column = v.object({
  /** The name of the adapter. */
  drainer: v.string(),
  title: v.string(),
  /** By the ID of the scenario. */
  results: v.record(v.string(), Outcome),
});
export type Column = v.InferOutput<typeof Column>;

const Run = v.object({
  /** Where it ran, for people: `simulator`, `API server v1.34.1`. */
  cluster: v.string(),
  columns: v.array(Column),
});
export type Run = v.InferOutput<typeof Run>;

export const Results = v.object({ runs: v.array(Run) });
export type Results = v.InferOutput<typeof Results>;

/** Adds a run. Columns and scenarios that it has replace those of an earlier run on the same cluster, the others stay. */
export function merged({ runs }: Results, run: Run): Results {
  const before = runs.find(({ cluster }) => cluster === run.cluster);
  if (before === undefined) return { runs: [...runs, run] };
  const columns = run.columns.map((column) => {
    const old = before.columns.find(({ drainer }) => drainer === column.drainer);
    return { ...column, results: { ...old?.results, ...column.results } };
  });
  const kept = before.columns.filter(({ drainer }) => !columns.some((column) => column.drainer === drainer));
  const all = [...columns, ...kept].toSorted((a, b) => rank(a) - rank(b));
  return { runs: runs.map((each) => (each === before ? { ...run, columns: all } : each)) };
}

const ORDER = ['ours', 'kubectl', 'delete-all'];

function rank({ drainer }: Column): number {
  const at = ORDER.indexOf(drainer);
  return at === -1 ? ORDER.length : at;
}
