import { fileURLToPath } from 'node:url';
import type { Run } from './runner.ts';

export const CLUSTER = 'node-drainer';

const CONFIG = fileURLToPath(new URL('kind.yaml', import.meta.url));

/** A separate kind cluster. Other clusters and the kubeconfig of the user are not changed. */
export class Kind {
  readonly #run: Run;
  readonly #kubeconfig: string;

  /** @param kubeconfig the file for the kubeconfig of the administrator */
  constructor(run: Run, kubeconfig: string) {
    this.#run = run;
    this.#kubeconfig = kubeconfig;
  }

  /** Creates the cluster if it does not exist. */
  async ensure(): Promise<void> {
    const { stdout } = await this.#run(['kind', 'get', 'clusters']);
    const access = ['--name', CLUSTER, '--kubeconfig', this.#kubeconfig] as const;
    if (stdout.split('\n').includes(CLUSTER)) await this.#run(['kind', 'export', 'kubeconfig', ...access]);
    else await this.#run(['kind', 'create', 'cluster', ...access, '--config', CONFIG, '--wait', '3m'], { show: true });
  }

  /** Loads an image of this machine into the nodes of the cluster. */
  async load(image: string): Promise<void> {
    await this.#run(['kind', 'load', 'docker-image', image, '--name', CLUSTER]);
  }

  /** The kubeconfig of the administrator, with the address of the API server in the network of the nodes. */
  async internalKubeconfig(): Promise<string> {
    return (await this.#run(['kind', 'get', 'kubeconfig', '--internal', '--name', CLUSTER])).stdout;
  }

  async remove(): Promise<void> {
    await this.#run(['kind', 'delete', 'cluster', '--name', CLUSTER, '--kubeconfig', this.#kubeconfig]);
  }
}
