/**
 * What a sweep makes of an instance: `waiting`: a drain has to complete its hook; `retained`: its hook was abandoned, and a
 * drain can still finish it; `retained in pool`: retained on its way to a warm pool, where a person decides.
 */
export type SweptState = 'waiting' | 'retained' | 'retained in pool';

/**
 * @param lifecycleState https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Instance.html
 * @param reuses does the warm pool of the group take instances back? Only then an instance waits in a terminating hook in
 * `Warmed:Pending:Wait`; otherwise it is new there, and waits in a launching hook.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
 * @returns undefined for a state that does not concern a sweep
 */
export function sweptStateOf(lifecycleState: string, reuses: boolean): SweptState | undefined {
  switch (lifecycleState) {
    case 'Terminating:Wait':
    case 'Warmed:Terminating:Wait':
    // An instance refresh replaces its root volume: https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-root-volume.html
    case 'ReplacingRootVolume:Wait':
      return 'waiting';
    case 'Warmed:Pending:Wait':
      return reuses ? 'waiting' : undefined;
    // https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html
    case 'Terminating:Retained':
    case 'Warmed:Terminating:Retained':
      return 'retained';
    default:
      return lifecycleState.endsWith(':Retained') ? 'retained in pool' : undefined;
  }
}
