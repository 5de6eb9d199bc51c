import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { eraseCredentials, findCredentials, storeCredentials } from './docker-config.js';

let dir: string;
const file = () => path.join(dir, 'config.json');
const env = () => ({ DOCKER_CONFIG: dir, PATH: `${dir}:${process.env.PATH}` });
const write = (config: unknown) =>
  fs.writeFileSync(file(), typeof config === 'string' ? config : JSON.stringify(config));
const read = () => JSON.parse(fs.readFileSync(file(), 'utf8'));
const base64 = (text: string) => Buffer.from(text).toString('base64');

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'docker-config-'));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

describe('credentials of the file', () => {
  test.each<[string, object, string, unknown]>([
    ['of the host', { 'h:5': { auth: base64('u:p:q') } }, 'h:5', { kind: 'basic', username: 'u', password: 'p:q' }],
    [
      'as an address',
      { 'https://h/v1/': { auth: base64('u:p') } },
      'h',
      { kind: 'basic', username: 'u', password: 'p' },
    ],
    [
      'of docker.io',
      { 'https://index.docker.io/v1/': { auth: base64('u:p') } },
      'docker.io',
      { kind: 'basic', username: 'u', password: 'p' },
    ],
    ['apart', { h: { username: 'u', password: 'p' } }, 'h', { kind: 'basic', username: 'u', password: 'p' }],
    [
      'as an identity token',
      { h: { auth: base64('u:'), identitytoken: 'T' } },
      'h',
      { kind: 'identity-token', token: 'T' },
    ],
    ['as a registry token', { h: { registrytoken: 'T' } }, 'h', { kind: 'registry-token', token: 'T' }],
    ['of another', { other: { auth: base64('u:p') } }, 'h', undefined],
    ['that are empty', { h: {} }, 'h', undefined],
  ])('%s', async (_about, auths, host, expected) => {
    write({ auths });
    expect(await findCredentials(host, env())).toEqual(expected);
  });

  test('without a file there are none', async () => {
    expect(await findCredentials('h', env())).toBeUndefined();
    expect(await findCredentials('h', { HOME: dir })).toBeUndefined();
  });

  test.each(['{"auths":{"h":{"auth":"c2VjcmV0LXB3"', '[]', '{"auths":{"h":{"auth":"c2VjcmV0LXB3"}}}'])(
    'a damaged file is told without its secrets: %s',
    async (text) => {
      write(text);
      const error = await findCredentials('h', env()).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(BuildError);
      expect((error as BuildError).diagnostics[0]!.code).toBe('CredentialsNotUsable');
      expect(JSON.stringify((error as BuildError).diagnostics)).not.toMatch(/c2VjcmV0|secret/);
    },
  );
});

describe('login and logout', () => {
  test('change their entry alone, and only the owner may read the file', async () => {
    write({ auths: { other: { auth: 'x' } }, HttpHeaders: { a: 'b' }, psFormat: 'table' });
    expect(await storeCredentials('h', { username: 'u', password: 'p' }, env())).toEqual({ file: file() });
    expect(read()).toEqual({
      auths: { other: { auth: 'x' }, h: { auth: base64('u:p') } },
      HttpHeaders: { a: 'b' },
      psFormat: 'table',
    });
    expect(fs.statSync(file()).mode & 0o777).toBe(0o600);
    expect(await findCredentials('h', env())).toEqual({ kind: 'basic', username: 'u', password: 'p' });
    expect(await eraseCredentials('h', env())).toBe(true);
    expect(await eraseCredentials('h', env())).toBe(false);
    expect(read().auths).toEqual({ other: { auth: 'x' } });
  });

  test('make the folder, and keep a symbolic link', async () => {
    const real = path.join(dir, 'real.json');
    fs.writeFileSync(real, '{}');
    fs.symlinkSync(real, file());
    await storeCredentials('h', { username: 'u', password: 'p' }, env());
    expect(fs.lstatSync(file()).isSymbolicLink()).toBe(true);
    await storeCredentials('h', { username: 'u', password: 'p' }, { HOME: path.join(dir, 'home') });
    expect(fs.existsSync(path.join(dir, 'home/.docker/config.json'))).toBe(true);
  });
});

describe('credential helpers', () => {
  /** A helper in a few lines of shell: one file a server. */
  const install = (name: string) => {
    const script = [
      '#!/bin/sh',
      `cd "${dir}"`,
      `echo "$0 $*" >> calls`,
      'input=$(cat)',
      'case $1 in',
      'store) printf %s "$input" > stored.json ;;',
      'get) if [ -e stored.json ]; then cat stored.json; else echo "credentials not found in native keychain"; exit 1; fi ;;',
      'erase) rm -f stored.json ;;',
      'esac',
    ].join('\n');
    fs.writeFileSync(path.join(dir, `docker-credential-${name}`), script, { mode: 0o755 });
  };

  test.each([{ credsStore: 'toy' }, { credHelpers: { h: 'toy' }, credsStore: 'none' }])('%j', async (config) => {
    install('toy');
    write(config);
    expect(await findCredentials('h', env())).toBeUndefined();
    expect(await storeCredentials('h', { username: 'u', password: 'p"w' }, env())).toEqual({ helper: 'toy' });
    expect(read()).toEqual({ ...config, auths: { h: {} } });
    expect(await findCredentials('h', env())).toEqual({ kind: 'basic', username: 'u', password: 'p"w' });
    expect(await eraseCredentials('h', env())).toBe(true);
    expect(await findCredentials('h', env())).toBeUndefined();
    const calls = fs.readFileSync(path.join(dir, 'calls'), 'utf8');
    expect(calls).toContain('docker-credential-toy store\n');
    expect(calls).not.toContain('p"w');
  });

  test('an identity token is one', async () => {
    install('toy');
    write({ credsStore: 'toy' });
    await storeCredentials('h', { username: '<token>', password: 'T' }, env());
    expect(await findCredentials('h', env())).toEqual({ kind: 'identity-token', token: 'T' });
  });

  test.each([
    ['gone', 'docker-credential-gone is not on the PATH'],
    ['../evil', 'is no name of a credential helper'],
    ['loud', 'docker-credential-loud get failed: no dbus'],
    ['odd', 'the credential helper odd gave no JSON'],
  ])('%s', async (name, message) => {
    fs.writeFileSync(path.join(dir, 'docker-credential-loud'), '#!/bin/sh\necho no dbus; exit 2\n', { mode: 0o755 });
    fs.writeFileSync(path.join(dir, 'docker-credential-odd'), '#!/bin/sh\necho hello\n', { mode: 0o755 });
    write({ credsStore: name });
    await expect(findCredentials('h', env())).rejects.toThrow(message);
  });
});
