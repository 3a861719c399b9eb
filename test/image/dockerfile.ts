/** One stage of a Dockerfile. */
export type Stage = { readonly name: string; readonly base: string; readonly text: string };

/** The stages of a Dockerfile, in order. */
export function stagesOf(dockerfile: string): Stage[] {
  return dockerfile
    .split(/^(?=FROM )/m)
    .slice(1)
    .map((text) => {
      const [, base, name] = /^FROM (?:--\S+ )*(\S+) AS (\S+)$/m.exec(text) ?? [];
      if (base === undefined || name === undefined) throw new Error(`a stage without a name: ${text.split('\n')[0]}`);
      return { name, base, text };
    });
}

/** The Dockerfile up to and including one stage: replaces `--target` for builders that build only the last stage. */
export function cutAfter(dockerfile: string, target: string): string {
  const stages = stagesOf(dockerfile);
  const index = stages.findIndex(({ name }) => name === target);
  if (index < 0) throw new Error(`the Dockerfile has no stage ${target}`);
  return stages
    .slice(0, index + 1)
    .map(({ text }) => text)
    .join('');
}
