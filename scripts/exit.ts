/** Ends the process as one that was called in a wrong way. */
export function exit(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(64);
}

/** What `read` makes of the arguments of this process; if they are wrong, it ends with the reason and the usage. */
export function argumentsOrExit<T>(read: (args: readonly string[]) => T, usage: string): T {
  try {
    return read(process.argv.slice(2));
  } catch (error) {
    exit(`${error instanceof Error ? error.message : error}\n${usage}`);
  }
}

/** Progress goes to stderr: stdout is for the results. */
export function log(text: string): void {
  process.stderr.write(`${text}\n`);
}
