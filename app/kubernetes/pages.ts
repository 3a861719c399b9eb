import type { Api } from './api.ts';
import { readList } from './list-schema.ts';
import { deniedOr } from './status.ts';

/**
 * Lists a collection that may be large, page by page, as of one moment.
 * @param path path and, if any, query, without `limit`
 * @throws Denied, ApiError or ApiUnreachable, and whatever `read` throws
 */
export async function* pages<T>(
  api: Api,
  path: string,
  size: number,
  read: (item: unknown) => T,
  signal: AbortSignal,
): AsyncGenerator<T[], void> {
  let more = '';
  do {
    const next = more === '' ? '' : `&continue=${encodeURIComponent(more)}`;
    const query = `${path.includes('?') ? '&' : '?'}limit=${size}${next}`;
    const answer = await api.call({ verb: 'list', path: `${path}${query}`, signal }).catch((error: unknown) => {
      throw deniedOr(error);
    });
    const page = readList(answer, read);
    more = page.more;
    yield page.items;
  } while (more !== '');
}
