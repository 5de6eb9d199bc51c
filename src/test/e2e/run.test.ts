/** `wbuild run`: the program of an image, on the files of the image and nothing else. testdata/run/probe.c does what its arguments say. */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BIN, type FileSpec, TESTDATA, useRig, writeFiles } from '../rig.js';
import { assembleWat } from '../wat.js';

const rig = useRig();
const probe = fs.readFileSync(path.join(TESTDATA, 'run/probe.wasm'));

/** A folder with the images of all tests: building them anew for each would be most of the time. */
let shared = '';

/** Builds an archive. */
function image(name: string, files: Readonly<Record<string, FileSpec>>, args: readonly string[] = []): string {
  const dir = path.join(shared, name);
  writeFiles(dir, files);
  const platform = args.includes('--platform') ? [] : ['--platform', 'wasi/wasm'];
  const all = [...platform, ...args, '--cache-dir', path.join(shared, 'cache'), '-q', '-o'];
  execFileSync(process.execPath, [BIN, ...all, `type=oci,dest=${dir}.tar`, dir]);
  return `${dir}.tar`;
}

const run = (...args: string[]) => rig.run(['run', ...args]);

/** Temporary folders lie beside that of the rig (TMPDIR). */
const leftovers = () => fs.readdirSync(path.dirname(rig.dir)).filter((name) => name.startsWith('wbuild-'));

let probeTar = '';

beforeAll(() => {
  shared = fs.mkdtempSync(path.join(os.tmpdir(), 'wbuild-images-'));
  probeTar = image('probe', {
    Dockerfile: 'FROM scratch\nCOPY probe.wasm /bin/probe.wasm\nCOPY data /data/\nENTRYPOINT ["/bin/probe.wasm"]\n',
    'probe.wasm': probe,
    'data/file': { content: 'of the image\n', mode: 0o000, mtime: 1 },
    'data/abs': { symlink: '/etc/hostname' },
    'data/etc': { symlink: '/etc' },
    'data/up': { symlink: '../../../../../../../../etc/hostname' },
    'data/good': { symlink: '/data/file' },
  });
});
afterAll(() => fs.rmSync(shared, { recursive: true, force: true }));

test('the streams, the arguments, the environment and the exit code are those of the program', async () => {
  const args = ['-e', 'A=1', probeTar, 'args', 'env', 'warn', 'oops', 'stdin', 'exit', '7'];
  const result = await rig.run(['run', ...args], {
    input: 'in and out\n',
    env: { NODE_OPTIONS: '--trace-deprecation' },
  });
  const words = ['/bin/probe.wasm', ...args.slice(3)].map((word) => `[${word}]\n`).join('');
  const env = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nA=1\n';
  expect(result).toMatchObject({ code: 7, stdout: `${words}${env}in and out\n`, stderr: 'oops\n' });
  expect(await run(probeTar, 'exit', '259')).toMatchObject({ code: 3, stdout: '', stderr: '' });
  expect(leftovers()).toEqual([]);
});

test('a reader that is slower than the program loses nothing', async () => {
  const child = spawn(process.execPath, [BIN, 'run', probeTar, 'many', '100000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => setTimeout(resolve, 600)); // longer than the pipe takes to fill
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  expect(String(Buffer.concat(chunks)).split('\n')).toHaveLength(100_001);
});

test('it sees the files of the image, links as in a container, and nothing outside', async () => {
  const reads = [
    'ls',
    '/',
    'ls',
    '/data',
    'cat',
    '/data/file',
    'stat',
    '/data/file',
    'cat',
    '/data/good',
    'readlink',
    '/data/abs',
  ];
  const outside = ['/data/abs', '/data/up', '/data/etc/hostname', '../../../etc/hostname', '/data/../../etc/hostname'];
  const result = await run(
    probeTar,
    ...reads,
    ...outside.flatMap((name) => ['cat', name]),
    'catat',
    '/data',
    '../bin/probe.wasm',
  );
  expect(result.stdout).toBe(
    'bin\ndata\nabs\netc\nfile\ngood\nup\nof the image\nfile 13 0\nof the image\n/etc/hostname\n',
  );
  expect(result.stderr).toBe(
    [
      'cat /data/abs: No such file or directory',
      'cat /data/up: No such file or directory',
      'cat /data/etc/hostname: No such file or directory',
      'cat ../../../etc/hostname: Capabilities insufficient',
      'cat /data/../../etc/hostname: Capabilities insufficient',
      'catat ../bin/probe.wasm: Capabilities insufficient',
      '',
    ].join('\n'),
  );
});

const CHANGES = [
  ...['write', '/new', 'x', 'append', '/data/file', 'more\n', 'rm', '/data/good', 'mkdir', '/folder'],
  ...[
    'symlink',
    'file',
    '/data/link',
    'link',
    '/data/file',
    '/hard',
    'rename',
    '/data/up',
    '/up',
    'touch',
    '/data/file',
  ],
];

test('it changes nothing, even as root', async () => {
  const { stdout, stderr } = await run(probeTar, ...CHANGES, 'ls', '/', 'ls', '/data', 'cat', '/data/file');
  expect(stderr.split('\n').map((line) => line.replace(/.*: /, ''))).toEqual([
    ...Array(8).fill('Read-only file system'),
    '',
  ]);
  expect(stdout).toBe('bin\ndata\nabs\netc\nfile\ngood\nup\nof the image\n');
});

test('whoever runs it: no right to read everything is needed, and folders that nobody may write to go away', async () => {
  const words = ['cat', '/data/file', 'write', '/new', 'x'];
  const result = await rig.run(['run', probeTar, ...words], { unprivileged: true });
  expect(result).toMatchObject({ code: 0, stdout: 'of the image\n', stderr: 'write /new: Read-only file system\n' });
  expect(leftovers()).toEqual([]);
});

test('--writable: it changes its own copy, and links that it makes lead nowhere outside', async () => {
  const escapes = [
    'symlink',
    '../../etc',
    '/folder/out',
    'cat',
    '/folder/out/hostname',
    'rename',
    '/folder/out',
    '/out',
    'cat',
    '/out/hostname',
  ];
  const result = await run('--writable', probeTar, ...CHANGES, 'cat', '/hard', 'cat', '/up', 'ls', '/', ...escapes);
  expect(result.stdout).toBe('of the image\nmore\nbin\ndata\nfolder\nhard\nnew\nup\n');
  expect(result.stderr).toBe(
    ['/up', '/folder/out/hostname', '/out/hostname'].map((name) => `cat ${name}: No such file or directory\n`).join(''),
  );
  expect(await run(probeTar, 'ls', '/', 'cat', '/data/file')).toMatchObject({
    stdout: 'bin\ndata\nof the image\n',
    stderr: '',
  });
});

test('--dir gives it folders of this machine, and what lies in them alone', async () => {
  rig.write({
    'host/file': 'of the host\n',
    'host/out': { symlink: '../probe' },
    'host/abs': { symlink: '/etc' },
    secret: 's',
  });
  const words = ['cat', '/h/file', 'write', '/h/new', 'x', 'write', '/ro/other', 'x', 'cat', '/ro/new'];
  const outside = [
    'cat',
    '/h/out/Dockerfile',
    'cat',
    '/h/abs/hostname',
    'cat',
    '/h/../secret',
    'symlink',
    '..',
    '/h/up',
    'cat',
    '/h/up/secret',
  ];
  const result = await run('--dir', 'host::/h', '--dir', 'host::/ro::ro', probeTar, ...words, ...outside);
  expect(result.stdout).toBe('of the host\nx');
  expect(result.stderr.split('\n').map((line) => line.replace(/.*: /, ''))).toEqual([
    'Read-only file system',
    ...Array(4).fill('Capabilities insufficient'),
    'No such file or directory', // node:wasi makes no link that leads outside
    '',
  ]);
  expect(rig.list().filter((name) => name.startsWith('host/'))).toEqual([
    'host/',
    'host/abs',
    'host/file',
    'host/new',
    'host/out',
  ]);
  expect(await run('--dir', 'gone::/x', probeTar)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--dir gone: no such file'),
  });
  expect(await run('--dir', 'secret::/x', probeTar)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is no folder'),
  });
});

describe('a program that does not end by itself', () => {
  test('is ended by a signal, and leaves nothing', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const running = rig.start(['run', probeTar, 'loop']);
      await running.seen(/looping/);
      running.child.kill(signal);
      expect(await running.done).toMatchObject({
        code,
        stderr: expect.stringMatching(/looping\n\nwbuild: interrupted\n$/),
      });
      expect(leftovers()).toEqual([]);
    }
  });

  test('ends with wbuild, however that ends', async () => {
    const running = rig.start(['run', probeTar, 'loop']);
    await running.seen(/looping/);
    const children = String(fs.readFileSync(`/proc/${running.child.pid}/task/${running.child.pid}/children`)).trim();
    running.child.kill('SIGKILL');
    await running.done; // which waits for the streams, and so for the program
    expect(children).toMatch(/^\d+$/);
    expect(fs.existsSync(`/proc/${children}/root`)).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  test('waits for input, and is ended all the same', async () => {
    const child = spawn(process.execPath, [BIN, 'run', probeTar, 'warn', 'waiting', 'stdin'], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    await new Promise((resolve) => child.stderr.once('data', resolve));
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    child.stdin.destroy();
    expect(code).toBe(130);
  });
});

test('a trap has a message, the functions, and an exit code of its own', async () => {
  const result = await run(probeTar, 'say', 'before', 'trap');
  expect(result).toMatchObject({ code: 134, stdout: 'before\n' });
  expect(result.stderr).toMatch(/^error\[ProgramTrapped\]: the program was ended: unreachable\n( +in \S+ \[\d+\]\n)+$/);
  expect(result.stderr).not.toMatch(/node:|\.c?js|WebAssembly\./);
});

describe('what cannot be run is refused with what would run it', () => {
  const CASES: readonly (readonly [what: string, file: string, bytes: string | Uint8Array, says: RegExp])[] = [
    ['a component', 'c.wasm', Buffer.from('0061736d0d000100', 'hex'), /a component .*preview 2.*\n.*wasmtime/],
    ['a program for Linux', 'elf', '\x7fELF...', /a program for linux\/amd64.*\n.*docker run/],
    ['text', 't.txt', 'text', /for linux\/amd64, and no WebAssembly/],
    ['a damaged module', 'd.wasm', Buffer.from('0061736d0100000001ff', 'hex'), /no module that this Node can run/],
    [
      'a module with imports of a host',
      'i.wasm',
      assembleWat('(module (import "env" "log" (func)) (func (export "_start")))'),
      /imports what WASI preview 1 does not have: env log/,
    ],
    [
      'a module that calls WASI before it is started',
      's.wasm',
      assembleWat(
        '(module (import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32))) (memory (export "memory") 1)' +
          ' (func $s (drop (call $y))) (start $s) (func (export "_start")))',
      ),
      /cannot be set up: wasi\.start\(\) has not been called/,
    ],
    ['a library', 'l.wasm', assembleWat('(module (memory (export "memory") 1))'), /exports no function _start/],
    ['a file that is not there', 'gone.wasm', '', /"gone.wasm" is no file of it/],
  ];
  let tar = '';

  beforeAll(() => {
    const files = Object.fromEntries(CASES.slice(0, -1).map(([, name, bytes]) => [`files/${name}`, bytes]));
    tar = image('several', { Dockerfile: 'FROM scratch\nCOPY files /\n', ...files }, ['--platform', 'linux/amd64']);
  });

  test.each(CASES)('%s', async (_what, file, _bytes, says) => {
    const result = await run(tar, file); // there is no ENTRYPOINT, so that this is the whole command
    expect(result).toMatchObject({ code: 125, stdout: '', stderr: expect.stringMatching(says) });
    expect(result.stderr).toMatch(/^error\[ImageNotRunnable\]: \S+ cannot be run here: /);
    expect(leftovers()).toEqual([]);
  });

  test('no entry point, no image, no such option', async () => {
    expect(await run(tar)).toMatchObject({ code: 125, stderr: expect.stringContaining('it has no entry point') });
    expect(await run('gone')).toMatchObject({ code: 125, stderr: expect.stringContaining('error[ImageNotFound]') });
    expect(await run('--foo', 'gone')).toMatchObject({ code: 2 });
  });
});

test('a module without memory, a function of another name, and a Wasm artifact run', async () => {
  const silent = assembleWat('(module (func (export "_start")) (func (export "other") unreachable))');
  const files = { Dockerfile: 'FROM scratch\nCOPY a.wasm /\nENTRYPOINT ["a.wasm#other"]\n', 'a.wasm': silent };
  expect(await run(image('silent', files))).toMatchObject({ code: 134 });
  rig.write({ 'one/Dockerfile': 'FROM scratch\nCOPY probe.wasm /\n', 'one/probe.wasm': probe });
  await rig.run(['--platform', 'wasi/wasm', '-o', 'type=wasm,dest=artifact.tar', 'one']);
  expect(await run('artifact.tar', 'args', 'ls', '/')).toMatchObject({
    code: 0,
    stdout: '[module.wasm]\n[args]\n[ls]\n[/]\n',
  });
});

test('of several platforms, that of WASI runs', async () => {
  const Dockerfile = 'FROM scratch\nCOPY probe.wasm /\nENTRYPOINT ["probe.wasm", "say"]\n';
  const both = image('both', { Dockerfile, 'probe.wasm': probe }, ['--platform', 'linux/amd64,wasi/wasm']);
  expect(await run(both, 'hello')).toMatchObject({ code: 0, stdout: 'hello\n' });
  expect(await run('--platform', 'linux/arm64', both)).toMatchObject({
    code: 125,
    stderr: expect.stringContaining('linux/arm64'),
  });
});

test('an image of the store runs, by name, and its archive for docker', async () => {
  const context = path.join(shared, 'probe');
  expect(
    await rig.run(['--platform', 'wasi/wasm', '-t', 'me/probe:1', '-o', 'type=docker,dest=saved.tar', context]),
  ).toMatchObject({ code: 0 });
  expect(await run('me/probe:1', 'say', 'hi')).toMatchObject({ code: 0, stdout: 'hi\n', stderr: '' });
  execFileSync('gzip', ['saved.tar'], { cwd: rig.dir });
  expect(await run('saved.tar.gz', 'say', 'hi')).toMatchObject({ code: 0, stdout: 'hi\n', stderr: '' });
});
