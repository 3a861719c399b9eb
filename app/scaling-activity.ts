/** One activity of an Auto Scaling group. https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html */
export type ScalingActivity = {
  /** For people: `Terminating EC2 instance: i-…`, sometimes with ` - Waiting For …` after it. */
  readonly description: string | undefined;
  /** `MidTerminatingLifecycleAction` while a hook is waited for, which no document and no type of the SDK lists. */
  readonly status: string | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number | undefined;
};

/** Every other status is one of an activity under way, those that AWS will think of included. */
const OVER = ['Successful', 'Failed', 'Cancelled'];

/**
 * When the termination of the instance began that is under way, in milliseconds since the epoch; undefined: none is.
 * That is not after the lifecycle action began. It may be before, because load balancers let go of the instance first:
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html
 * An end that is believed to come too soon costs pods some patience, one that is believed to come too late costs the pods.
 * For the same reason, the earliest of several is taken.
 */
export function terminationBegan(activities: readonly ScalingActivity[], instanceId: string): number | undefined {
  const began = activities
    .filter(({ description, status }) => instanceOf(description) === instanceId && !OVER.includes(status ?? ''))
    .map(({ startedAt }) => startedAt)
    .filter((startedAt) => startedAt !== undefined);
  return began.length === 0 ? undefined : Math.min(...began);
}

/** The instance that an activity terminates. */
function instanceOf(description: string | undefined): string | undefined {
  return description?.match(/^Terminating EC2 instance: (i-[0-9a-f]+)/)?.[1];
}
