import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { anchorsOf } from './markdown.ts';

const template = await readFile(new URL('../../infra/cloudformation/alarms.yaml', import.meta.url), 'utf8');
const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');

const unwrapped = (text: string) => text.replace(/\s+/g, ' ').trim();

/** The sections below `## Runbooks`, by anchor. */
const runbooks = new Map(
  (page.split('\n## Runbooks\n')[1] ?? '')
    .split(/\n(?=### )/)
    .slice(1)
    .map((section) => [anchorsOf(section)[0] ?? '', unwrapped(section)]),
);

/** What each alarm says, by its logical ID. */
const alarms = [
  ...template.matchAll(
    /^ +(\w+):\n +Type: AWS::CloudWatch::Alarm\n[\s\S]*?AlarmDescription: !Sub >-\n([\s\S]*?)\n +(?:Namespace|Metrics):/gm,
  ),
].map(([, id = '', text = '']) => {
  const description = unwrapped(text);
  return {
    id,
    anchor: /\$\{RunbookUrl\}#([a-z-]+)$/.exec(description)?.[1] ?? '',
    times: /Fires .*?\.(?= )/.exec(description)?.[0] ?? '',
  };
});

describe('runbooks', () => {
  // The alarm at night links to nothing, or to the runbook of another alarm.
  test('every alarm links to its section, and every section belongs to an alarm', () => {
    assert.ok(alarms.length > 10, `${alarms.length} alarms are found`);
    assert.equal(alarms.length, template.split('Type: AWS::CloudWatch::Alarm').length - 1);
    assert.deepEqual(
      alarms.map(({ anchor }) => anchor),
      [...runbooks.keys()],
    );
    for (const { id, anchor } of alarms) {
      assert.ok(runbooks.get(anchor)?.includes(`\`${id}\`: `), `${anchor} is the section of ${id}`);
    }
  });

  // An operator mends the cause, waits five minutes for an alarm that takes half an hour, and mends it again.
  test('every section says as the alarm how long it takes to fire and to return', () => {
    for (const { id, anchor, times } of alarms) {
      assert.notEqual(times, '', `${id} says how long it takes`);
      assert.ok(runbooks.get(anchor)?.includes(`**Times:** ${times}`), `${anchor}: ${times}`);
    }
  });

  // The reader of a section learns what is wrong, and nothing to do about it.
  test('every section says who is hurt, where to look, and how to mend it', () => {
    for (const [anchor, section] of runbooks) {
      for (const part of ['**Who is hurt:**', '**Look at**', '**Mend'])
        assert.ok(section.includes(part), `${anchor}: ${part}`);
    }
  });
});
