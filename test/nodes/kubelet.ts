import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isReady } from '../cluster/admin.ts';
import { eventually } from '../cluster/poll.ts';
import type { Scenario } from '../cluster/scenario.ts';

/** On kind: `docker exec {node} pkill -{signal} -x kubelet`. */
const COMMAND = process.env['KUBELET_SIGNAL'] ?? '';

/** Why tests that stop a kubelet do not run; false: they do. */
export const cannotStopKubelets =
  COMMAND === '' && 'KUBELET_SIGNAL is not set: a shell command that sends {signal} to the kubelet of {node}';

/** Longer than a control plane needs to notice that a kubelet is silent (40 s), and a kubelet to show that it is back. */
const NOTICED_WITHIN_MS = 120_000;

/** The node controller removes them some time after the node is ready. */
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const NOT_READY = 'node.kubernetes.io/not-ready';

/** The kubelet of the scenario's worker, which stands still until it is disposed of: its containers go on running. */
export class StoppedKubelet implements AsyncDisposable {
  readonly #scenario: Scenario;

  private constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  static async of(scenario: Scenario): Promise<StoppedKubelet> {
    await signal(scenario.worker, 'STOP');
    return new StoppedKubelet(scenario);
  }

  /** Resolves when the control plane has noticed: the node is `Ready=Unknown`. */
  async noticed(): Promise<void> {
    const { cluster, worker } = this.#scenario;
    await eventually(
      `${worker} is Ready=Unknown`,
      async () => {
        const { status } = await cluster.admin.core.readNode({ name: worker });
        return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'Unknown') || undefined;
      },
      NOTICED_WITHIN_MS,
    );
  }

  /** Lets it go on. */
  resume(): Promise<void> {
    return signal(this.#scenario.worker, 'CONT');
  }

  /** Lets it go on, and waits until its node is ready and takes pods again: for the tests that follow. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { cluster, worker } = this.#scenario;
    await this.resume();
    await eventually(
      `${worker} is ready again`,
      async () => {
        const node = await cluster.admin.core.readNode({ name: worker });
        const isTainted = node.spec?.taints?.some(({ key }) => key === UNREACHABLE || key === NOT_READY) ?? false;
        return (isReady(node) && !isTainted) || undefined;
      },
      NOTICED_WITHIN_MS,
    );
  }
}

async function signal(node: string, name: 'STOP' | 'CONT'): Promise<void> {
  const command = COMMAND.replaceAll('{node}', node).replaceAll('{signal}', name);
  await promisify(execFile)('sh', ['-c', command], { timeout: 20_000 });
}
