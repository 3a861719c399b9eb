import type { Account } from './account.ts';
import type { Services } from './compose.ts';
import { Kind } from './kind.ts';
import { impersonating } from './kubeconfig.ts';
import { Kubectl } from './kubectl.ts';
import { loud, type Run } from './runner.ts';
import { COMPOSE, DOCKER, KIND, KUBECTL, needTools } from './tools.ts';

export type Machine = {
  readonly run: Run;
  readonly say: (line: string) => void;
  readonly services: Services;
  readonly account: Account;
  /** The file for the administrator's access to the cluster. */
  readonly kubeconfig: string;
};

/** The user that infra/kubernetes/rbac.yaml grants its rights to. */
const DRAINER = 'node-drainer';

/**
 * A whole termination: a cluster, a group that terminates the instance of one of its workers, and the drain of it.
 * Starting again starts over, on the same cluster.
 * @throws StepFailed at the first step that does not work
 */
export async function up({ run: quiet, say, services, account, kubeconfig }: Machine): Promise<void> {
  const run = loud(quiet, say);
  const kind = new Kind(run, kubeconfig);
  const kubectl = new Kubectl(run, kubeconfig);

  say('See whether docker, kind and kubectl are there');
  await needTools(quiet, [DOCKER, COMPOSE, KIND, KUBECTL]);

  say('Build the two images');
  // Without attestations an image is one image, not a list of them: kind can load it.
  const environment = { BUILDX_NO_DEFAULT_ATTESTATIONS: '1' };
  await run(['docker', 'compose', '--profile', 'drain', 'build'], { show: true, environment });

  say('Create a kind cluster with two workers, unless it is there');
  await kind.ensure();
  await kind.load(services.aws.image);

  say('Give the drainer its rights in the cluster');
  await kubectl.grantRights();

  say('Start the simulated AWS');
  await run(['docker', 'compose', 'up', '--detach', '--wait', '--force-recreate', 'aws'], { show: true });

  say(`Store the drainer's kubeconfig as ${account.kubeconfigObject}`);
  await account.storeKubeconfig(impersonating(await kind.internalKubeconfig(), DRAINER));

  say(`Say which node runs on the instance ${account.instanceId}`);
  const worker = await kubectl.bindWorker(account.instanceId);

  say('Deploy a sample workload under a budget');
  await kubectl.deploySample();
  await kubectl.showSample();

  say(`Terminate ${account.instanceId}, as a scale-in does: its lifecycle hook holds it back`);
  await account.terminateInstance();

  say(`Start the drainer, as EventBridge starts its task: it drains ${worker}`);
  await run(['docker', 'compose', 'run', '--rm', 'drainer'], { show: true });

  say('See that the hook is completed, and where the pods are now');
  await account.needCompletedHook();
  await kubectl.showSample();
  say('The hook is completed: the group terminates the instance. Clean up with: npm run local -- down');
}

/** Removes what `up` made: containers, images and the cluster. */
export async function down({ run: quiet, say, kubeconfig }: Machine): Promise<void> {
  const run = loud(quiet, say);
  say('See whether docker and kind are there');
  await needTools(quiet, [DOCKER, COMPOSE, KIND]);

  say('Remove the containers and images');
  await run(['docker', 'compose', '--profile', 'drain', 'down', '--rmi', 'all', '--remove-orphans']);

  say('Delete the kind cluster');
  await new Kind(run, kubeconfig).remove();
}
