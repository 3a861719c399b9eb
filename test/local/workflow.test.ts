import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import * as v from 'valibot';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };

const Step = v.looseObject({ run: v.optional(v.string()), uses: v.optional(v.string()) });
const Job = v.looseObject({ 'timeout-minutes': v.number(), steps: v.array(Step) });
const Workflow = v.looseObject({ permissions: v.record(v.string(), v.string()), jobs: v.record(v.string(), Job) });

type Read = { readonly name: string; readonly text: string; readonly workflow: v.InferOutput<typeof Workflow> };

const FOLDER = new URL('../../.github/workflows/', import.meta.url);
const workflows: Read[] = await Promise.all(
  (await readdir(FOLDER)).map(async (name) => {
    const text = await readFile(new URL(name, FOLDER), 'utf8');
    return { name, text, workflow: v.parse(Workflow, parse(text)) };
  }),
);
const steps = workflows.flatMap(({ workflow }) => Object.values(workflow.jobs).flatMap((job) => job.steps));

// A renamed npm script fails only after the push.
test('every npm script that the workflow runs exists', () => {
  const scripts: Readonly<Record<string, string>> = manifest.scripts;
  const run = steps.flatMap(({ run = '' }) => [...run.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name));
  assert.ok(run.length >= 4);
  for (const name of run) assert.ok(scripts[name], `package.json has no script '${name}'`);
});

// A tag of an action can be moved to other code, which then runs with the token of a release.
test('every action is pinned to a commit, and says its version', () => {
  for (const { name, text } of workflows)
    for (const [line] of text.matchAll(/^.*uses: .*$/gm))
      assert.match(line, /uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, name);
});

// The code of a pull request runs with the workflow's token.
test('no workflow has a permission except to read the repository, and only jobs ask for more', () => {
  for (const { name, workflow } of workflows) assert.deepEqual(workflow.permissions, { contents: 'read' }, name);
});

// Node 20 is what the README promises, and what nobody here runs.
test('the tests run on every Node that the README names', () => {
  const ci = workflows.find(({ name }) => name === 'ci.yml');
  assert.match(ci?.text ?? '', /node: \[20, 22, 24\]/);
});
