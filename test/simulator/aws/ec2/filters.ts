import { ServiceError } from '../protocol/errors.ts';
import type { Form } from '../protocol/form.ts';

/** For one filter: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html */
const MAX_FILTER_VALUES = 200;

type Filter = { readonly name: string; readonly matches: (value: string | undefined) => boolean };

/**
 * The filters of a request. In a value, `*` is any text and `?` any character.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#advanced-filtering-cli
 */
export function readFilters(form: Form): Filter[] {
  return form.forms('Filter').map((filter) => {
    const values = filter.list('Value');
    if (values.length > MAX_FILTER_VALUES) {
      throw new ServiceError('FilterLimitExceeded', 'The maximum number of filter values has been exceeded');
    }
    const patterns = values.map(patternOf);
    return {
      name: filter.get('Name') ?? '',
      matches: (value) => value !== undefined && patterns.some((pattern) => pattern.test(value)),
    };
  });
}

function patternOf(value: string): RegExp {
  const literal = value.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
}
