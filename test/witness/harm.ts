import assert from 'node:assert/strict';

/** What happened to somebody because an instance went away or was made ready to. Pods and Services are `namespace/name`. */
export type Harm =
  /** The instance died while containers of the pod ran that had not had their whole grace period. */
  | {
      readonly kind: 'cut off';
      readonly pod: string;
      readonly containers: readonly string[];
      readonly hadSigterm: boolean;
      /** Seconds of its grace that it got, and how many it has by its own spec. */
      readonly graceGot: number;
      readonly grace: number;
    }
  /** The pod was asked to end within less than its own grace, though there was time for the whole. */
  | { readonly kind: 'grace shortened'; readonly pod: string; readonly graceGot: number; readonly grace: number }
  | { readonly kind: 'volume attached'; readonly node: string; readonly volume: string }
  /** The load balancer of a Service, or a target group, sent requests to the node, or still had some there, when it died. */
  | {
      readonly kind: 'still a target';
      readonly node: string;
      readonly service: string;
      readonly state: 'registered' | 'draining';
    }
  /** A ready pod was kept on a node to which the load balancer of its Service no longer sent anything. */
  | { readonly kind: 'held without traffic'; readonly pod: string; readonly service: string; readonly seconds: number }
  /** A pod was deleted that its budget protected, before the certain end. */
  | { readonly kind: 'against a budget'; readonly pod: string; readonly budget: string }
  /** A node that is not the instance's was written to, or a pod on such a node was. */
  | { readonly kind: 'foreign'; readonly what: 'node' | 'pod'; readonly name: string; readonly request: string };

/** A harm that a test expects; fields that it leaves out may be anything. */
export type ExpectedHarm = {
  [K in Harm['kind']]: { readonly kind: K } & Partial<Extract<Harm, { kind: K }>>;
}[Harm['kind']];

type Judge = { harm(): Promise<readonly Harm[]> };

/** Fails when the witness saw any harm. */
export async function noHarm(witness: Judge): Promise<void> {
  const harm = await witness.harm();
  assert.ok(harm.length === 0, `no harm was expected, and the witness saw: ${harmText(harm)}`);
}

/**
 * Fails unless the witness saw all of the expected harm and no other.
 * @param why says why this harm is right in this test; part of the message
 */
export async function onlyHarm(witness: Judge, why: string, ...expected: readonly ExpectedHarm[]): Promise<void> {
  const harm = await witness.harm();
  const missing = expected.filter((one) => !harm.some((each) => fits(each, one)));
  const others = harm.filter((each) => !expected.some((one) => fits(each, one)));
  const faults = [
    ...missing.map((one) => `the witness did not see ${JSON.stringify(one)}`),
    ...(others.length === 0 ? [] : [`it also saw: ${harmText(others)}`]),
  ];
  assert.ok(faults.length === 0, `expected harm (${why}): ${faults.join('; ')}; in all: ${harmText(harm)}`);
}

function fits(harm: Harm, expected: ExpectedHarm): boolean {
  const fields = new Map<string, unknown>(Object.entries(harm));
  return Object.entries(expected).every(([field, value]) => {
    const found = fields.get(field);
    return Array.isArray(value) ? JSON.stringify(value) === JSON.stringify(found) : value === found;
  });
}

/** So many names are enough to find the others by. */
const NAMES = 3;

/** One line for tables: `none`, or `1 pod cut off without SIGTERM (shop/web-0)`. */
export function harmText(harm: readonly Harm[]): string {
  const groups = Map.groupBy(harm, headingOf);
  const parts = [...groups].map(([heading, members]) => {
    const names = [...new Set(members.map(subjectOf))].sort();
    const more = names.length - NAMES;
    const shown = [...names.slice(0, NAMES), ...(more > 0 ? [`${more} more`] : [])].join(', ');
    const [one, many] = NOUNS[members[0]?.kind ?? 'cut off'];
    return `${names.length} ${names.length === 1 ? one : many} ${heading} (${shown})`;
  });
  return parts.length === 0 ? 'none' : parts.join('; ');
}

const NOUNS: Readonly<Record<Harm['kind'], readonly [string, string]>> = {
  'cut off': ['pod', 'pods'],
  'grace shortened': ['pod', 'pods'],
  'volume attached': ['volume', 'volumes'],
  'still a target': ['node', 'nodes'],
  'held without traffic': ['pod', 'pods'],
  'against a budget': ['pod', 'pods'],
  foreign: ['request', 'requests'],
};

function headingOf(harm: Harm): string {
  switch (harm.kind) {
    case 'cut off':
      return harm.hadSigterm ? `cut off after ${harm.graceGot} of ${harm.grace} s` : 'cut off without SIGTERM';
    case 'grace shortened':
      return `given ${harm.graceGot} of ${harm.grace} s`;
    case 'volume attached':
      return 'still attached';
    case 'still a target':
      return `still a target (${harm.state}) of ${harm.service}`;
    case 'held without traffic':
      return `held without traffic of ${harm.service}`;
    case 'against a budget':
      return `deleted against budget ${harm.budget}`;
    case 'foreign':
      return `for a ${harm.what} of another instance`;
  }
}

function subjectOf(harm: Harm): string {
  switch (harm.kind) {
    case 'volume attached':
      return harm.volume;
    case 'still a target':
      return harm.node;
    case 'held without traffic':
      return `${harm.pod} for ${harm.seconds} s`;
    case 'foreign':
      return `${harm.request} ${harm.name}`;
    case 'cut off':
    case 'grace shortened':
    case 'against a budget':
      return harm.pod;
  }
}
