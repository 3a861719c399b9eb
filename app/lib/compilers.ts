import { setFlagsFromString } from 'node:v8';

/**
 * Turns off the optimizing compilers of V8, Maglev and TurboFan, for the rest of the process; Sparkplug still compiles. They take 12
 * to 15 MB, and a drain is too short to earn back their CPU time (ADR 39).
 *
 * V8 reads both flags each time before it optimizes a function (`TiersUpToMaglev` and `ShouldOptimize` in
 * https://github.com/v8/v8/blob/13.6.233/src/execution/tiering-manager.cc). On the command line they would slow down each start: Node's
 * code cache of its own modules is valid only for its own flags.
 */
export function disableOptimizingCompilers(): void {
  setFlagsFromString('--no-opt');
  setFlagsFromString('--no-maglev');
}
