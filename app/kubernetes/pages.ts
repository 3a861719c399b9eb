import type { Api } from './api.ts';
import { deniedOr } from './status.ts';

/**
 * Lists a collection that may be large, page by page, as of one moment.
 * @param path path and, if any, query, without `limit`
 * @throws Denied, ApiError or ApiUnreachable
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
    const page = await api.list({ verb: 'list', path: `${path}${query}`, signal }, read).catch((error: unknown) => {
      throw deniedOr(error);
    });
    more = page.more;
    yield page.items;
  } while (more !== '');
}
