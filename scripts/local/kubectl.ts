import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { type Result, type Run, StepFailed } from './runner.ts';

const EXCLUSION_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
const SAMPLE_NAMESPACE = 'node-drainer-sample';

const RBAC = fileURLToPath(new URL('../../infra/kubernetes/rbac.yaml', import.meta.url));
const WORKLOAD = fileURLToPath(new URL('workload.yaml', import.meta.url));

const Nodes = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string(), creationTimestamp: v.string() }),
      status: v.object({ addresses: v.array(v.object({ type: v.string(), address: v.string() })) }),
    }),
  ),
});

/** What EC2 has to say of the machine of a worker, so that the drainer takes the worker for the node of the instance. */
export type Worker = { readonly name: string; readonly privateIpAddress: string; readonly launchTime: string };

/** Changes the cluster as its administrator. */
export class Kubectl {
  readonly #run: Run;
  readonly #kubeconfig: string;

  constructor(run: Run, kubeconfig: string) {
    this.#run = run;
    this.#kubeconfig = kubeconfig;
  }

  async grantRights(): Promise<void> {
    await this.#kubectl(['apply', '--filename', RBAC]);
  }

  /** Chooses the worker to drain, after removing what an earlier run left on the workers. */
  async chooseWorker(): Promise<Worker> {
    const selector = '!node-role.kubernetes.io/control-plane';
    const { stdout } = await this.#kubectl(['get', 'nodes', '--selector', selector, '--output', 'json']);
    const { items: workers } = v.parse(Nodes, JSON.parse(stdout));
    const [worker] = workers;
    const privateIpAddress = worker?.status.addresses.find(({ type }) => type === 'InternalIP')?.address;
    if (worker === undefined || privateIpAddress === undefined || workers.length < 2) {
      throw new StepFailed(
        `the cluster needs two workers with addresses and has ${workers.length}: delete it with npm run local -- down`,
      );
    }
    const names = workers.map(({ metadata }) => metadata.name);
    await this.#kubectl(['uncordon', ...names]);
    await this.#kubectl(['label', 'nodes', ...names, `${EXCLUSION_LABEL}-`]);
    const { name, creationTimestamp } = worker.metadata;
    return { name, privateIpAddress, launchTime: creationTimestamp };
  }

  /** Deploys it anew: pods that an earlier run moved to one worker would stay there. */
  async deploySample(): Promise<void> {
    await this.#kubectl(['delete', 'namespace', SAMPLE_NAMESPACE, '--ignore-not-found']);
    await this.#kubectl(['apply', '--filename', WORKLOAD]);
    await this.#kubectl(['--namespace', SAMPLE_NAMESPACE, 'rollout', 'status', 'deployment/shop', '--timeout', '3m']);
  }

  async showSample(): Promise<void> {
    await this.#kubectl(['--namespace', SAMPLE_NAMESPACE, 'get', 'pods', '--output', 'wide'], { show: true });
  }

  #kubectl(args: readonly string[], options?: { show: boolean }): Promise<Result> {
    return this.#run(['kubectl', '--kubeconfig', this.#kubeconfig, ...args], options);
  }
}
