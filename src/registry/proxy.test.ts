import { expect, test } from '@jest/globals';
import { chooseProxy } from './proxy.js';

const PROXY = 'http://proxy:3128';
const env = { HTTPS_PROXY: PROXY, HTTP_PROXY: 'plain:80' };

test.each([
  ['https://registry.example/', undefined, PROXY],
  ['http://registry.example/', undefined, 'http://plain:80'],
  ['https://localhost:5000/', undefined, undefined],
  ['http://127.3.2.1/', undefined, undefined],
  ['https://[::1]:5000/', undefined, undefined],
  ['https://a.example.com/', 'example.com', undefined],
  ['https://example.com/', 'example.com', undefined],
  ['https://example.com/', '.example.com', PROXY],
  ['https://a.example.com/', '.example.com', undefined],
  ['https://a.example.com/', '*.example.com', undefined],
  ['https://notexample.com/', 'example.com', PROXY],
  ['https://example.com:8443/', 'example.com:8443', undefined],
  ['https://example.com/', 'example.com:8443', PROXY],
  ['https://example.com/', 'x, EXAMPLE.com', undefined],
  ['https://example.com/', '*', undefined],
  ['https://10.1.2.3/', '10.0.0.0/8', undefined],
  ['https://11.1.2.3/', '10.0.0.0/8', PROXY],
  ['https://10.1.2.3/', '10.0.0.0/99', PROXY],
  ['https://[fd00::1]/', 'fd00::/8', undefined],
  ['https://[fd00::1]/', 'fd00::1', undefined],
  ['https://10.1.2.3/', '10.1.2.3', undefined],
])('%s with NO_PROXY=%s', (url, noProxy, expected) => {
  expect(chooseProxy(new URL(url), { ...env, NO_PROXY: noProxy })).toBe(expected);
});

test('names in lower case win, and an empty one is none', () => {
  const url = new URL('https://registry.example/');
  expect(chooseProxy(url, { ...env, https_proxy: 'http://lower' })).toBe('http://lower');
  expect(chooseProxy(url, { HTTPS_PROXY: '' })).toBeUndefined();
  expect(chooseProxy(url, {})).toBeUndefined();
});
