import { type Command, NOT_FOUND, type Run, StepFailed } from './runner.ts';

type Tool = {
  /** Succeeds only if the tool works. */
  readonly check: Command;
  readonly missing: string;
  readonly broken: string;
};

export const DOCKER: Tool = {
  check: ['docker', 'version', '--format', '{{.Server.Version}}'],
  missing: 'docker is not installed, or not on PATH; install it: https://docs.docker.com/get-started/get-docker/',
  broken: 'docker is installed, but its daemon does not answer: check that it is running, and that you may access it',
};

export const COMPOSE: Tool = {
  check: ['docker', 'compose', 'version'],
  missing: DOCKER.missing,
  broken: "docker has no 'compose' (version 2 or later); install it: https://docs.docker.com/compose/install/",
};

export const KIND: Tool = {
  check: ['kind', 'version'],
  missing:
    'kind is not installed, or not on PATH; install it: https://kind.sigs.k8s.io/docs/user/quick-start/#installation',
  broken: 'kind is installed, but does not work',
};

export const KUBECTL: Tool = {
  check: ['kubectl', 'version', '--client'],
  missing: 'kubectl is not installed, or not on PATH; install it: https://kubernetes.io/docs/tasks/tools/',
  broken: 'kubectl is installed, but does not work',
};

/** @throws StepFailed that names every tool that is missing or does not work */
export async function needTools(run: Run, tools: readonly Tool[]): Promise<void> {
  const faults = await Promise.all(tools.map((tool) => faultOf(run, tool)));
  const found = [...new Set(faults.filter((fault) => fault !== undefined))];
  if (found.length > 0)
    throw new StepFailed(['a local run needs tools that are missing or do not work:', ...found].join('\n  - '));
}

async function faultOf(run: Run, { check, missing, broken }: Tool): Promise<string | undefined> {
  const { code, stderr } = await run(check);
  if (code === 0) return undefined;
  if (code === NOT_FOUND) return missing;
  const [line = ''] = stderr.trim().split('\n');
  return line === '' ? broken : `${broken} (${line})`;
}
