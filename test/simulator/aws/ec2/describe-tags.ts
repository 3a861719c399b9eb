import type { Fleet } from '../autoscaling/fleet.ts';
import { ec2State, type Instance } from '../autoscaling/instance.ts';
import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { Form } from '../protocol/form.ts';
import { pageOf } from '../protocol/page.ts';
import type { XmlValue } from '../protocol/xml.ts';
import { readFilters } from './filters.ts';

type Tag = {
  readonly resourceId: string;
  readonly resourceType: 'instance';
  readonly key: string;
  readonly value: string;
};

/** The tags of an instance, with the one that Auto Scaling adds. */
export function tagsOf({ autoScalingGroupName, tags }: Instance): Record<string, string> {
  const groupTag = autoScalingGroupName === undefined ? {} : { 'aws:autoscaling:groupName': autoScalingGroupName };
  return { ...groupTag, ...tags };
}

function valueFor(name: string, tag: Tag): string | undefined {
  if (name === 'key') return tag.key;
  if (name === 'value') return tag.value;
  if (name === 'resource-id') return tag.resourceId;
  if (name === 'resource-type') return tag.resourceType;
  if (name.startsWith('tag:')) return name === `tag:${tag.key}` ? tag.value : undefined;
  throw new ServiceError('InvalidParameterValue', `The filter '${name}' is invalid`);
}

/** @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html */
export function describeTags(form: Form, fleet: Fleet, context: Context): { readonly [name: string]: XmlValue } {
  const filters = readFilters(form);
  const all = fleet
    .instances()
    .filter((instance) => ec2State(instance, context.now(), context.timeScale) !== 'unknown')
    .flatMap((instance) =>
      Object.entries(tagsOf(instance)).map(
        ([key, value]): Tag => ({ resourceId: instance.instanceId, resourceType: 'instance', key, value }),
      ),
    )
    .filter((tag) => filters.every(({ name, matches }) => matches(valueFor(name, tag))));
  const size = Number(form.get('MaxResults') ?? 1000);
  if (!Number.isInteger(size) || size < 5 || size > 1000) {
    throw new ServiceError('InvalidParameterValue', `Value ( ${size} ) for parameter maxResults is invalid.`);
  }
  const page = pageOf(all, size, form.get('NextToken'));
  if (page === undefined) throw new ServiceError('InvalidParameterValue', 'The NextToken value is not valid.');
  return { tagSet: page.items, nextToken: page.nextToken };
}
