/** push, pull, login and logout through the built program, against a registry in the test. The real ones: ../peers/registry.test.ts. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type FakeRegistry, startFakeRegistry } from '../fake-registry.js';
import { BIN, useRig } from '../rig.js';
import { hasTerminal, onTerminal } from '../terminal.js';

const rig = useRig();
let registry: FakeRegistry;

beforeEach(async () => {
  registry = await startFakeRegistry();
  rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY a /\n', 'c/a': 'hello' });
});
afterEach(() => registry.close());

const PASSWORD = 'pa55-w0rd/with"quotes';

async function login(password = PASSWORD) {
  return rig.run(['login', '-u', 'me', '--password-stdin', registry.host], { input: `${password}\n` });
}

describe('push', () => {
  test('of a build, to each of its names, and to those of an output', async () => {
    const names = [`${registry.host}/a:1`, `${registry.host}/b/c`];
    const tags = names.flatMap((name) => ['-t', name]);
    const args = ['--platform', 'wasi/wasm,linux/amd64', ...tags, '--push', '--metadata-file', 'm.json', 'c'];
    const result = await rig.run(args);
    expect(result.code).toBe(0);
    const digest = JSON.parse(fs.readFileSync(rig.path('m.json'), 'utf8'))['containerimage.digest'];
    for (const key of ['a:1', 'b/c:latest', `a@${digest}`]) expect([...registry.manifests.keys()]).toContain(key);
    for (const name of names) expect(result.stderr).toContain(`pushed    ${name}`);
    expect(rig.list()).not.toContain('image.tar');
    const output = `type=registry,"name=${registry.host}/d:1,${registry.host}/d:2"`;
    expect(await rig.run(['--platform', 'wasi/wasm', '-o', output, 'c'])).toMatchObject({ code: 0 });
    expect([...registry.manifests.keys()]).toEqual(expect.arrayContaining(['d:1', 'd:2']));
    const byDigest = `type=image,push-by-digest=true,name=${registry.host}/e`;
    expect(await rig.run(['--platform', 'wasi/wasm', '-o', byDigest, 'c'])).toMatchObject({ code: 0 });
    expect([...registry.manifests.keys()].filter((key) => key.startsWith('e'))).toEqual([
      expect.stringMatching(/^e@sha256:/),
    ]);
  });

  test('of an image of the cache; an image without push stays there', async () => {
    const name = `${registry.host}/team/app:1`;
    const built = await rig.run(['--platform', 'wasi/wasm', '-t', name, '-o', 'type=image', 'c']);
    expect(built.code).toBe(0);
    expect(registry.log).toEqual([]);
    const pushed = await rig.run(['push', name]);
    expect(pushed).toMatchObject({ code: 0 });
    const quiet = await rig.run(['push', '-q', name]);
    expect(quiet.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(quiet.stderr).toBe('');
    const missing = await rig.run(['push', `${registry.host}/none`]);
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.stderr).toContain('the store has no image');
  });

  test.each([
    [['--push'], 'an image without a name cannot be pushed'],
    [['--push', '-t', `a@sha256:${'0'.repeat(64)}`], 'cannot be pushed to: it has a digest'],
  ])('%j is refused', async (args, message) => {
    const result = await rig.run([...args, '--platform', 'wasi/wasm', 'c']);
    expect(result).toMatchObject({ code: 2 });
    expect(result.stderr).toContain(message);
  });
});

test('pull --platform takes no image of another platform', async () => {
  const name = `${registry.host}/app:1`;
  expect(await rig.run(['--platform', 'wasi/wasm', '-t', name, '--push', 'c'])).toMatchObject({ code: 0 });
  const pull = (platform: string) => rig.run(['pull', '-q', '--platform', platform, name, '--cache-dir', 'other']);
  const { code, stderr } = await pull('linux/arm64');
  expect(code).toBe(1);
  expect(stderr).toContain('there is no image for linux/arm64 in it\n  = help: it has wasi/wasm\n');
  expect((await rig.run(['images', '--json', '--cache-dir', 'other'])).stdout).toBe('[]\n');
  expect(await pull('wasi/wasm')).toMatchObject({ code: 0 });
});

test('pull brings what push sent, and save writes the archive that the build wrote', async () => {
  const name = `${registry.host}/app:1`;
  const build = ['--platform', 'wasi/wasm,linux/amd64', '-t', name, '-o', 'type=oci,dest=built.tar', '--push', 'c'];
  expect(await rig.run(build)).toMatchObject({ code: 0 });
  const cache = ['--cache-dir', 'other'];
  expect(await rig.run(['pull', name, ...cache])).toMatchObject({ code: 0 });
  expect(await rig.run(['save', name, '--type', 'oci', '-o', 'saved.tar', ...cache])).toMatchObject({ code: 0 });
  expect(fs.readFileSync(rig.path('saved.tar')).equals(fs.readFileSync(rig.path('built.tar')))).toBe(true);
  const one = await rig.run(['pull', '-q', '--platform', 'linux/amd64', name, '--cache-dir', 'third']);
  expect(one.code).toBe(0);
  const images = JSON.parse((await rig.run(['images', '--json', '--cache-dir', 'third'])).stdout);
  expect(images).toMatchObject([{ name, platform: 'linux/amd64', digest: one.stdout.trim() }]);
  expect(await rig.run(['cache', 'verify', '--cache-dir', 'third'])).toMatchObject({ code: 0 });
});

describe('login', () => {
  beforeEach(() => {
    registry.auth = { kind: 'bearer', account: `me:${PASSWORD}` };
  });

  test('lets push in, and logout keeps it out', async () => {
    const push = ['--platform', 'wasi/wasm', '-t', `${registry.host}/a`, '--push', 'c'];
    const before = await rig.run(push);
    expect(before).toMatchObject({ code: 1 });
    expect(before.stderr).toContain(`log in with wbuild login ${registry.host}`);
    const done = await login();
    expect(done).toMatchObject({ code: 0, stdout: 'Login Succeeded\n' });
    expect(done.stderr).toContain('stored without encryption');
    expect(await rig.run(push)).toMatchObject({ code: 0 });
    expect(await rig.run(['logout', registry.host])).toMatchObject({ code: 0 });
    expect(await rig.run(['push', `${registry.host}/a`])).toMatchObject({ code: 1 });
  });

  test('with a wrong password changes nothing', async () => {
    const result = await login('wrong');
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toContain('refuses');
    expect(result.stderr).toContain('check the user name, and the password or token');
    expect(fs.existsSync(path.join(rig.dir, '../home/.docker'))).toBe(false);
  });

  test('-p is taken, and warned of', async () => {
    const result = await rig.run(['login', '-u', 'me', '-p', PASSWORD, registry.host]);
    expect(result).toMatchObject({ code: 0, stdout: 'Login Succeeded\n' });
    expect(result.stderr).toContain('can be read by every user of this machine');
    expect(result.stderr).not.toContain(PASSWORD);
  });

  (hasTerminal ? describe : describe.skip)('on a terminal', () => {
    const type = (typed: string, ...args: string[]) => {
      const command = [process.execPath, BIN, 'login', ...args, registry.host];
      return onTerminal(command, typed, { cwd: rig.dir, env: { HOME: rig.path('..', 'home') } });
    };
    const file = () => path.join(rig.dir, '../home/.docker/config.json');

    test('asks for the account, and for the password without showing it', async () => {
      const { shown, code } = await type(`you\x7f\x7f\x7fme\n${PASSWORD}x\x7f\n`);
      expect(code).toBe(0);
      expect(shown).toMatch(/Username: you(?:\x08 \x08){3}me\r\n/);
      expect(shown).toContain('Password: \r\n');
      expect(shown).toContain('Login Succeeded');
      expect(shown).not.toContain('pa55');
      const { auths } = JSON.parse(fs.readFileSync(file(), 'utf8'));
      expect(String(Buffer.from(auths[registry.host].auth, 'base64'))).toBe(`me:${PASSWORD}`);
    });

    test('asks for the password alone where -u is given; control-U takes back what was typed', async () => {
      const { shown, code } = await type(`wrong\x15${PASSWORD}\n`, '-u', 'me');
      expect({ code, asked: shown.includes('Username') }).toEqual({ code: 0, asked: false });
    });

    test.each([
      ['Ctrl-C', '\x03', 130],
      ['Ctrl-D', '\x04', 130],
      ['nothing', '\n', 2],
    ])('%s changes nothing', async (_what, typed, expected) => {
      const { shown, code } = await type(typed, '-u', 'me');
      expect(code).toBe(expected);
      if (expected === 2) expect(shown).toContain('the password is empty');
      expect(fs.existsSync(file())).toBe(false);
    });

    test('a signal gives the terminal its echo back', async () => {
      // another process looks at the terminal meanwhile, and ends wbuild
      const echo = `stty -a < /dev/tty | grep -o ' -\\?echo '`;
      const script = [
        `(until stty -a < /dev/tty | grep -q ' -echo '; do sleep 0.1; done; ${echo}; kill $(cat pid)) &`,
        `bash -c 'echo $$ > pid; exec ${process.execPath} ${BIN} login -u me ${registry.host}'; echo "ended $?"; ${echo}`,
      ].join('\n');
      const { shown } = await onTerminal(['bash', '-c', script], '', { cwd: rig.dir, env: {} });
      expect(shown).toMatch(/ -echo [\s\S]*ended 143[\s\S]* echo /);
    });
  });

  test.each([
    [['-u', 'me', 'h'], 'needs -u USER and --password-stdin where there is no terminal'],
    [['--password-stdin', 'h'], 'needs -u USER with a password'],
    [['-p', 'x', 'h'], 'needs -u USER with a password'],
    [['-u', 'me', '-p', 'x', '--password-stdin', 'h'], 'exclude one another'],
    [['-u', 'me', '-p', '', 'h'], '--password is empty'],
    [['-u', 'me', '--password-stdin', 'a b'], 'is no registry'],
  ])('%j is refused', async (args, message) => {
    const result = await rig.run(['login', ...args], { input: 'x' });
    expect(result).toMatchObject({ code: 2 });
    expect(result.stderr).toContain(message);
  });
});

test('secrets are in no output, no argument, and nothing that is kept, but for the file of Docker', async () => {
  registry.auth = { kind: 'bearer', account: `me:${PASSWORD}` };
  const seen: string[] = [];
  const processes = () => seen.push(spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout);
  registry.intercept = ({ url }) => {
    if (url!.includes('/uploads/')) processes();
    return false;
  };
  const name = `${registry.host}/a:1`;
  const run = async (...args: string[]) => {
    const { stdout, stderr } = await rig.run(args);
    seen.push(stdout, stderr);
  };
  const { stdout, stderr } = await login();
  seen.push(stdout, stderr);
  for (const mode of ['plain', 'rawjson'])
    await run('--progress', mode, '--platform', 'wasi/wasm', '-t', name, '--push', 'c');
  await run('pull', '--progress', 'plain', name, '--cache-dir', 'other');
  registry.intercept = (_request, response) => {
    response.writeHead(403).end(`{"errors":[{"code":"DENIED","message":"no"}]}`);
    return true;
  };
  await run('push', name);
  await run('pull', name);
  const tokens = registry.authorizations.filter((a) => a !== undefined).map((a) => a.split(' ')[1]!);
  expect(tokens.length).toBeGreaterThan(3);
  const secrets = [PASSWORD, Buffer.from(`me:${PASSWORD}`).toString('base64'), ...tokens, '_state=secret'];
  const said = seen.join('\n');
  for (const secret of secrets) expect(said).not.toContain(secret);
  for (const folder of [rig.dir, rig.cacheDir]) {
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = fs.readFileSync(path.join(entry.parentPath ?? entry.path, entry.name));
      for (const secret of secrets) expect(bytes.includes(secret)).toBe(false);
    }
  }
});

test('a pull that is interrupted leaves no image, and nothing that is half there', async () => {
  const name = `${registry.host}/a:1`;
  expect(await rig.run(['--platform', 'wasi/wasm', '-t', name, '--push', 'c'])).toMatchObject({ code: 0 });
  registry.intercept = ({ method, url }, response) => {
    if (method !== 'GET' || !url!.includes('/blobs/')) return false;
    response.writeHead(200).write('h'); // and no more
    return true;
  };
  const running = rig.start(['pull', '--progress', 'plain', name, '--cache-dir', 'other']);
  await running.seen(/pulling sha256/);
  await new Promise((resolve) => setTimeout(resolve, 300));
  running.child.kill('SIGINT');
  expect((await running.done).code).toBe(130);
  expect((await rig.run(['images', '--json', '--cache-dir', 'other'])).stdout).toBe('[]\n');
  expect(fs.readdirSync(rig.path('other/tmp'))).toEqual([]);
});
