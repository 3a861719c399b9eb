import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { amountsOf, podRequests, RequestsSpec } from '../../../app/kubernetes/pod-requests.ts';

const container = (cpu: string, more: object = {}) => ({ resources: { requests: { cpu } }, ...more });
const sidecar = (cpu: string) => container(cpu, { restartPolicy: 'Always' });
const cpuOf = (spec: object) => podRequests(v.parse(RequestsSpec, spec))['cpu'];

// The cases of TestPodRequests in k8s.io/component-helpers/resource/helpers_test.go, in cores.
test('a pod requests what its containers do together, or its largest init container', () => {
  assert.equal(cpuOf({ containers: [container('1'), container('2')] }), 3);
  assert.equal(cpuOf({ containers: [container('1')], initContainers: [container('4'), container('3')] }), 4);
  assert.equal(cpuOf({ containers: [container('5')], initContainers: [container('4')] }), 5);
});

// Half of the nodes of a mesh look free when the sidecars are not counted.
test('sidecars run beside the containers, and beside the init containers after them', () => {
  assert.equal(cpuOf({ containers: [container('1')], initContainers: [sidecar('2')] }), 3);
  assert.equal(cpuOf({ containers: [container('1')], initContainers: [sidecar('2'), container('5')] }), 7);
  assert.equal(cpuOf({ containers: [container('1')], initContainers: [container('5'), sidecar('2')] }), 5);
  assert.equal(
    cpuOf({ containers: [container('1')], initContainers: [sidecar('2'), sidecar('3'), container('1')] }),
    6,
  );
});

test('requests of the whole pod replace the sum, and the overhead of its runtime is added', () => {
  const containers = [container('1', { resources: { requests: { cpu: '1', 'nvidia.com/gpu': '1' } } })];
  const resources = { requests: { cpu: '3', 'ephemeral-storage': '1Gi' } };
  assert.deepEqual(
    podRequests(v.parse(RequestsSpec, { containers, resources, overhead: { cpu: '250m', memory: '1Mi' } })),
    {
      cpu: 3.25,
      'nvidia.com/gpu': 1,
      memory: 2 ** 20,
      pods: 1,
    },
  );
});

// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
test('quantities are read in every form', () => {
  const quantities = {
    a: '100m',
    b: '1.5',
    c: 2,
    d: '1k',
    e: '128Mi',
    f: '1e3',
    g: '2E',
    h: '12E2',
    i: '.5Gi',
    j: '1_000',
  };
  const { j: _, ...valid } = quantities;
  assert.deepEqual(amountsOf(valid), {
    ...{ a: 0.1, b: 1.5, c: 2, d: 1_000, e: 128 * 2 ** 20, f: 1_000, g: 2e18, h: 1_200, i: 2 ** 29 },
  });
  assert.throws(() => amountsOf(quantities), RangeError);
});
