/** What `kubectl drain` does by its code, which its column has to show. */
export type ByItsCode = { readonly passes: boolean; readonly because: string };

const passes = (because: string): ByItsCode => ({ passes: true, because });
const fails = (because: string): ByItsCode => ({ passes: false, because });

const MARKS =
  'it knows no annotation and no label of a pod: the filters are those of DaemonSets, static pods, local storage and controllers';
const NO_END =
  '`waitForDelete` asks for the pod each second until it is gone, without an end unless `--skip-wait-for-delete-timeout` is given';
const NODE_ONCE = 'the node is cordoned once, before the first eviction, and not looked at again';
const NO_SHARE = 'every pod is evicted at once, in a goroutine of its own; only budgets hold one back';
const NO_DEADLINE = '`--timeout` ends the attempts, and asks nobody to end';
const FAILS_POD =
  'an eviction that fails with anything but 404, 429 or a terminating namespace is not tried again: exit 1';

/**
 * By the ID of the scenario, from staging/src/k8s.io/kubectl/pkg/drain/drain.go and filters.go of kubernetes/kubernetes, with
 * `--ignore-daemonsets --delete-emptydir-data --force`.
 */
export const kubectlByItsCode: Readonly<Record<string, ByItsCode>> = {
  '1': passes('`mirrorPodFilter` skips static pods'),
  '2': passes('`daemonSetFilter` skips them with `--ignore-daemonsets`'),
  '4': fails(
    '`daemonSetFilter` looks the owner up in `apps/v1` by its name, whatever its API group; not found, the pod goes with `--force`',
  ),
  '5': passes('`unreplicatedFilter` lets them go with `--force`'),
  '6': passes('`localStorageFilter` lets them go with `--delete-emptydir-data`'),
  '7': fails(`finished pods pass every filter and are evicted, and ${NO_END}`),
  '8': fails('`GetPodsForDeletion` lists the pods once'),
  '9': passes('it lists the pods once, so that it never sees the one that returns'),
  '10': fails(MARKS),
  '11': fails(MARKS),
  '12': fails(MARKS),
  '13': fails(MARKS),
  '14': fails(MARKS),
  '15': passes('`waitForDelete` waits until the pod is not found, or has another UID'),
  '16': fails('a refused eviction is tried again after 5 s, whatever the budget does meanwhile'),
  '17': passes(
    'client-go itself (`rest/with_retry.go`) waits for the seconds of `Retry-After`, then sends the request again',
  ),
  '19': fails(`two budgets are an answer of 500: ${FAILS_POD}`),
  '20': fails(
    'before it tries again, it reads the pod by its name, and evicts what it finds; an eviction carries no UID',
  ),
  '21': passes('403 with the cause `NamespaceTerminating` is tried again until the pod is marked as deleted'),
  '22a': fails(FAILS_POD),
  '22b': passes('429 is tried again after 5 s, whoever answers it; other pods have goroutines of their own'),
  '22c': fails(FAILS_POD),
  '23': fails(`${FAILS_POD}; and \`waitForDelete\` gives up when it cannot read the pod`),
  '25': passes('the API server decides'),
  '28': passes('`evictPods` is used wherever the API server has the eviction API'),
  '29': fails(NO_DEADLINE),
  '30': fails(NO_DEADLINE),
  '31': fails(NO_DEADLINE),
  '32': fails(NO_SHARE),
  '33': passes('the kubelet kills the pod after its grace period, and until then `waitForDelete` waits'),
  '34': fails(NO_END),
  '36': fails(NO_END),
  '37': passes('it does not look at the conditions of the node'),
  '38': fails('it does not look at volumes'),
  '39': passes('it does not look at volumes'),
  '40': fails(NODE_ONCE),
  '41': fails(NODE_ONCE),
  '42': passes('a cordon does not take a node out of load balancers (kubernetes#65013), and it sets no label'),
  '43': fails('it does not know load balancers'),
  '44': passes('the API server keeps to the budget'),
  '45': fails('the budget never allows the eviction, and without `--timeout` it is tried for ever'),
  '46a': fails(NO_SHARE),
  '46b': fails(NO_SHARE),
};
