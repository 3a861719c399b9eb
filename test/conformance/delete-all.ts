import { CoreV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';

/**
 * `node delete-all.ts NODE`: cordons a node and deletes every pod on it, in the cluster of KUBECONFIG. It asks no budget and waits
 * for nothing: the drainer that every scenario of the conformance suite has to see through.
 */
const [name = ''] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(CoreV1Api);
const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
await core.patchNode({ name, body: { spec: { unschedulable: true } } }, merge);
const { items } = await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${name}` });
for (const { metadata } of items)
  await core.deleteNamespacedPod({ name: metadata?.name ?? '', namespace: metadata?.namespace ?? '' });
