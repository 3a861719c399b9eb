/** What a service that speaks XML answers to a role that lacks the right. */
export const ACCESS_DENIED = {
  kind: 'status',
  status: 403,
  body: '<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>',
} as const;
