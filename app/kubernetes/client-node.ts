/** The parts of client-node, and of its YAML parser, that the drainer uses: one module, loaded only to read a kubeconfig. */
export { KubeConfig } from '@kubernetes/client-node';
export { load, YAMLException } from 'js-yaml';
