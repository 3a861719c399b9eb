import type { Surroundings } from '../surroundings.ts';

/** What the parts of one drain share: its loop is woken by `ring`, and ended by `fail`. */
export type Inside = Surroundings & { readonly ring: () => void; readonly fail: (error: unknown) => void };
