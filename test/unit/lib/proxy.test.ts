import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDirect, parseProxy, proxyFor } from '../../../app/lib/proxy.ts';

const NO_PROXY =
  'foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64, ported.org:8443';

/** The hosts of this list that are reached through the proxy. */
function proxied(hosts: readonly string[], noProxy = NO_PROXY, port = 80): string[] {
  return hosts.filter((hostname) => !isDirect({ protocol: 'https:', hostname, port }, noProxy));
}

// A cluster whose endpoint is in NO_PROXY is reached by kubectl and not by the drainer. The cases are those of Go:
// https://cs.opensource.google/go/x/net/+/master:http/httpproxy/proxy_test.go (UseProxyTests)
test('NO_PROXY means the same as for kubectl', () => {
  const direct = [
    'localhost',
    '127.0.0.1',
    '127.0.0.2',
    '::1',
    '192.168.1.1',
    '192.168.1.3',
    '10.0.0.2',
    '2001:db8::52:0:1',
    '2001:db8::52:0:3',
    '2002:db8:a::123',
    'www.barbaz.net',
    'foobar.com',
    'www.foobar.com',
    'FooBar.com',
    'nested.wildcard.io',
  ];
  const others = [
    '::2',
    '192.168.1.2',
    '192.168.1.4',
    '10.0.0.4',
    '2001:db8::52:0:2',
    'fe80::424b:c8be:1643:a1b6',
    'barbaz.net',
    'foofoobar.com',
    'baz.com',
    'localhost.net',
    'local.localhost',
    'barbarbaz.net',
    'wildcard.io',
    'awildcard.io',
    'ported.org',
  ];
  assert.deepEqual(proxied(direct), []);
  assert.deepEqual(proxied(others), others);
});

// `NO_PROXY=10.0.0.1:6443` would cover every port of the machine, or none.
test('an entry with a port covers only this port', () => {
  assert.deepEqual(proxied(['192.168.1.2'], NO_PROXY, 81), []);
  assert.deepEqual(proxied(['2001:db8::52:0:2'], NO_PROXY, 443), []);
  assert.deepEqual(proxied(['ported.org', 'www.ported.org'], NO_PROXY, 8443), []);
  assert.deepEqual(proxied(['192.168.1.3', '2001:db8::52:0:3'], NO_PROXY, 443), ['192.168.1.3', '2001:db8::52:0:3']);
});

// A typing error in NO_PROXY would stop every drain.
test('an asterisk covers everything; entries that make no sense are ignored', () => {
  assert.deepEqual(proxied(['example.com', '8.8.8.8', '::2'], 'a.b, *'), []);
  const hosts = ['example.com', '8.8.8.8'];
  assert.deepEqual(proxied(hosts, ':1,,10.0.0.0/99,300.1.1.1/8,/,[,]:,*x,://'), hosts);
  assert.deepEqual(proxied(['10.1.2.3'], '.1.2.3,2.3'), ['10.1.2.3'], 'an address has no subdomains');
});

// Through a proxy the task gets no credentials of its role, or those of the proxy.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
test('the credentials and the metadata of the task are never requested through a proxy', () => {
  const proxy = parseProxy('http://proxy:3128', 'HTTP_PROXY');
  assert.ok(typeof proxy !== 'string');
  for (const hostname of ['169.254.170.2', '169.254.169.254', '169.254.170.23', 'fd00:ec2::254', 'fd00:ec2::23']) {
    assert.equal(
      proxyFor({ http: proxy, https: proxy, noProxy: '' }, { protocol: 'http:', hostname, port: 80 }),
      undefined,
    );
  }
});

// Plain http endpoints would go through a proxy that is meant for https only.
test('HTTPS_PROXY is for https URLs, and HTTP_PROXY for http URLs', () => {
  const [https, http] = [parseProxy('http://a:1', 'HTTPS_PROXY'), parseProxy('http://b:2', 'HTTP_PROXY')];
  assert.ok(typeof https !== 'string' && typeof http !== 'string');
  const target = { hostname: 'example.com', port: 443 };
  assert.equal(proxyFor({ https, http, noProxy: '' }, { protocol: 'https:', ...target }), https);
  assert.equal(proxyFor({ https, http, noProxy: '' }, { protocol: 'http:', ...target }), http);
  assert.equal(proxyFor({ https, noProxy: '' }, { protocol: 'http:', ...target }), undefined);
});

// `HTTPS_PROXY=proxy.corp:3128` works with curl, Go and Python, so it is what people have.
test('the URL of a proxy may lack its scheme, its port or its password', () => {
  const parsed = (text: string) => {
    const proxy = parseProxy(text, 'HTTPS_PROXY');
    assert.ok(typeof proxy !== 'string', String(proxy));
    const { origin, hostname, port, authorization } = proxy;
    const credentials = authorization && Buffer.from(authorization.replace('Basic ', ''), 'base64').toString();
    return [origin, hostname, port, credentials];
  };
  assert.deepEqual(parsed('proxy.corp:3128'), ['http://proxy.corp:3128', 'proxy.corp', 3128, undefined]);
  assert.deepEqual(parsed('localhost'), ['http://localhost', 'localhost', 80, undefined]);
  assert.deepEqual(parsed('https://proxy.corp'), ['https://proxy.corp', 'proxy.corp', 443, undefined]);
  assert.deepEqual(parsed('http://[::1]:3128/'), ['http://[::1]:3128', '::1', 3128, undefined]);
  assert.deepEqual(parsed('http://ada:love%40lace@p:1'), ['http://p:1', 'p', 1, 'ada:love@lace']);
  assert.deepEqual(parsed('http://ada@p:1'), ['http://p:1', 'p', 1, 'ada:']);
  assert.deepEqual(parsed('ada:secret@p:1'), ['http://p:1', 'p', 1, 'ada:secret']);
});

// The password of the proxy ends up in the log of a task that was configured wrongly.
test('a URL that is no HTTP proxy is described without being quoted', () => {
  const wrong = {
    'socks5://u:s3cr3t@p:1080': /SOCKS proxy, which is not supported/,
    'ftp://u:s3cr3t@p': /must be an http or https URL/,
    'http://u:s3cr3t@': /must be an http or https URL/,
    'http://u:s3cr3t@p:99999': /must be an http or https URL/,
    'http://u:s3cr3t@p/path': /only a host and a port/,
    'http://u:s3cr3t%@p': /not percent-encoded correctly/,
  };
  for (const [text, message] of Object.entries(wrong)) {
    const error = parseProxy(text, 'HTTPS_PROXY');
    assert.ok(typeof error === 'string', text);
    assert.match(error, message);
    assert.doesNotMatch(error, /s3cr3t/);
  }
});
