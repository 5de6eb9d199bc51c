import { describe, expect, test } from '@jest/globals';
import type { BuildError } from '../diagnostic/build-error.js';
import { parseArgs } from './args.js';
import { parseBuilderArgs } from './builder-args.js';

const parse = (line: string, env = {}) => parseBuilderArgs(line.split(' '), env);

test.each([
  ['ls tcp://a:1 tcp://b:1', {}, { kind: 'ls', json: false, builder: { addresses: 'tcp://a:1,tcp://b:1' } }],
  ['inspect --json docker', {}, { kind: 'inspect', json: true, builder: { addresses: 'docker' } }],
  ['du', { BUILDKIT_HOST: 'tcp://a:1' }, { kind: 'du', json: false, filter: [], builder: { addresses: 'tcp://a:1' } }],
  [
    'du --filter id~=^a --filter=inuse docker',
    {},
    { kind: 'du', json: false, filter: ['id~=^a', 'inuse'], builder: { addresses: 'docker' } },
  ],
  [
    'prune -a --older-than 2h --max-size 1GB tcp://a:1 --tlscacert ca --tlscert c --tlskey k --tlsservername n',
    {},
    {
      kind: 'prune',
      json: false,
      filter: [],
      all: true,
      olderThanMs: 7_200_000,
      maxSize: 1_000_000_000,
      builder: { addresses: 'tcp://a:1', tlsCaCert: 'ca', tlsCert: 'c', tlsKey: 'k', tlsServerName: 'n' },
    },
  ],
  [
    'ls docker',
    { DOCKER_HOST: 'tcp://d:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/c' },
    {
      kind: 'ls',
      json: false,
      builder: {
        addresses: 'docker',
        dockerHost: 'tcp://d:2376',
        tlsCaCert: '/c/ca.pem',
        tlsCert: '/c/cert.pem',
        tlsKey: '/c/key.pem',
      },
    },
  ],
  ['--help', {}, 'help'],
  ['du --help', {}, 'help'],
])('%s', (line, env, expected) => {
  expect(parse(line, env)).toEqual(expected);
});

describe('mistakes', () => {
  test.each([
    ['inpect x', 'wbuild builder has no "inpect"'],
    ['du', 'wbuild builder du needs an address'],
    ['du tcp://a:1 tcp://b:1', 'wbuild builder du takes one address, not "tcp://a:1" "tcp://b:1"'],
    ['inspect --filter=x tcp://a:1', 'wbuild builder inspect has no option --filter'],
    ['du --all tcp://a:1', 'wbuild builder du has no option --all'],
    ['prune --older-than soon tcp://a:1', '--older-than "soon" is no age'],
  ])('%s', (line, message) => {
    try {
      parse(line);
    } catch (error) {
      expect((error as BuildError).diagnostics).toMatchObject([{ code: 'Usage', message, hint: expect.any(String) }]);
      return;
    }
    throw new Error('was taken');
  });
});

describe('where a build runs', () => {
  const builderOf = (line: string, env = {}) => {
    const command = parseArgs(line.split(' '), env);
    return command.kind === 'build' ? command.options.build.builder : undefined;
  };

  test.each([
    ['.', {}, undefined],
    ['--builder local .', { BUILDKIT_HOST: 'tcp://a:1' }, undefined],
    ['.', { BUILDKIT_HOST: 'tcp://a:1' }, { addresses: 'tcp://a:1', cacheTo: [], cacheFrom: [] }],
    [
      '--builder tcp://b:1 --tlscacert ca.pem .',
      { BUILDKIT_HOST: 'tcp://a:1' },
      { addresses: 'tcp://b:1', tlsCaCert: 'ca.pem', cacheTo: [], cacheFrom: [] },
    ],
    [
      '--builder docker --cache-to type=registry,ref=r/c:1,mode=max --cache-from r/c:1 --cache-from type=gha,scope=x .',
      { ACTIONS_RUNTIME_TOKEN: 't', ACTIONS_RESULTS_URL: 'u' },
      {
        addresses: 'docker',
        cacheTo: [{ type: 'registry', attrs: { ref: 'r/c:1', mode: 'max' } }],
        cacheFrom: [
          { type: 'registry', attrs: { ref: 'r/c:1' } },
          { type: 'gha', attrs: { scope: 'x', token: 't', url_v2: 'u' } },
        ],
      },
    ],
  ])('%s with %j', (line, env, expected) => {
    expect(builderOf(line, env)).toEqual(expected);
  });

  test.each([
    ['--tlscacert ca.pem .', /--tlscacert is for builders/],
    ['--builder docker --explain .', /--explain tells of the cache of this machine/],
    ['--builder docker --cache-to type=local,src=x .', /dest= is missing/],
    ['--builder docker --cache-from type=local,dest=x .', /src= is missing/],
    ['--builder docker --cache-to type=local,dest=x,reset=true .', /wbuild has no reset=/],
    ['--builder docker --cache-to mode=max .', /type= is missing/],
  ])('%s is refused', (line, message) => {
    expect(() => builderOf(line)).toThrow(message);
  });
});
