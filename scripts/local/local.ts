import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { Account } from './account.ts';
import { publishedAt, readCompose } from './compose.ts';
import { runProgram, StepFailed } from './runner.ts';
import { down, type Machine, up } from './steps.ts';

/** `npm run local`: terminates an instance in a simulated AWS account, and drains its node in a kind cluster. */
const COMMANDS = { up, down };
const name = process.argv[2] ?? 'up';

if (name === 'up' || name === 'down') process.exitCode = await perform(COMMANDS[name]);
else {
  process.stderr.write(`unknown command '${name}': use up (default) or down\n`);
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

/** Commands are indented and dimmed, below the step that they belong to. */
function say(line: string): void {
  const style = line.startsWith(' ') ? 'dim' : 'bold';
  process.stdout.write(`${styleText(style, line)}\n`);
}
