import { type HttpProxy, type ProxySettings, parseProxy } from '../lib/proxy.ts';

/**
 * The proxies that the environment names with the usual variables. As in Go, and so in kubectl, the upper-case name takes precedence.
 * https://pkg.go.dev/golang.org/x/net/http/httpproxy#FromEnvironment
 *
 * @param errors receives every error; none quotes the URL, which may contain a password
 */
export function proxySettings(
  environment: Readonly<Record<string, string | undefined>>,
  errors: string[] = [],
): ProxySettings {
  const proxyOf = (name: string): HttpProxy | undefined => {
    const given = [name, name.toLowerCase()].find((variable) => environment[variable]);
    if (given === undefined) return undefined;
    const proxy = parseProxy(environment[given] ?? '', given);
    if (typeof proxy !== 'string') return proxy;
    errors.push(`${given} ${proxy}`);
    return undefined;
  };
  const [https, http] = [proxyOf('HTTPS_PROXY'), proxyOf('HTTP_PROXY')];
  return {
    ...(https !== undefined && { https }),
    ...(http !== undefined && { http }),
    noProxy: environment['NO_PROXY'] || environment['no_proxy'] || '',
  };
}
