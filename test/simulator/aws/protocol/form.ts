import type { AwsRequest } from './message.ts';

/**
 * The parameters of a query protocol request, which flattens lists and structures into numbered names:
 * `Filters.member.1.Values.member.2=…`.
 * @see https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#request-serialization
 */
export class Form {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** The form of a POST body, or of the query of a presigned GET. */
  static of(request: AwsRequest): Form {
    const source = new URLSearchParams(request.method === 'POST' ? request.body.toString() : request.query);
    return new Form(new Map(source));
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** A list of plain values: `list('InstanceIds.member')`, or `list('InstanceId')` in EC2's dialect. */
  list(prefix: string): string[] {
    return this.#numbers(prefix).flatMap((number) => this.get(`${prefix}.${number}`) ?? []);
  }

  /** A list of structures, each as a Form. */
  forms(prefix: string): Form[] {
    return this.#numbers(prefix).map((number) => this.#under(`${prefix}.${number}.`));
  }

  entries(): Record<string, string> {
    return Object.fromEntries(this.#values);
  }

  #under(prefix: string): Form {
    const inner = [...this.#values].filter(([name]) => name.startsWith(prefix));
    return new Form(new Map(inner.map(([name, value]) => [name.slice(prefix.length), value])));
  }

  #numbers(prefix: string): number[] {
    const numbers = [...this.#values.keys()]
      .filter((name) => name.startsWith(`${prefix}.`))
      .map((name) => Number.parseInt(name.slice(prefix.length + 1), 10))
      .filter((number) => Number.isInteger(number));
    return [...new Set(numbers)].sort((a, b) => a - b);
  }
}
