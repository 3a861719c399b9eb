/** A registered target that may still receive requests: an instance or an IP address, on one port. */
export type RegisteredTarget = {
  readonly id: string;
  readonly port?: number;
  readonly zone?: string;
  readonly quicServerId?: string;
  /** Deregistered: it receives no new requests, and may have some on their way. */
  readonly draining: boolean;
};

/** The target groups of a region, by their ARNs. Each method is one call, which rejects with a Failure. */
export type TargetGroups = {
  page(
    marker: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly groups: readonly string[]; readonly next?: string }>;
  /** @param groups at most 20 */
  tags(groups: readonly string[], signal: AbortSignal): Promise<readonly TaggedGroup[]>;
  /** All targets of a group that may still receive requests; none when the group no longer exists. */
  targets(group: string, signal: AbortSignal): Promise<readonly RegisteredTarget[]>;
  /** Those of these targets that may still receive requests. */
  stillTargets(
    group: string,
    targets: readonly RegisteredTarget[],
    signal: AbortSignal,
  ): Promise<readonly RegisteredTarget[]>;
};

export type TaggedGroup = { readonly group: string; readonly tags: Readonly<Record<string, string>> };

/** `arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/k8s-shop-web/73e2d6bc24d8a067` → `k8s-shop-web` */
export function targetGroupName(arn: string): string {
  return arn.split('/')[1] ?? arn;
}
