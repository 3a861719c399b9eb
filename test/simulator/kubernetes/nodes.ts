import { type Cluster, timestamp } from './model/cluster.ts';
import { toJson } from './model/shape.ts';
import { createObject } from './registry/creation.ts';

export type NodeSpec = { name: string; providerID?: string; labels?: Record<string, string> };

/** Node names and provider IDs as the real control plane's kubelet makes them, so that one suite fits both. */
export function nodeSpecs(nodes: number | readonly NodeSpec[]): readonly NodeSpec[] {
  if (typeof nodes !== 'number') return nodes;
  return Array.from({ length: nodes }, (_, index) => ({
    name: `ip-10-0-${index >> 8}-${index & 255}.eu-west-1.compute.internal`,
    providerID: `aws:///eu-west-1a/i-${(0x0abc0000000 + index).toString(16).padStart(17, '0')}`,
  }));
}

export function registerNode(cluster: Cluster, { name, providerID, labels }: NodeSpec): void {
  const now = timestamp();
  const resources = { cpu: '1k', memory: '4000Gi', pods: '2k' };
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'fake' };
  const body = {
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': 'eu-west-1a', ...labels },
      annotations: { 'node.alpha.kubernetes.io/ttl': '0' },
    },
    spec: providerID === undefined ? {} : { providerID },
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [{ ...ready, lastHeartbeatTime: now, lastTransitionTime: now }],
      addresses: [
        { type: 'InternalDNS', address: name },
        { type: 'Hostname', address: name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
      nodeInfo: {
        ...{ machineID: '', systemUUID: '', bootID: '', kernelVersion: '6', osImage: 'lab' },
        ...{ containerRuntimeVersion: 'fake://1', kubeletVersion: 'v1.26.1', kubeProxyVersion: 'v1.26.1' },
        ...{ operatingSystem: 'linux', architecture: 'amd64' },
      },
    },
  };
  createObject(cluster, cluster.tables.nodes, undefined, toJson(body));
}
