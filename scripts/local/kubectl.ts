import { fileURLToPath } from 'node:url';
import { type Result, type Run, StepFailed } from './runner.ts';

export const INSTANCE_LABEL = 'alpha.eksctl.io/instance-id';
export const EXCLUSION_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
const SAMPLE_NAMESPACE = 'node-drainer-sample';

const RBAC = fileURLToPath(new URL('../../infra/kubernetes/rbac.yaml', import.meta.url));
const WORKLOAD = fileURLToPath(new URL('workload.yaml', import.meta.url));

/** The cluster as its administrator changes it. */
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

  /** Makes one worker the instance's node, after undoing what an earlier run left on any of them. */
  async bindWorker(instanceId: string): Promise<string> {
    const selector = '!node-role.kubernetes.io/control-plane';
    const { stdout } = await this.#kubectl(['get', 'nodes', '--selector', selector, '--output', 'name']);
    const workers = stdout.split('\n').filter((line) => line !== '');
    const [worker] = workers;
    if (worker === undefined || workers.length < 2) {
      throw new StepFailed(`two workers are needed, and the cluster has ${workers.length}: npm run local -- down`);
    }
    await this.#kubectl(['uncordon', ...workers]);
    await this.#kubectl(['label', ...workers, `${INSTANCE_LABEL}-`, `${EXCLUSION_LABEL}-`]);
    await this.#kubectl(['label', worker, `${INSTANCE_LABEL}=${instanceId}`]);
    return worker;
  }

  /** A fresh one each time: what an earlier run moved to one worker would stay there. */
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
