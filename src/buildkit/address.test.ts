import { describe, expect, test } from '@jest/globals';
import type { BuildError } from '../diagnostic/build-error.js';
import { parseAddress, parseAddresses } from './address.js';

const tls = { serverName: 'b' };

test.each([
  ['unix:///run/b.sock', {}, { kind: 'unknown', at: { path: '/run/b.sock' } }],
  ['/run/b.sock', {}, { kind: 'unknown', at: { path: '/run/b.sock' } }],
  ['unix:///run/b.sock', { tls }, { kind: 'unknown', at: { path: '/run/b.sock' } }],
  ['tcp://builder:1234', {}, { kind: 'buildkit', at: { host: 'builder', port: 1234 } }],
  ['tcp://[::1]:1234', { tls }, { kind: 'buildkit', at: { host: '::1', port: 1234 }, tls }],
  ['docker', {}, { kind: 'docker', at: { path: '/var/run/docker.sock' } }],
  ['docker', { dockerHost: 'unix:///d.sock' }, { kind: 'docker', at: { path: '/d.sock' } }],
  ['docker', { dockerHost: 'tcp://d:2376', tls }, { kind: 'docker', at: { host: 'd', port: 2376 }, tls }],
])('%s with %j', (text, context, expected) => {
  expect(parseAddress(text, context)).toEqual({ shown: text, ...expected });
});

describe('no addresses', () => {
  test.each([
    ['mybuilder', /docker, unix:/],
    ['tcp://builder', /tcp:\/\/host:port/],
    ['tcp://builder:99999', /tcp:\/\/host:port/],
    ['unix://relative.sock', /an absolute path/],
    ['ssh://host', /ssh -L/],
    ['docker-container://x', /expose/],
    ['', /--builder|docker/],
    [',', /docker/],
  ])('%j', (text, hint) => {
    try {
      parseAddresses(text, {});
    } catch (error) {
      expect((error as BuildError).diagnostics[0]).toMatchObject({ code: 'Usage', hint: expect.stringMatching(hint) });
      return;
    }
    throw new Error('was taken');
  });
});

test('several, each once', () => {
  expect(parseAddresses('tcp://a:1, tcp://b:1,tcp://a:1', {}).map((a) => a.shown)).toEqual(['tcp://a:1', 'tcp://b:1']);
});
