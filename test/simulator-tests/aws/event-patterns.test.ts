import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matches } from '../../simulator/aws/eventbridge/event-pattern.ts';
import type { ValueMap } from '../../simulator/aws/json.ts';

// A matcher that is less strict than EventBridge accepts a rule that never fires.
test('patterns match as EventBridge matches them', () => {
  const event: ValueMap = {
    source: 'aws.ecs',
    detail: {
      group: 'workers-a',
      code: 1,
      tags: ['a', 'b'],
      containers: [
        { name: 'agent', exitCode: 143 },
        { name: 'drainer', exitCode: 0 },
      ],
      attachments: [
        { id: 'a', name: 'network', status: 'gone' },
        { id: 'b', name: 'disk' },
      ],
      sidecar: [{ name: 'agent', exitCode: 143 }, { name: 'drainer' }],
    },
  };
  const inDetail = (pattern: ValueMap) => matches({ detail: pattern }, event);
  const cases: readonly [pattern: ValueMap, isMatch: boolean][] = [
    [{ group: ['workers-a'] }, true],
    [{ group: ['workers'] }, false],
    [{ group: ['other', { prefix: 'workers-' }] }, true],
    [{ group: [{ suffix: '-b' }] }, false],
    [{ group: [{ 'equals-ignore-case': 'WORKERS-A' }] }, true],
    [{ code: [1] }, true],
    [{ code: ['1'] }, false],
    [{ code: [{ numeric: ['>', 0, '<=', 1] }] }, true],
    [{ code: [{ numeric: ['>', 1] }] }, false],
    [{ code: [{ 'anything-but': [0, 3] }] }, true],
    [{ code: [{ 'anything-but': [1, 3] }] }, false],
    [{ group: [{ 'anything-but': { prefix: 'workers' } }] }, false],
    // Only `exists: false` matches an absent field.
    [{ missing: [{ 'anything-but': [0] }] }, false],
    [{ missing: [{ exists: false }] }, true],
    [{ group: [{ exists: false }] }, false],
    [{ group: [{ exists: true }] }, true],
    [{ tags: ['b'] }, true],
    [{ tags: ['c'] }, false],
    // The whole pattern must match within the same member of an array.
    [{ containers: { name: ['drainer'], exitCode: [{ 'anything-but': [0] }] } }, false],
    [{ containers: { name: ['agent'], exitCode: [{ 'anything-but': [0] }] } }, true],
    [{ containers: { name: ['drainer'], exitCode: [{ exists: true }] } }, true],
    [{ containers: { name: ['drainer'], exitCode: [{ exists: false }] } }, false],
    [{ containers: { name: ['drainer'], cpu: [{ exists: false }] } }, true],
    // Fields match in the order of their names: an earlier field selects the member that must lack a later one.
    [{ attachments: { name: ['disk'], status: [{ exists: false }] } }, true],
    [{ attachments: { id: ['a'], status: [{ exists: false }] } }, false],
    // Without an earlier field, all members must lack it.
    [{ sidecar: { name: ['drainer'], exitCode: [{ exists: false }] } }, false],
    [{ sidecar: { name: ['drainer'], zone: [{ exists: false }] } }, true],
    [{ attachments: { status: [{ exists: false }], type: [{ exists: false }] } }, false],
    [{ $or: [{ code: [7] }, { group: ['workers-a'] }] }, true],
    [{ code: [1], $or: [{ code: [7] }, { group: ['x'] }] }, false],
  ];
  for (const [pattern, isMatch] of cases) assert.equal(inDetail(pattern), isMatch, JSON.stringify(pattern));
  assert.ok(!matches({ source: ['aws.ec2'], detail: { code: [1] } }, event));
  assert.throws(() => inDetail({ group: [{ wildcard: '*' }] }), /does not support the operator wildcard/);
  assert.throws(() => inDetail({ group: 'workers-a' }), /lists of values/);
});
