import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const MODULE = new URL('../../../app/lib/compilers.ts', import.meta.url).href;
const HOT = 'let sum = 0; const add = (n) => { sum += n; }; for (let n = 0; n < 3e6; n++) add(n); add(1);';

// A version of V8 that ignores these flags after its start would take 15 MB more, and nobody would notice.
test('after disableOptimizingCompilers() V8 optimizes no function', async () => {
  assert.match(await trace(HOT), /JSFunction add .*target (MAGLEV|TURBOFAN)/);
  const call = `const { disableOptimizingCompilers } = await import('${MODULE}'); disableOptimizingCompilers();`;
  assert.doesNotMatch(await trace(`${call} ${HOT}`), /JSFunction add .*target|illegal|unrecognized/);
});

async function trace(code: string): Promise<string> {
  const args = ['--trace-opt', '--input-type=module', '--eval', code];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 });
  return stdout + stderr;
}
