/** A message names this many; the field beside it names more. */
const MAX_NAMED = 3;

/** `a, b, c and 2 more` */
export function firstOf(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return `${names.slice(0, MAX_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** `budget a` or `budgets a, b and 3 more` */
export function listText(noun: string, names: readonly string[]): string {
  return `${noun}${names.length === 1 ? '' : 's'} ${firstOf(names)}`;
}

/** `3 instances (a, b, c)`, where the names may be fewer than the count. */
export function namesText(count: number, noun: string, names: readonly string[]): string {
  const more = count - names.length;
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'} (${names.join(', ')}${more > 0 ? ` and ${grouped(more)} more` : ''})`;
}

export function podsText(count: number): string {
  return `${count} pod${count === 1 ? '' : 's'}`;
}

export function remainText(count: number): string {
  return `${podsText(count)} remain${count === 1 ? 's' : ''}`;
}

/** `1200` → `1,200` */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
