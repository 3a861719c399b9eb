/** A raw HTTP request. Nothing is decoded, because the signature covers the exact bytes. */
export type AwsRequest = {
  method: string;
  /** The path as sent, without the query. */
  path: string;
  /** The query as sent, without the question mark. */
  query: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: Buffer;
};

export type Reply = { status: number; headers: Record<string, string>; body: string | Buffer };

/** A parsed operation of a service that was not run yet. */
export type Operation = {
  /** The IAM action: `autoscaling:CompleteLifecycleAction`. */
  action: string;
  parameters: Record<string, string>;
  run: (caller: Caller) => Reply;
};

/** Who signed a request. */
export type Caller = { arn: string; userId: string; accountId: string; accessKeyId: string };
