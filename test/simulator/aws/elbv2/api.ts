import { randomUUID } from 'node:crypto';
import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import { Form } from '../protocol/form.ts';
import type { AwsRequest, Operation } from '../protocol/message.ts';
import { pageOf } from '../protocol/page.ts';
import { elbv2Namespace, type XmlValue, xmlDocument } from '../protocol/xml.ts';
import type { Target, TargetGroups } from './target-groups.ts';

/** EC2 says that the machine is off: such an instance is no target. */
export type IsOff = (instanceId: string) => boolean;
type Parts = { readonly groups: TargetGroups; readonly isOff: IsOff; readonly context: Context };

function validationError(message: string): ServiceError {
  return new ServiceError('ValidationError', message);
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html */
function describeTargetGroups(form: Form, { groups }: Parts): XmlValue {
  const arns = form.list('TargetGroupArns.member');
  const found = arns.length > 0 ? arns.map((arn) => groups.group(arn)) : groups.all();
  const size = Number(form.get('PageSize') ?? 400);
  if (!Number.isInteger(size) || size < 1 || size > 400) throw validationError('PageSize must be between 1 and 400');
  const page = pageOf(found, size, form.get('Marker'));
  if (page === undefined) throw validationError('The marker is not valid');
  return {
    TargetGroups: page.items.map(({ arn, name, targetType, of, port }) => ({
      TargetGroupArn: arn,
      TargetGroupName: name,
      TargetType: targetType,
      ...(targetType === 'lambda' ? {} : { Port: port, Protocol: of === 'network' ? 'TCP' : 'HTTP' }),
    })),
    NextMarker: page.nextToken,
  };
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html */
function describeTags(form: Form, { groups }: Parts): XmlValue {
  const arns = form.list('ResourceArns.member');
  if (arns.length === 0 || arns.length > 20) throw validationError('ResourceArns must have between 1 and 20 members');
  return {
    TagDescriptions: arns.map((arn) => ({
      ResourceArn: arn,
      Tags: Object.entries(groups.group(arn).tags).map(([Key, Value]) => ({ Key, Value })),
    })),
  };
}

function targetsIn(form: Form): Target[] {
  return form.forms('Targets.member').map((target) => {
    const port = target.get('Port');
    return { id: target.get('Id') ?? '', ...(port !== undefined && { port: Number(port) }) };
  });
}

/**
 * Of the targets that are asked for, or of all. One that is not registered is `unused`, with the reason Target.NotRegistered.
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
 */
function describeTargetHealth(form: Form, { groups, isOff, context }: Parts): XmlValue {
  const group = groups.group(form.get('TargetGroupArn') ?? '');
  const now = context.now();
  const asked = targetsIn(form);
  const targets = asked.length > 0 ? asked : groups.targetsOf(group, now);
  const healthOf = (target: Target): XmlValue => {
    const state = groups.stateOf(group, target, now);
    if (state === 'out') return { State: 'unused', Reason: 'Target.NotRegistered' };
    if (isOff(target.id)) return { State: 'unused', Reason: 'Target.InvalidState' };
    if (state === 'draining') return { State: 'draining', Reason: 'Target.DeregistrationInProgress' };
    return { State: 'healthy' };
  };
  return {
    TargetHealthDescriptions: targets.map((target) => ({
      Target: { Id: target.id, Port: target.port ?? group.port },
      HealthCheckPort: String(target.port ?? group.port),
      TargetHealth: healthOf(target),
    })),
  };
}

function registerTargets(form: Form, { groups }: Parts): XmlValue {
  for (const target of targetsIn(form)) groups.register(form.get('TargetGroupArn') ?? '', target);
  return {};
}

function deregisterTargets(form: Form, { groups }: Parts): XmlValue {
  for (const target of targetsIn(form)) groups.deregister(form.get('TargetGroupArn') ?? '', target);
  return {};
}

const operations = new Map([
  ['DescribeTargetGroups', describeTargetGroups],
  ['DescribeTags', describeTags],
  ['DescribeTargetHealth', describeTargetHealth],
  ['RegisterTargets', registerTargets],
  ['DeregisterTargets', deregisterTargets],
]);

/**
 * Elastic Load Balancing, version 2: the target groups, without load balancers and listeners.
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html
 */
export function elbv2(parts: Parts): (request: AwsRequest) => Operation {
  return (request) => {
    const form = Form.of(request);
    const name = form.get('Action') ?? 'unknown';
    return {
      action: `elasticloadbalancing:${name}`,
      parameters: form.entries(),
      run: () => {
        const operation = operations.get(name);
        if (operation === undefined) throw new ServiceError('InvalidAction', `Could not find operation ${name}`);
        const RequestId = randomUUID();
        const value = { [`${name}Result`]: operation(form, parts), ResponseMetadata: { RequestId } };
        return {
          status: 200,
          headers: { 'content-type': 'text/xml', 'x-amzn-requestid': RequestId },
          body: xmlDocument(`${name}Response`, elbv2Namespace, value),
        };
      },
    };
  };
}
