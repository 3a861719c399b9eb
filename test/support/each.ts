/** Does the work for each of the items, so many at a time. */
export async function each<T>(items: Iterable<T>, atATime: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const lane = async () => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}
