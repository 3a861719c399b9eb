/** The numbers of the list of scenarios that are not in the suite, and why. */
export const leftOut: readonly { readonly id: string; readonly scenario: string; readonly why: string }[] = [
  {
    id: '3',
    scenario: 'the pod of a DaemonSet that no longer exists leaves',
    why: 'the garbage collector deletes such a pod within moments, so that no drainer can fail it',
  },
  { id: '18', scenario: 'which budget holds a pod, and why, is said', why: 'a drainer would pass by its log alone' },
  {
    id: '24',
    scenario: 'the token expires and is renewed',
    why: 'how a drainer gets its token is between it and its platform: the suite gives it a kubeconfig',
  },
  { id: '26', scenario: 'the budget of an unready pod is named, with what would mend it', why: 'said only' },
  { id: '27', scenario: 'a budget that can never allow is told within a minute', why: 'said only' },
  { id: '35', scenario: 'the drain ends with the list of what was lost', why: 'said only' },
  {
    id: '48',
    scenario: 'the limits of a lifecycle action are told',
    why: 'said only; scenarios 29 to 31 have what they cost the pods',
  },
  {
    id: '50',
    scenario: 'a lost event or a dead drainer is found again',
    why: 'whoever starts drainers does that, not a drainer: `npm run faults` tries it with the whole stack',
  },
  {
    id: '53',
    scenario: 'an instance that comes back is drained, and later put back in service',
    why: 'as 50: a later task does it',
  },
  {
    id: '54',
    scenario: 'an instance that was retained is no fault',
    why: 'as 50: it is an answer to an alarm, not to a pod',
  },
];
