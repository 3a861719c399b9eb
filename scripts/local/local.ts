import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { Account } from './account.ts';
import { publishedAt, readCompose } from './compose.ts';
import { runProgram, StepFailed } from './runner.ts';
import { down, type Machine, up } from './steps.ts';

/** `npm run local`: drains a worker of a kind cluster, for a termination in a simulated AWS account. */
const COMMANDS = { up, down };
const name = process.argv[2] ?? 'up';

if (name === 'up' || name === 'down') process.exitCode = await perform(COMMANDS[name]);
else {
  process.stderr.write(`'${name}' is neither up nor down\n`);
  process.exitCode = 64;
}

async function perform(command: (machine: Machine) => Promise<void>): Promise<number> {
  const services = await readCompose(process.env);
  const kubeconfig = fileURLToPath(new URL('../../.local/kubeconfig', import.meta.url));
  await mkdir(dirname(kubeconfig), { recursive: true });
  try {
    await command({
      run: runProgram,
      say,
      services,
      account: new Account(publishedAt(services.aws), services.drainer),
      kubeconfig,
    });
    return 0;
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    process.stderr.write(`${styleText('red', error.message)}\n`);
    return 1;
  }
}

/** Commands are indented, and shown dimmed under the step that they belong to. */
function say(line: string): void {
  const style = line.startsWith(' ') ? 'dim' : 'bold';
  process.stdout.write(`${styleText(style, line)}\n`);
}
