import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import * as v from 'valibot';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };

const Step = v.looseObject({ run: v.optional(v.string()), uses: v.optional(v.string()) });
const Job = v.looseObject({ 'timeout-minutes': v.number(), steps: v.array(Step) });
const Workflow = v.looseObject({ permissions: v.record(v.string(), v.string()), jobs: v.record(v.string(), Job) });

const text = await readFile(new URL('../../.github/workflows/ci.yml', import.meta.url), 'utf8');
const workflow = v.parse(Workflow, parse(text));
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

// A renamed npm script fails only after the push.
test('every npm script that the workflow runs exists', () => {
  const scripts: Readonly<Record<string, string>> = manifest.scripts;
  const run = steps.flatMap(({ run = '' }) => [...run.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name));
  assert.ok(run.length >= 4);
  for (const name of run) assert.ok(scripts[name], `package.json has no script '${name}'`);
});

// An action that is pinned to a branch changes without a commit here.
test('every action is pinned to a major version', () => {
  for (const { uses } of steps) if (uses !== undefined) assert.match(uses, /@v\d+$/);
});

// The code of a pull request runs with the workflow's token.
test('the workflow has no permission except to read the repository', () => {
  assert.deepEqual(workflow.permissions, { contents: 'read' });
});
