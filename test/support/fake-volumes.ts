import type { Claim } from '../../app/drain/cluster.ts';
import type { Attachment, Volumes } from '../../app/run/volumes.ts';
import type { ManualClock } from './clock.ts';

/** Volumes that are attached to a node in memory, each until a time that the test sets. */
export class FakeVolumes implements Volumes {
  /** Returns the error with which a call fails; undefined lets it succeed. */
  fault: (call: 'list' | 'read') => Error | undefined = () => undefined;
  readonly asked: ('list' | 'read')[] = [];
  readonly #inTree: { readonly volume: string; readonly until: number }[] = [];
  readonly #attached: { readonly claim: string; readonly volume: string; readonly until: number }[] = [];
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  /** Attaches the volume of the claim `namespace/name`, and detaches it at `untilMs` of the clock. */
  attach(claim: string, untilMs: number): void {
    this.#attached.push({ claim, volume: `pv-${claim.replace('/', '-')}`, until: untilMs });
  }

  /** Attaches an in-tree volume, which only the status of the node names. */
  attachInTree(volume: string, untilMs: number): void {
    this.#inTree.push({ volume, until: untilMs });
  }

  async attached(except: readonly Claim[], volumesInUse: readonly string[]): Promise<Attachment[]> {
    this.#meet('list');
    const staying = new Set(except.map(({ namespace, name }) => `${namespace}/${name}`));
    const csi = this.#attached.filter(({ claim, until }) => !staying.has(claim) && this.#clock.elapsed < until);
    return [
      ...csi.map(({ volume }) => ({ kind: 'attachment', name: `csi-${volume}`, volume }) as const),
      ...volumesInUse.map((volume) => ({ kind: 'in-tree', volume }) as const),
    ];
  }

  async isAttached({ volume }: Attachment): Promise<boolean> {
    this.#meet('read');
    const all = [...this.#attached, ...this.#inTree];
    return all.some((attached) => attached.volume === volume && this.#clock.elapsed < attached.until);
  }

  #meet(call: 'list' | 'read'): void {
    this.asked.push(call);
    const fault = this.fault(call);
    if (fault !== undefined) throw fault;
  }
}
