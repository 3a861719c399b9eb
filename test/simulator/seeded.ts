/**
 * A number in [0, 1) that looks random and is always the same for the same seed and number (a round of splitmix32).
 * It keeps no state, so the order in which one asks does not matter.
 */
export function seeded(seed: number, n: number): number {
  let mixed = (Math.imul(seed + 1, 0x9e3779b9) + Math.imul(n + 1, 0x85ebca6b)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}
