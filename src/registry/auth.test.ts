import { describe, expect, test } from '@jest/globals';
import { basicAuthorization, formatScope, parseChallenges, tokenRequest } from './auth.js';

const read = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('challenges', () => {
  test.each([
    ['Basic realm="a b"', [['basic', { realm: 'a b' }]]],
    [
      'Bearer realm="https://t/x?y=1,2",service="s",scope="repository:a:pull,push"',
      [['bearer', { realm: 'https://t/x?y=1,2', service: 's', scope: 'repository:a:pull,push' }]],
    ],
    ['Bearer realm=t , error="q\\"x"', [['bearer', { realm: 't', error: 'q"x' }]]],
    [
      'Negotiate, Basic realm="r", Bearer realm="t"',
      [
        ['negotiate', {}],
        ['basic', { realm: 'r' }],
        ['bearer', { realm: 't' }],
      ],
    ],
    ['', []],
    ['"', []],
    ['realm="no scheme"', []],
  ])('%s', (header, expected) => {
    expect(read(header)).toEqual(expected);
  });
});

describe('a token', () => {
  const [challenge] = parseChallenges('Bearer realm="https://token.example/auth?a=b",service="reg"');
  const scopes = [formatScope({ repository: 'a/b', actions: ['pull', 'push'] }), 'repository:c:pull'];

  test('is asked for with a password as Basic', () => {
    const credentials = { kind: 'basic', username: 'ü', password: 'p:w' } as const;
    const request = tokenRequest(challenge!, scopes, credentials);
    expect(request.method).toBe('GET');
    expect(request.url.searchParams.getAll('scope')).toEqual(scopes);
    expect(Object.fromEntries(request.url.searchParams)).toMatchObject({ a: 'b', service: 'reg', account: 'ü' });
    expect(request.authorization).toBe(`Basic ${Buffer.from('ü:p:w').toString('base64')}`);
    expect(request.url.href).not.toContain('p%3Aw');
  });

  test('is asked for with an identity token in a form, and without anything', () => {
    const { method, url, body, authorization } = tokenRequest(challenge!, scopes, {
      kind: 'identity-token',
      token: 'T',
    });
    expect([method, url.search, authorization]).toEqual(['POST', '?a=b', undefined]);
    expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'T',
      service: 'reg',
      scope: scopes.join(' '),
    });
    expect(tokenRequest(challenge!, [], undefined)).not.toHaveProperty('authorization');
  });

  test('of a realm that is no address', () => {
    expect(() => tokenRequest(parseChallenges('Bearer service="x"')[0]!, [], undefined)).toThrow('Invalid URL');
  });
});

test('nothing but a password is Basic', () => {
  expect(basicAuthorization({ kind: 'registry-token', token: 'T' })).toBeUndefined();
  expect(basicAuthorization(undefined)).toBeUndefined();
});
