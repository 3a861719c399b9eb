/**
 * Does the instance belong to another EKS cluster than this? An instance whose tags name none may be anybody's: it is ours
 * to look for.
 * @param tagged the clusters that its tags name
 */
export function isOfAnotherCluster(tagged: readonly string[], cluster: string): boolean {
  return tagged.length > 0 && !tagged.includes(cluster);
}
