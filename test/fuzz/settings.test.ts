import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../app/config/cli.ts';
import { readConfig } from '../../app/config/drain-config.ts';
import { ConfigErrors, configErrorText } from '../../app/config/setting-values.ts';
import { readSweepConfig } from '../../app/config/sweep-config.ts';
import { type CaseResult, fuzz, sizeOf } from './fuzz.ts';
import { type Invocation, randomInvocation } from './settings.ts';

/** Reads an invocation as the program does before it sends any request. */
function judge({ args, environment }: Invocation): CaseResult {
  const line = readCommandLine(args);
  if (line.command === 'unknown') return { refusal: configErrorText(new ConfigErrors(line.errors)) };
  if (line.command === 'help' || line.command === 'version' || line.command === 'completion') return { used: true };
  try {
    if (line.command === 'sweep') {
      assert.ok(readSweepConfig(environment, line.flags, line.errors).hook.length > 0);
      return { used: true };
    }
    const { target } = readConfig(environment, line.flags, line.errors);
    assert.match(target.kind === 'instance' ? target.instanceId : target.name, /^[a-z0-9][-a-z0-9.]*$/);
    assert.deepEqual(line.errors, [], 'the errors of the command line were lost');
    return { used: true };
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    assert.ok(error.errors.length > 0);
    return { refusal: configErrorText(error) };
  }
}

// An unexpected exception, which is a stack trace in a log, exit code 70, and a hook that is not completed.
test('every invocation is read as a configuration or refused with its errors', async () => {
  const size = sizeOf(300);
  const { used, refused } = await fuzz(size, randomInvocation, judge);
  if (size.cases >= 300) assert.ok(used > 10 && refused > 100, `${used} configurations, ${refused} refusals`);
});
