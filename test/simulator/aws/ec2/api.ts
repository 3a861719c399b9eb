import { randomUUID } from 'node:crypto';
import type { Fleet } from '../autoscaling/fleet.ts';
import { ec2State, type Instance } from '../autoscaling/instance.ts';
import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import { Form } from '../protocol/form.ts';
import type { AwsRequest, Operation } from '../protocol/message.ts';
import { ec2Namespace, type XmlValue, xmlDocument } from '../protocol/xml.ts';
import { describeTags, tagsOf } from './describe-tags.ts';
import { readFilters } from './filters.ts';

/** `ip-10-0-1-2.eu-central-1.compute.internal` → `10.0.1.2`. */
function ipAddressOf(privateDnsName: string): string | undefined {
  const match = /^ip-(\d+)-(\d+)-(\d+)-(\d+)\./.exec(privateDnsName);
  return match?.slice(1, 5).join('.');
}

function interfaceXml(addresses: readonly string[]): XmlValue {
  return {
    privateIpAddress: addresses[0],
    privateIpAddressesSet: addresses.map((privateIpAddress, index) => ({ privateIpAddress, primary: index === 0 })),
  };
}

function instanceXml(instance: Instance, context: Context): XmlValue {
  const state = ec2State(instance, context.now(), context.timeScale);
  if (state === 'unknown') return undefined;
  const isTerminated = state.name === 'terminated';
  const { privateDnsName } = instance;
  const privateIpAddress = instance.privateIpAddress ?? ipAddressOf(privateDnsName);
  const interfaces = instance.networkInterfaces ?? (privateIpAddress === undefined ? [] : [[privateIpAddress]]);
  return {
    instanceId: instance.instanceId,
    imageId: 'ami-0123456789abcdef0',
    instanceState: { code: state.code, name: state.name },
    // A terminated instance has no address.
    privateDnsName: isTerminated ? '' : privateDnsName,
    privateIpAddress: isTerminated ? undefined : privateIpAddress,
    dnsName: '',
    instanceType: 'm7g.large',
    launchTime: new Date(instance.launchTime).toISOString(),
    networkInterfaceSet: isTerminated ? [] : interfaces.map(interfaceXml),
    placement: { availabilityZone: `${context.region}a`, tenancy: 'default' },
    tagSet: Object.entries(tagsOf(instance)).map(([key, value]) => ({ key, value })),
  };
}

/** The requested instances. An unknown ID is an error in `InstanceId`, but is ignored in a filter. */
function findInstances(form: Form, fleet: Fleet, context: Context): Instance[] {
  const filters = readFilters(form);
  const unknown = filters.find(({ name }) => name !== 'instance-id');
  if (unknown !== undefined) throw new ServiceError('InvalidParameterValue', `The filter '${unknown.name}' is invalid`);
  const ids = form.list('InstanceId');
  const malformed = ids.find((id) => !/^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id));
  if (malformed !== undefined) throw new ServiceError('InvalidInstanceID.Malformed', `Invalid id: "${malformed}"`);
  const known = fleet
    .instances()
    .filter((instance) => ec2State(instance, context.now(), context.timeScale) !== 'unknown');
  const knownIds = new Set(known.map(({ instanceId }) => instanceId));
  const missing = ids.filter((id) => !knownIds.has(id));
  if (missing.length > 0) {
    const subject = missing.length === 1 ? `ID '${missing[0]}' does` : `IDs '${missing.join(', ')}' do`;
    throw new ServiceError('InvalidInstanceID.NotFound', `The instance ${subject} not exist`);
  }
  const requested = new Set(ids);
  return known.filter(
    ({ instanceId }) =>
      (requested.size === 0 || requested.has(instanceId)) && filters.every(({ matches }) => matches(instanceId)),
  );
}

function describeInstances(form: Form, fleet: Fleet, context: Context): { readonly [name: string]: XmlValue } {
  const reservationSet = findInstances(form, fleet, context).map((instance) => ({
    reservationId: `r-${instance.instanceId.slice(2)}`,
    ownerId: context.accountId,
    groupSet: [],
    instancesSet: [instanceXml(instance, context)],
  }));
  return { reservationSet };
}

const operations = new Map([
  ['DescribeInstances', describeInstances],
  ['DescribeTags', describeTags],
]);

/**
 * Amazon EC2: DescribeInstances, by `InstanceId` or by the filter `instance-id`, and DescribeTags.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
 */
export function ec2(fleet: Fleet, context: Context): (request: AwsRequest) => Operation {
  return (request) => {
    const form = Form.of(request);
    const name = form.get('Action') ?? 'unknown';
    return {
      action: `ec2:${name}`,
      parameters: form.entries(),
      run: () => {
        const operation = operations.get(name);
        if (operation === undefined) {
          throw new ServiceError('InvalidAction', `The action ${name} is not valid for this web service.`);
        }
        const requestId = randomUUID();
        const value = { requestId, ...operation(form, fleet, context) };
        return {
          status: 200,
          headers: { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId },
          body: xmlDocument(`${name}Response`, ec2Namespace, value, 'item'),
        };
      },
    };
  };
}
