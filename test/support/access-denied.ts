/** The AccessDenied response of an AWS service with the query protocol, such as Auto Scaling. */
export const ACCESS_DENIED = {
  kind: 'status',
  status: 403,
  body: '<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>',
} as const;
