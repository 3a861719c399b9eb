/** What we use of client-node, and of the YAML parser that it brings, as one module: loaded when there is a kubeconfig to read. */
export { KubeConfig } from '@kubernetes/client-node';
export { load, YAMLException } from 'js-yaml';
