/** A second world for `wbuild verify --perturb`: the contexts copied elsewhere, and a build in a process where everything is otherwise. */
import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { chmod, link, lutimes, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../context/open-context.js';
import { BuildError, fail } from '../../diagnostic/build-error.js';
import type { Diagnostic } from '../../diagnostic/diagnostic.js';
import { type DirectoryNode, type FileNode, type Node, sortedEntries } from '../../snapshot/file-tree.js';
import { readContent } from '../../util/file-content.js';
import { encodeText } from '../../util/text.js';
import type { BuildOptions } from '../build-options.js';
import { openInputs } from '../inputs.js';
import { readPlatforms } from '../platforms.js';

/** What a process needs to be started, which `process` knows. */
export interface Runner {
  readonly execPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface HostileWorld {
  readonly options: BuildOptions;
  /** What is otherwise in it, in words. */
  readonly changes: readonly string[];
}

/** What git gives a file under the umask 077. */
const CLOSED = { file: 0o600, program: 0o700, directory: 0o700 };

/**
 * Copies all that a build reads below a folder: only what the ignore files leave, entries created in reverse order, each a day later.
 * Of a git checkout the copy has the modes that another umask makes. A link to a place in the context by its absolute path leads to the copy,
 * as it would if the tool that made it had run there.
 * @throws BuildError `Usage` for a context on standard input
 */
export async function copyWorld(given: BuildOptions, to: string, scratch: string): Promise<HostileWorld> {
  if (given.context === '-' || given.file === '-') {
    fail({
      code: 'Usage',
      message: '--perturb builds twice, and standard input can be read once',
      hint: 'name a folder as the context, and the Dockerfile with -f',
    });
  }
  const inputs = await openInputs(given, readPlatforms(given).slice(0, 1), scratch);
  try {
    const { contexts } = inputs.platforms[0]!;
    const folders = Object.entries(given.buildContexts ?? {}).filter(([, spec]) => !spec.includes('://'));
    const copied: [string, string][] = [];
    let checkouts = 0;
    const all: [string, string, string][] = [
      ['context', 'context', given.context],
      ...folders.map(([name, spec]): [string, string, string] => [name, name.toLowerCase(), spec]),
    ];
    for (const [i, [name, key, spec]] of all.entries()) {
      const from = realpathSync(spec);
      const target = path.join(to, 'a folder', `elsewhere-${i}`);
      const closed = isCheckout(from);
      if (closed) checkouts++;
      await copyContext(contexts.get(key)!, { from, to: target, closed });
      copied.push([name, target]);
    }
    const [[, context] = ['', ''], ...named] = copied;
    const file = await copyDockerfile(given, context);
    const options = {
      ...given,
      context,
      ...(file && { file }),
      buildContexts: { ...given.buildContexts, ...Object.fromEntries(named) },
    };
    const changes = [
      'another folder',
      'new times',
      'folders listed backwards',
      'TZ=Pacific/Kiritimati',
      'LANG=tr_TR.UTF-8',
      'another number of workers',
      'umask 077',
      'an empty store',
    ];
    if (checkouts > 0) changes.splice(2, 0, 'modes as a checkout under umask 077 has them');
    return { options, changes };
  } finally {
    await inputs.close();
  }
}

function isCheckout(folder: string): boolean {
  if (existsSync(path.join(folder, '.git'))) return true;
  const above = path.dirname(folder);
  return above !== folder && isCheckout(above);
}

interface Copy {
  readonly from: string;
  readonly to: string;
  readonly closed: boolean;
}

async function copyContext(context: Context, copy: Copy): Promise<void> {
  const tree = await context.readTree({ followPaths: [], excludes: context.excludes });
  await mkdir(copy.to, { recursive: true });
  await copyEntries(tree, Buffer.from(copy.to), copy, new Map());
  await copyAside(path.join(copy.from, '.dockerignore'), path.join(copy.to, '.dockerignore'));
}

/** The last in byte order is created first. */
async function copyEntries(folder: DirectoryNode, at: Buffer, copy: Copy, links: Map<FileNode, Buffer>): Promise<void> {
  for (const [name, node] of [...sortedEntries(folder)].reverse()) {
    const target = Buffer.concat([at, Buffer.from('/'), encodeText(name)]);
    await copyNode(node, target, copy, links);
  }
}

async function copyNode(node: Node, target: Buffer, copy: Copy, links: Map<FileNode, Buffer>): Promise<void> {
  // a day later: what is after the epoch stays after it, and what is before it shows
  const time = Number.isFinite(node.mtime) ? node.mtime + 86_400 : 0;
  if (node.type === 'symlink') {
    const inside = node.target === copy.from || node.target.startsWith(`${copy.from}/`);
    await symlink(encodeText(inside ? copy.to + node.target.slice(copy.from.length) : node.target), target);
    await lutimes(target, time, time);
  } else if (node.type === 'directory') {
    await mkdir(target);
    await copyEntries(node, target, copy, links);
    await chmod(target, copy.closed ? CLOSED.directory | (node.mode & 0o7000) : node.mode);
    await utimes(target, time, time);
  } else if (node.type === 'file') {
    const twin = links.get(node);
    if (twin) return link(twin, target);
    links.set(node, target);
    await writeFile(target, readContent(node));
    await chmod(
      target,
      copy.closed ? (node.mode & 0o100 ? CLOSED.program : CLOSED.file) | (node.mode & 0o7000) : node.mode,
    );
    await utimes(target, time, time);
  } // a pipe or a device cannot be made by everyone, and nobody has one in a context
}

/** A file that an ignore file leaves out of the context, and that the build reads all the same. */
async function copyAside(from: string, to: string): Promise<boolean> {
  if (!existsSync(from) || existsSync(to)) return existsSync(to);
  await mkdir(path.dirname(to), { recursive: true });
  await writeFile(to, await readFile(from));
  return true;
}

/** The Dockerfile goes along where it lies in the context; another stays where it is. */
async function copyDockerfile({ file, context }: BuildOptions, copy: string): Promise<string | undefined> {
  if (file === undefined) {
    for (const name of ['Dockerfile', 'dockerfile', 'Dockerfile.dockerignore'])
      await copyAside(path.join(context, name), path.join(copy, name));
    return undefined;
  }
  const inside = path.relative(realpathSync(context), realpathSync(path.dirname(file)));
  if (inside.startsWith('..') || path.isAbsolute(inside)) return file;
  const target = path.join(copy, inside, path.basename(file));
  await copyAside(file, target);
  await copyAside(`${file}.dockerignore`, `${target}.dockerignore`);
  return target;
}

/** What runs there: the same build, with everything around it otherwise. */
const PROGRAM = `
import fs from 'node:fs';
import os from 'node:os';
import { syncBuiltinESMExports } from 'node:module';
const { index, options } = JSON.parse(fs.readFileSync(0, 'utf8'));
const { readdirSync } = fs;
fs.readdirSync = (...args) => readdirSync(...args).reverse();
const workers = os.availableParallelism() === 1 ? 8 : 1;
os.availableParallelism = () => workers;
syncBuiltinESMExports();
process.umask(0o077);
const { build } = await import(index);
const answer = await build(options).then(() => ({}), (error) => ({ diagnostics: error.diagnostics, bug: String(error.stack) }));
fs.writeSync(1, JSON.stringify(answer));
`;

/**
 * Builds in a process of its own.
 * @throws BuildError with what the build there says
 */
export async function buildInWorld(
  options: BuildOptions,
  { execPath, env }: Runner,
  signal?: AbortSignal,
): Promise<void> {
  // streams and listeners stay here
  const { stdin: _stdin, stdout: _stdout, emit: _emit, report: _report, signal: _signal, ...plain } = options;
  const hostile = {
    ...env,
    TZ: 'Pacific/Kiritimati',
    LANG: 'tr_TR.UTF-8',
    LC_ALL: 'tr_TR.UTF-8',
    UV_THREADPOOL_SIZE: '1',
  };
  const text = await new Promise<string>((resolve, reject) => {
    const child = execFile(
      execPath,
      ['--input-type=module', '-e', PROGRAM],
      { env: hostile, ...(signal && { signal }), maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) =>
        error ? reject(new Error(`${error.message}\n${stderr}`, { cause: error })) : resolve(stdout),
    );
    child.stdin!.end(JSON.stringify({ index: indexUrl(), options: plain }));
  });
  const { diagnostics, bug } = JSON.parse(text) as { diagnostics?: readonly Diagnostic[]; bug?: string };
  if (diagnostics) throw new BuildError(diagnostics);
  if (bug !== undefined) throw new Error(bug);
}

/** The program as a library, wherever in the package this file lies. */
function indexUrl(): string {
  for (let dir = new URL('./', import.meta.url); ; dir = new URL('../', dir)) {
    const url = new URL('dist/index.js', dir);
    if (existsSync(url)) return url.href;
    if (dir.pathname === new URL('../', dir).pathname) throw new Error('dist/index.js is not there');
  }
}
