import { randomUUID } from 'node:crypto';
import { ServiceError } from './protocol/errors.ts';
import { Form } from './protocol/form.ts';
import type { AwsRequest, Caller, Operation, Reply } from './protocol/message.ts';
import { stsNamespace, xmlDocument } from './protocol/xml.ts';

/** XML, or JSON when the client accepts it, as the Kubernetes authenticator does. */
function identityReply(caller: Caller, accept: string | undefined): Reply {
  const RequestId = randomUUID();
  const GetCallerIdentityResult = { Arn: caller.arn, UserId: caller.userId, Account: caller.accountId };
  const value = { GetCallerIdentityResult, ResponseMetadata: { RequestId } };
  const isJson = accept === 'application/json';
  return {
    status: 200,
    headers: { 'content-type': isJson ? 'application/json' : 'text/xml', 'x-amzn-requestid': RequestId },
    body: isJson
      ? JSON.stringify({ GetCallerIdentityResponse: value })
      : xmlDocument('GetCallerIdentityResponse', stsNamespace, value),
  };
}

/**
 * AWS STS: GetCallerIdentity, which needs no permissions.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
export function sts(): (request: AwsRequest) => Operation {
  return (request) => {
    const form = Form.of(request);
    const name = form.get('Action') ?? 'unknown';
    return {
      action: `sts:${name}`,
      parameters: form.entries(),
      run: (caller) => {
        if (name !== 'GetCallerIdentity') {
          throw new ServiceError('InvalidAction', `Could not find operation ${name} for version 2011-06-15`);
        }
        return identityReply(caller, request.headers['accept']);
      },
    };
  };
}
