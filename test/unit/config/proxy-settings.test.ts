import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../../app/config/drain-config.ts';
import { proxySettings } from '../../../app/config/proxy-settings.ts';
import { ConfigErrors } from '../../../app/config/setting-values.ts';

// With the other order, a machine on which both are set would use another proxy than kubectl does.
// https://pkg.go.dev/golang.org/x/net/http/httpproxy#FromEnvironment
test('proxies come from the usual variables; an upper-case name takes precedence, and an empty value is none', () => {
  const origins = (environment: Record<string, string>) => {
    const { https, http, noProxy } = proxySettings(environment);
    return [https?.origin, http?.origin, noProxy];
  };
  assert.deepEqual(origins({}), [undefined, undefined, '']);
  assert.deepEqual(origins({ https_proxy: 'a:1', http_proxy: 'b:2', no_proxy: 'c' }), [
    'http://a:1',
    'http://b:2',
    'c',
  ]);
  assert.deepEqual(origins({ HTTPS_PROXY: 'a:1', https_proxy: 'x:1', NO_PROXY: 'c', no_proxy: 'x' }), [
    'http://a:1',
    undefined,
    'c',
  ]);
  assert.deepEqual(origins({ HTTPS_PROXY: '', https_proxy: 'a:1', NO_PROXY: '' }), ['http://a:1', undefined, '']);
});

// A wrong proxy would be found after two minutes of retries, while the instance waits.
test('a bad proxy is reported with all other errors, by the name of its variable, without its value', () => {
  const environment = { https_proxy: 'http://ada:s3cr3t@proxy/x', HTTP_PROXY: 'socks5://b', AWS_REGION: 'x' };
  const flags = { settings: {}, dryRun: false, force: false };
  assert.throws(
    () => readConfig(environment, flags),
    (error) => {
      assert.ok(error instanceof ConfigErrors);
      const text = error.errors.join('\n');
      assert.match(text, /^https_proxy must be an http or https URL with only a host and a port$/m);
      assert.match(text, /^HTTP_PROXY is a SOCKS proxy/m);
      assert.match(text, /AWS_REGION/);
      assert.doesNotMatch(text, /s3cr3t/);
      return true;
    },
  );
});
