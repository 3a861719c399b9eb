/**
 * A pseudo-random number in [0, 1) that depends only on the seed and `n` (one round of splitmix32).
 * Stateless, so that the order of calls does not matter.
 */
export function seeded(seed: number, n: number): number {
  let mixed = (Math.imul(seed + 1, 0x9e3779b9) + Math.imul(n + 1, 0x85ebca6b)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}
