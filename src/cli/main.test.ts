import { EventEmitter } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { BuildOptions, BuildResult } from '../build/build-options.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { registerTemporary } from '../util/atomic-write.js';
import { sha256 } from '../util/digest.js';
import type { Env, OutputStream } from './io.js';
import type { ProcessLike } from './main.js';

/** The build is somebody else's: what it is given and what it gives back is what matters here. */
const build = jest.fn<(options: BuildOptions) => Promise<BuildResult>>();
jest.unstable_mockModule('../build/build.js', () => ({ build }));
const { main } = await import('./main.js');

const RANGE = { file: 'Dockerfile', start: { line: 2, column: 6 }, end: { line: 2, column: 7 } };
const ERROR: Diagnostic = { code: 'SourceNotFound', severity: 'error', message: 'no such file: a', range: RANGE };
const WARNING: Diagnostic = { code: 'StageNameCasing', severity: 'warning', message: 'lower case, please' };
const RESULT: BuildResult = {
  platform: { architecture: 'wasm', os: 'wasi' },
  manifest: { mediaType: 'm', digest: sha256('manifest'), size: 1 },
  config: { mediaType: 'c', digest: sha256('config'), size: 2 },
  diffIDs: [],
  images: [],
  warnings: [WARNING],
  counters: {
    built: 1,
    cached: 2,
    imported: 3,
    hashedFiles: 4,
    hashedBytes: 5,
    packedFiles: 6,
    packedBytes: 7,
    compressedBytes: 8,
  },
};

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly exits: readonly number[];
}

/** A process of which everything is known. */
function rig({ env = {}, terminal = false }: { env?: Env; terminal?: boolean } = {}) {
  const texts = { stdout: '', stderr: '' };
  const exits: number[] = [];
  const stream = (name: 'stdout' | 'stderr') => {
    const out = Object.assign(new PassThrough(), { isTTY: terminal });
    out.on('data', (chunk) => {
      texts[name] += chunk;
    });
    return out as OutputStream & PassThrough;
  };
  const io = Object.assign(new EventEmitter(), {
    stdin: new PassThrough(),
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    env,
    version: 'v20.0.0',
    platform: 'linux',
    arch: 'x64',
    exit: (code: number) => exits.push(code),
  }) satisfies ProcessLike;
  const run = async (...argv: string[]): Promise<Run> => {
    const code = await main(argv, io);
    return { code, ...texts, exits };
  };
  return { io, run };
}

let dir = '';

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'wbuild-main-'));
  writeFileSync(path.join(dir, 'Dockerfile'), 'FROM scratch\nCOPY a /\n');
  build.mockReset();
  build.mockResolvedValue(RESULT);
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('a build', () => {
  test('that succeeds tells what it made, and how to load it', async () => {
    build.mockImplementation(async ({ emit, report }) => {
      emit?.({ type: 'step-started', id: 'a', name: '[1/1] COPY a /' });
      emit?.({ type: 'step-done', id: 'a', cached: true });
      report?.(WARNING);
      return RESULT;
    });
    const { io, run } = rig();
    expect(await run('-t', 'app', dir)).toEqual({
      code: 0,
      stdout: '',
      stderr: `#1 [1/1] COPY a /
#1 CACHED

warning[StageNameCasing]: lower case, please

image ID  ${sha256('config')}
manifest  ${sha256('manifest')}
wrote     image.tar (docker)
To load it into Docker: docker load -i image.tar
`,
      exits: [],
    });
    expect(build.mock.calls[0]![0]).toMatchObject({
      context: dir,
      names: ['docker.io/library/app:latest'],
      epochSeconds: 0,
    });
    expect(io.eventNames()).toEqual([]);
  });

  test('with -q prints the image ID alone', async () => {
    expect(await rig().run('-q', dir)).toMatchObject({ code: 0, stdout: `${sha256('config')}\n`, stderr: '' });
  });

  test('with an archive on standard output leaves that alone', async () => {
    build.mockImplementation(async ({ stdout }) => {
      stdout!.write('tar');
      return RESULT;
    });
    expect(await rig().run('-q', '-o', 'type=oci,dest=-', dir)).toMatchObject({ code: 0, stdout: 'tar', stderr: '' });
    const refused = await rig({ terminal: true }).run('-o', 'type=oci,dest=-', dir);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('an archive cannot be written to a terminal');
  });

  test('the bytes of a graph are not for a terminal either', async () => {
    const refused = await rig({ terminal: true }).run('llb', '--format', 'pb', dir);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('the bytes of a graph cannot be written to a terminal');
  });

  test('with JSON diagnostics has one line on standard error', async () => {
    const line =
      '{"diagnostics":[{"code":"StageNameCasing","severity":"warning","message":"lower case, please",' +
      '"hint":null,"file":null,"start":null,"end":null}]}\n';
    expect(await rig().run('--diagnostics=json', dir)).toMatchObject({ code: 0, stdout: '', stderr: line });
    expect(await rig().run('--progress=rawjson', dir)).toMatchObject({ code: 0, stdout: '', stderr: line });
  });

  test('writes the image ID and the metadata', async () => {
    const [id, metadata] = [path.join(dir, 'id'), path.join(dir, 'metadata.json')];
    await rig().run('--iidfile', id, '--metadata-file', metadata, '-t', 'app', dir);
    expect(readFileSync(id, 'utf8')).toBe(sha256('config'));
    expect(JSON.parse(readFileSync(metadata, 'utf8'))).toMatchObject({
      'containerimage.digest': sha256('manifest'),
      'image.name': 'docker.io/library/app:latest',
    });
    expect(readdirSync(dir).sort()).toEqual(['Dockerfile', 'id', 'metadata.json']);
  });

  test('that fails shows the line, exits with 1 and leaves no image ID of an earlier build', async () => {
    const id = path.join(dir, 'id');
    writeFileSync(id, 'earlier');
    build.mockImplementation(async ({ report }) => {
      report?.(WARNING);
      throw new BuildError(ERROR);
    });
    expect(await rig().run('--iidfile', id, dir)).toEqual({
      code: 1,
      stdout: '',
      stderr: `warning[StageNameCasing]: lower case, please

error[SourceNotFound]: no such file: a
 --> Dockerfile:2:6
  |
2 | COPY a /
  |      ^
`,
      exits: [],
    });
    expect(existsSync(id)).toBe(false);
  });

  test('that fails shows the line of a Dockerfile on standard input', async () => {
    build.mockImplementation(async ({ stdin }) => {
      for await (const _chunk of stdin!);
      throw new BuildError({ ...ERROR, range: { ...RANGE, file: '-' } });
    });
    const { io, run } = rig();
    io.stdin.end('FROM scratch\nCOPY b /\n');
    expect((await run('-f', '-', dir)).stderr).toContain(' --> -:2:6\n  |\n2 | COPY b /\n');
  });

  test('whose result cannot be noted down has failed', async () => {
    const file = path.join(dir, 'missing/id');
    const { code, stderr } = await rig().run('--iidfile', file, dir);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `error[OutputNotWritable]: --iidfile "${file}" cannot be written: no such file or directory\n  = help: its folder must exist\n`,
    );
  });
});

describe('other command lines', () => {
  test.each([['--version'], ['version']])('%s', async (word) => {
    const { code, stdout, stderr } = await rig().run(word);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^wbuild \d+\.\d+\.\d+\n$/);
  });

  test.each([[['--help']], [['-h']], [['help']], [['build', '--help']], [['llb', '-h']]])('%j', async (argv) => {
    const { code, stdout, stderr } = await rig().run(...argv);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: {2}wbuild /);
  });

  test('a wrong one exits with 2', async () => {
    expect(await rig().run('--tga', 'x', '.')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error[Usage]: unknown option --tga\n  = help: did you mean --tag?\n',
      exits: [],
    });
    const json = await rig().run('--tga', '--diagnostics', 'json', '.');
    expect(JSON.parse(json.stderr)).toMatchObject({ diagnostics: [{ code: 'Usage', hint: 'did you mean --tag?' }] });
    expect(build).not.toHaveBeenCalled();
  });
});

describe('what is not foreseen', () => {
  test('is a bug of ours, without a stack trace', async () => {
    build.mockRejectedValue(new TypeError('x is undefined'));
    const { code, stderr } = await rig().run(dir);
    expect(code).toBe(70);
    expect(stderr).toMatch(
      /^wbuild: TypeError: x is undefined\nThis is a bug in wbuild \d.*\(Node v20\.0\.0, linux x64\)/,
    );
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('shows its stack to those who ask', async () => {
    build.mockRejectedValue(new TypeError('x is undefined'));
    expect((await rig({ env: { WBUILD_DEBUG: '1' } }).run(dir)).stderr).toMatch(/^\s+at /m);
  });

  test('is no bug when the disk is full', async () => {
    build.mockRejectedValue(Object.assign(new Error('write'), { code: 'ENOSPC' }));
    const { code, stderr } = await rig().run(dir);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'error[OutputNotWritable]: no space left on the disk\n  = help: free some space; TMPDIR says where temporary files go\n',
    });
  });

  test('ends the process when nobody caught it', async () => {
    const { io, run } = rig();
    build.mockImplementation(async () => {
      io.emit('uncaughtException', new TypeError('elsewhere'));
      await new Promise((resolve) => setTimeout(resolve, 200));
      return RESULT;
    });
    const { exits, stderr } = await run(dir);
    expect(exits).toEqual([70]);
    expect(stderr).toContain('TypeError: elsewhere');
  });
});

describe('an interrupt', () => {
  const untilAborted = ({ signal }: BuildOptions) =>
    new Promise<BuildResult>((_resolve, reject) => {
      signal!.addEventListener('abort', () => reject(signal!.reason));
    });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('%s stops the build, removes what is temporary and exits with %d', async (name, expected) => {
    const temporary = path.join(dir, '.temporary');
    const { io, run } = rig();
    build.mockImplementation((options) => {
      writeFileSync(temporary, 'half');
      registerTemporary(temporary);
      setTimeout(() => io.emit(name), 10);
      return untilAborted(options);
    });
    const { code, exits, stdout, stderr } = await run(dir);
    expect({ code, exits, stdout, stderr }).toEqual({
      code: expected,
      exits: [expected],
      stdout: '',
      stderr: '\nwbuild: interrupted\n',
    });
    expect(existsSync(temporary)).toBe(false);
    expect(io.eventNames()).toEqual([]);
  });

  test('gives the cursor back', async () => {
    const { io, run } = rig({ terminal: true });
    build.mockImplementation((options) => {
      options.emit?.({ type: 'step-started', id: 'a', name: 'a' });
      setTimeout(() => io.emit('SIGINT'), 10);
      return untilAborted(options);
    });
    const { stderr } = await run(dir);
    expect(stderr.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stderr.lastIndexOf('\x1b[?25l'));
    expect(stderr).toContain('CANCELED a');
  });

  test('given twice ends at once', async () => {
    const temporary = path.join(dir, '.temporary');
    const { io, run } = rig();
    const ends: boolean[] = [];
    build.mockImplementation(async () => {
      writeFileSync(temporary, 'half');
      registerTemporary(temporary);
      io.emit('SIGINT');
      io.emit('SIGINT');
      ends.push(existsSync(temporary));
      throw new Error('stopped');
    });
    const { exits } = await run(dir);
    expect(exits[0]).toBe(130);
    expect(ends).toEqual([false]);
  });
});

describe('streams that break', () => {
  test('a reader that closes the pipe early is no failure', async () => {
    const { io, run } = rig();
    const running = run('--help');
    io.stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect((await running).code).toBe(0);
  });

  test('a full disk behind standard output is one', async () => {
    const { io, run } = rig();
    const running = run('--help');
    io.stdout.emit('error', Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' }));
    expect(await running).toMatchObject({
      code: 1,
      stderr: 'wbuild: standard output cannot be written: no space left on the disk\n',
    });
  });

  test('nothing is made of a standard error that nobody reads', async () => {
    const { io, run } = rig();
    const running = run(dir);
    io.stderr.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect((await running).code).toBe(0);
  });
});
