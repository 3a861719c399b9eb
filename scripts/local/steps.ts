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
  /** The file for the kubeconfig of the administrator. */
  readonly kubeconfig: string;
};

/** The user to which infra/kubernetes/rbac.yaml grants its rights. */
const DRAINER = 'node-drainer';

/**
 * Runs a complete termination: creates a cluster, terminates the instance of one of its workers, and drains the worker.
 * A second run starts over on the same cluster.
 * @throws StepFailed at the first step that fails
 */
export async function up({ run: quiet, say, services, account, kubeconfig }: Machine): Promise<void> {
  const run = loud(quiet, say);
  const kind = new Kind(run, kubeconfig);
  const kubectl = new Kubectl(run, kubeconfig);

  say('Check that docker, kind and kubectl are installed');
  await needTools(quiet, [DOCKER, COMPOSE, KIND, KUBECTL]);

  say('Build the two images');
  // Attestations turn an image into an index of several manifests, which kind cannot load.
  const environment = { BUILDX_NO_DEFAULT_ATTESTATIONS: '1' };
  await run(['docker', 'compose', '--profile', 'drain', 'build'], { show: true, environment });

  say('Create a kind cluster with two workers, if it does not exist');
  await kind.ensure();
  await kind.load(services.aws.image);

  say('Grant the drainer its rights in the cluster');
  await kubectl.grantRights();

  say(`Choose the node of the instance ${account.instanceId}`);
  const { name: worker, privateIpAddress, launchTime } = await kubectl.chooseWorker();

  say(`Start the simulated AWS, whose instance is the machine of ${worker}`);
  await run(['docker', 'compose', 'up', '--detach', '--wait', '--force-recreate', 'aws'], {
    show: true,
    environment: { PRIVATE_IP_ADDRESS: privateIpAddress, LAUNCH_TIME: launchTime },
  });

  say(`Store the kubeconfig of the drainer as ${account.kubeconfigObject}`);
  await account.storeKubeconfig(impersonating(await kind.internalKubeconfig(), DRAINER));

  say('Deploy a sample workload with a disruption budget');
  await kubectl.deploySample();
  await kubectl.showSample();

  say(`Terminate ${account.instanceId}, as a scale-in does: it waits at its lifecycle hook`);
  await account.terminateInstance();

  say(`Start the drainer, as EventBridge starts its task: it drains ${worker}`);
  await run(['docker', 'compose', 'run', '--rm', 'drainer'], { show: true });

  say('Check that the hook is completed, and show where the pods are now');
  await account.needCompletedHook();
  await kubectl.showSample();
  say('The hook is completed: the group terminates the instance. Clean up with: npm run local -- down');
}

/** Removes what `up` created: containers, images and the cluster. */
export async function down({ run: quiet, say, kubeconfig }: Machine): Promise<void> {
  const run = loud(quiet, say);
  say('Check that docker and kind are installed');
  await needTools(quiet, [DOCKER, COMPOSE, KIND]);

  say('Remove the containers and images');
  await run(['docker', 'compose', '--profile', 'drain', 'down', '--rmi', 'all', '--remove-orphans']);

  say('Delete the kind cluster');
  await new Kind(run, kubeconfig).remove();
}
