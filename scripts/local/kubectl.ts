import { fileURLToPath } from 'node:url';
import { type Result, type Run, StepFailed } from './runner.ts';

export const INSTANCE_LABEL = 'alpha.eksctl.io/instance-id';
export const EXCLUSION_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
const SAMPLE_NAMESPACE = 'node-drainer-sample';

const RBAC = fileURLToPath(new URL('../../infra/kubernetes/rbac.yaml', import.meta.url));
const WORKLOAD = fileURLToPath(new URL('workload.yaml', import.meta.url));

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

  /** Labels one worker as the node of the instance, after removing what an earlier run left on the workers. */
  async bindWorker(instanceId: string): Promise<string> {
    const selector = '!node-role.kubernetes.io/control-plane';
    const { stdout } = await this.#kubectl(['get', 'nodes', '--selector', selector, '--output', 'name']);
    const workers = stdout.split('\n').filter((line) => line !== '');
    const [worker] = workers;
    if (worker === undefined || workers.length < 2) {
      throw new StepFailed(
        `the cluster needs two workers and has ${workers.length}: delete it with npm run local -- down`,
      );
    }
    await this.#kubectl(['uncordon', ...workers]);
    await this.#kubectl(['label', ...workers, `${INSTANCE_LABEL}-`, `${EXCLUSION_LABEL}-`]);
    await this.#kubectl(['label', worker, `${INSTANCE_LABEL}=${instanceId}`]);
    return worker;
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
