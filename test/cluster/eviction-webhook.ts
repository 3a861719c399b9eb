import { once } from 'node:events';
import { createServer } from 'node:https';
import { json } from 'node:stream/consumers';
import type { V1ValidatingWebhookConfiguration } from '@kubernetes/client-node';
import * as v from 'valibot';
import { createCertificateAuthority } from '../support/certificate-authority.ts';
import { type Admin, ifFound } from './admin.ts';
import { eventually } from './poll.ts';

/** What a webhook says to the eviction of one pod. */
export type EvictionDenial = {
  readonly namespace: string;
  readonly pod: string;
  readonly code: number;
  readonly message: string;
};

/** The name of the webhook, as the API server shows it in its refusals. */
export const WEBHOOK = 'keep.node-drainer.test';

const AdmissionReview = v.object({
  request: v.object({ uid: v.string(), namespace: v.optional(v.string()), name: v.optional(v.string()) }),
});

/**
 * Registers a validating admission webhook for evictions, and serves it on loopback. Like KubeVirt's, which holds a virtual
 * machine's pod until the machine has been migrated.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
 * @returns removes it
 */
export async function serveEvictionWebhook({ objects }: Admin, denial: EvictionDenial): Promise<() => Promise<void>> {
  const authority = await createCertificateAuthority();
  const server = createServer(await authority.issue({ commonName: 'webhook' }), async (request, response) => {
    const { uid, namespace, name } = v.parse(AdmissionReview, await json(request)).request;
    const isDenied = namespace === denial.namespace && name === denial.pod;
    const status = { code: denial.code, message: denial.message };
    const review = {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid, allowed: !isDenied, ...(isDenied && { status }) },
    };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(review));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the webhook has no port');
  const configuration = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: `node-drainer-test-${denial.namespace}` },
    webhooks: [
      {
        name: WEBHOOK,
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Ignore',
        clientConfig: {
          url: `https://127.0.0.1:${address.port}/`,
          caBundle: Buffer.from(authority.ca).toString('base64'),
        },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods/eviction'], operations: ['CREATE'] }],
      },
    ],
  } satisfies V1ValidatingWebhookConfiguration;
  await objects.create(configuration);
  return async () => {
    await ifFound(objects.delete(configuration));
    server.close();
    server.closeAllConnections();
  };
}

/** Waits until the webhook denies the eviction of this pod: a real API server notices a new webhook a moment later. */
export async function evictionsAreDenied({ core }: Admin, namespace: string, pod: string): Promise<void> {
  const body = { metadata: { name: pod, namespace }, deleteOptions: { dryRun: ['All'] } };
  await eventually('the webhook denies evictions', async () => {
    try {
      await core.createNamespacedPodEviction({ name: pod, namespace, body, dryRun: 'All' });
      return undefined;
    } catch (error) {
      return String(error).includes(WEBHOOK) || undefined;
    }
  });
}
