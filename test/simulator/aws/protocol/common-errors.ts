export type Service = 'autoscaling' | 'ec2' | 'ecs' | 'eks' | 'elasticloadbalancing' | 's3' | 'sts' | 'credentials';

export type Dialect = 'query' | 'ec2' | 'json' | 'rest' | 's3';

export const dialects: Record<Service, Dialect> = {
  autoscaling: 'query',
  sts: 'query',
  elasticloadbalancing: 'query',
  ec2: 'ec2',
  ecs: 'json',
  eks: 'rest',
  credentials: 'rest',
  s3: 's3',
};

type Answer = readonly [status: number, code: string];

/**
 * The common errors of all services, with status and code in each protocol.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
 */
export const commonErrors = {
  AccessDenied: {
    query: [403, 'AccessDenied'],
    ec2: [403, 'UnauthorizedOperation'],
    json: [400, 'AccessDeniedException'],
    rest: [403, 'AccessDeniedException'],
    s3: [403, 'AccessDenied'],
  },
  Throttling: {
    query: [400, 'Throttling'],
    ec2: [503, 'RequestLimitExceeded'],
    json: [400, 'ThrottlingException'],
    rest: [429, 'ThrottlingException'],
    s3: [503, 'SlowDown'],
  },
  InternalFailure: {
    query: [500, 'InternalFailure'],
    ec2: [500, 'InternalError'],
    json: [500, 'ServerException'],
    rest: [500, 'ServerException'],
    s3: [500, 'InternalError'],
  },
  ServiceUnavailable: {
    query: [503, 'ServiceUnavailable'],
    ec2: [503, 'Unavailable'],
    json: [503, 'ServiceUnavailableException'],
    rest: [503, 'ServiceUnavailableException'],
    s3: [503, 'ServiceUnavailable'],
  },
  MissingAuthenticationToken: {
    query: [403, 'MissingAuthenticationToken'],
    ec2: [401, 'AuthFailure'],
    json: [400, 'MissingAuthenticationTokenException'],
    rest: [403, 'MissingAuthenticationTokenException'],
    s3: [403, 'AccessDenied'],
  },
  InvalidClientTokenId: {
    query: [403, 'InvalidClientTokenId'],
    ec2: [401, 'AuthFailure'],
    json: [400, 'UnrecognizedClientException'],
    rest: [403, 'UnrecognizedClientException'],
    s3: [403, 'InvalidAccessKeyId'],
  },
  ExpiredToken: {
    query: [403, 'ExpiredToken'],
    ec2: [400, 'RequestExpired'],
    json: [400, 'ExpiredTokenException'],
    rest: [403, 'ExpiredTokenException'],
    s3: [400, 'ExpiredToken'],
  },
  SignatureDoesNotMatch: {
    query: [403, 'SignatureDoesNotMatch'],
    ec2: [401, 'AuthFailure'],
    json: [400, 'InvalidSignatureException'],
    rest: [403, 'InvalidSignatureException'],
    s3: [403, 'SignatureDoesNotMatch'],
  },
  /** The date of the signature differs too much from the clock of the service. */
  ClockSkew: {
    query: [403, 'SignatureDoesNotMatch'],
    ec2: [400, 'RequestExpired'],
    json: [400, 'InvalidSignatureException'],
    rest: [403, 'InvalidSignatureException'],
    s3: [403, 'RequestTimeTooSkewed'],
  },
} as const satisfies Record<string, Record<Dialect, Answer>>;

export type CommonError = keyof typeof commonErrors;

/** Whether an error code is one of the common errors. */
export function isCommonError(code: string): code is CommonError {
  return Object.hasOwn(commonErrors, code);
}
