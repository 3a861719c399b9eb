/** A word with more typing mistakes is a different word. */
const MAX_DISTANCE = 3;

/** Shorter words are the start of too many names. */
const MIN_PREFIX_LENGTH = 4;

/**
 * The candidate that a mistyped word probably stands for: the nearest one within an edit distance of a third of its length,
 * otherwise the only one that starts with it (`connect-timeout-seconds` for `connect-timeout`).
 */
export function suggestionFor(word: string, candidates: readonly string[]): string | undefined {
  const maxDistance = Math.min(MAX_DISTANCE, Math.floor(word.length / 3));
  let [nearest, nearestDistance]: [string | undefined, number] = [undefined, maxDistance + 1];
  for (const candidate of candidates) {
    // No distance is smaller than the difference in length; a word of a megabyte is not worth a table.
    if (Math.abs(candidate.length - word.length) > maxDistance) continue;
    const distance = editDistance(word, candidate);
    if (distance < nearestDistance) [nearest, nearestDistance] = [candidate, distance];
  }
  if (nearest !== undefined || word.length < MIN_PREFIX_LENGTH) return nearest;
  const [completion, ...others] = candidates.filter((candidate) => candidate.startsWith(word));
  return others.length === 0 ? completion : undefined;
}

/** The candidates that are most like a word: those that contain it first, then by edit distance. */
export function nearest(word: string, candidates: readonly string[], count: number): string[] {
  const distanceOf = (candidate: string) => (candidate.includes(word) ? 0 : editDistance(word, candidate));
  return candidates
    .map((candidate) => [candidate, distanceOf(candidate)] as const)
    .sort(([, a], [, b]) => a - b)
    .slice(0, count)
    .map(([candidate]) => candidate);
}

/**
 * How many letters have to be inserted, deleted, replaced or swapped with their neighbour to turn one word into the other:
 * https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance#Optimal_string_alignment_distance
 */
export function editDistance(from: string, to: string): number {
  let beforePrevious: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          at(previous, column) + 1,
          at(current, column - 1) + 1,
          at(previous, column - 1) + (same ? 0 : 1),
          swapped ? at(beforePrevious, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [beforePrevious, previous] = [previous, current];
  }
  return at(previous, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
