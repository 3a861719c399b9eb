/** Milliseconds as seconds for people and metrics, in tenths. */
export function inSeconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
