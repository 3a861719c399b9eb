import { fileURLToPath } from 'node:url';
import type { Run } from './runner.ts';

export const CLUSTER = 'node-drainer';

const CONFIG = fileURLToPath(new URL('kind.yaml', import.meta.url));

/** A kind cluster of its own: nobody else's is touched, nor anybody's kubeconfig. */
export class Kind {
  readonly #run: Run;
  readonly #kubeconfig: string;

  /** @param kubeconfig the file for the administrator's access */
  constructor(run: Run, kubeconfig: string) {
    this.#run = run;
    this.#kubeconfig = kubeconfig;
  }

  /** Creates the cluster, unless it is there already. */
  async ensure(): Promise<void> {
    const { stdout } = await this.#run(['kind', 'get', 'clusters']);
    const access = ['--name', CLUSTER, '--kubeconfig', this.#kubeconfig] as const;
    if (stdout.split('\n').includes(CLUSTER)) await this.#run(['kind', 'export', 'kubeconfig', ...access]);
    else await this.#run(['kind', 'create', 'cluster', ...access, '--config', CONFIG, '--wait', '3m'], { show: true });
  }

  /** Makes an image of this machine known to the cluster's nodes. */
  async load(image: string): Promise<void> {
    await this.#run(['kind', 'load', 'docker-image', image, '--name', CLUSTER]);
  }

  /** The administrator's kubeconfig, with the address that the API server has on the network of its nodes. */
  async internalKubeconfig(): Promise<string> {
    return (await this.#run(['kind', 'get', 'kubeconfig', '--internal', '--name', CLUSTER])).stdout;
  }

  async remove(): Promise<void> {
    await this.#run(['kind', 'delete', 'cluster', '--name', CLUSTER, '--kubeconfig', this.#kubeconfig]);
  }
}
