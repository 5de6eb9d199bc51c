/**
 * A rig for tests of the built program: a folder of its own, files in it, runs of bin/wbuild.js, and what came out, read back.
 * Tests read as given (write), when (run), then (readImage).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach } from '@jest/globals';

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BIN = path.join(ROOT, 'bin/wbuild.js');
export const TESTDATA = path.join(ROOT, 'testdata');

const isRoot = process.getuid?.() === 0;

/** Runs a program as root without root's right to read and write everything. (As another user it could not read a checkout in /root.) */
const WITHOUT_OVERRIDE = ['bounding-set', 'inh-caps'].map((set) => `--${set}=-dac_override,-dac_read_search`);

/** A file by its content, or any entry; mode is 0o644, of a folder 0o755, whatever the umask; mtime in seconds since 1970. */
export type FileSpec =
  | string
  | Uint8Array
  | ({ readonly mode?: number; readonly mtime?: number } & (
      | { readonly content: string | Uint8Array }
      | { readonly size: number } // as many zero bytes, without room on the disk
      | { readonly dir: true }
      | { readonly symlink: string }
      | { readonly hardlink: string } // a path in the rig
    ));

const DEFAULT_MTIME = 1_700_000_000;

export interface RunOptions {
  /** Added to a small environment: PATH, and a home and cache folder within the rig. undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Relative to the rig; default is the rig itself. */
  readonly cwd?: string;
  /** Standard input; nothing if not given. */
  readonly input?: string | Uint8Array;
  /** Modes count, even if we are root. */
  readonly unprivileged?: boolean;
  /** The program in place of `node bin/wbuild.js`. */
  readonly program?: readonly string[];
}

export interface RunResult {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it came. */
  readonly bytes: Buffer;
}

/** A run under way. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves when something on standard error matches; rejects when the run ends before. */
  readonly seen: (pattern: RegExp) => Promise<void>;
  readonly done: Promise<RunResult>;
}

export interface Rig {
  /** The folder; nothing but what the test writes, and what wbuild leaves, is in it. */
  readonly dir: string;
  /** The store, outside of `dir`. */
  readonly cacheDir: string;
  readonly path: (...parts: string[]) => string;
  readonly write: (files: Readonly<Record<string, FileSpec>>) => void;
  /** Copies a folder of testdata/ into the rig. */
  readonly copy: (name: string, to?: string) => void;
  /** Every path in the folder, sorted; folders end with a slash. */
  readonly list: () => string[];
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<RunResult>;
  readonly start: (args: readonly string[], options?: RunOptions) => Running;
}

/**
 * A fresh rig for each test of the file or block, removed after it. Read the properties within tests only.
 * `below` is where its folder is made; the system's temporary folder if not given.
 */
export function useRig(below = os.tmpdir()): Rig {
  let base = '';
  const running = new Set<ChildProcess>();
  const dir = () => path.join(base, 'work');
  const at = (...parts: string[]) => path.join(dir(), ...parts);

  beforeEach(() => {
    base = fs.realpathSync(fs.mkdtempSync(path.join(below, 'wbuild-test-')));
    fs.chmodSync(base, 0o755);
    for (const name of ['work', 'home', 'cache']) fs.mkdirSync(path.join(base, name));
  });
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
    if (!isRoot) spawnSync('chmod', ['-R', 'u+rwX', base]); // folders that a test has closed
    fs.rmSync(base, { recursive: true, force: true });
  });

  const start = (args: readonly string[], options: RunOptions = {}) => {
    const setpriv = options.unprivileged && isRoot ? ['setpriv', ...WITHOUT_OVERRIDE] : [];
    const [command, ...first] = [...setpriv, ...(options.program ?? [process.execPath, BIN])];
    const child = spawn(command!, [...first, ...args], {
      cwd: at(options.cwd ?? '.'),
      env: environment(base, options.env),
    });
    running.add(child);
    const run = observe(child);
    child.on('close', () => running.delete(child));
    child.stdin.on('error', () => undefined); // not every run reads its input
    child.stdin.end(options.input);
    return run;
  };

  return {
    get dir() {
      return dir();
    },
    get cacheDir() {
      return path.join(base, 'cache');
    },
    path: at,
    write: (files) => writeFiles(dir(), files),
    copy: (name, to = '.') => fs.cpSync(path.join(TESTDATA, name), at(to), { recursive: true }),
    list: () => listFiles(dir()),
    run: (args, options) => start(args, options).done,
    start,
  };
}

function environment(base: string, extra: RunOptions['env'] = {}): NodeJS.ProcessEnv {
  const all = {
    PATH: process.env.PATH,
    HOME: path.join(base, 'home'),
    XDG_CACHE_HOME: path.join(base, 'cache'),
    TMPDIR: base,
    ...extra,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function observe(child: ChildProcess): Running {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const stderr = () => Buffer.concat(err).toString();
  child.stdout!.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr!.on('data', (chunk: Buffer) => err.push(chunk));
  const done = new Promise<RunResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const bytes = Buffer.concat(out);
      resolve({ code, signal, stdout: bytes.toString(), stderr: stderr(), bytes });
    });
  });
  const seen = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => pattern.test(stderr()) && resolve();
      child.stderr!.on('data', look);
      child.on('close', () => reject(new Error(`${pattern} did not appear on standard error:\n${stderr()}`)));
      look();
    });
  return { child, seen, done };
}

/** Writes files below a folder. */
export function writeFiles(dir: string, files: Readonly<Record<string, FileSpec>>): void {
  const times: [file: string, mtime: number][] = [];
  for (const [name, spec] of Object.entries(files)) {
    const file = path.join(dir, name);
    makeFolders(path.dirname(file));
    const entry = typeof spec === 'string' || spec instanceof Uint8Array ? { content: spec } : spec;
    if ('symlink' in entry) fs.symlinkSync(entry.symlink, file);
    else if ('hardlink' in entry) fs.linkSync(path.join(dir, entry.hardlink), file);
    else if ('dir' in entry) makeFolders(file);
    else if ('size' in entry) fs.closeSync(truncated(file, entry.size));
    else fs.writeFileSync(file, entry.content);
    if (!('symlink' in entry)) fs.chmodSync(file, entry.mode ?? ('dir' in entry ? 0o755 : 0o644));
    times.push([file, entry.mtime ?? DEFAULT_MTIME]);
  }
  for (const [file, mtime] of times) fs.lutimesSync(file, mtime, mtime); // last, since writing into a folder changes its time
}

function truncated(file: string, size: number): number {
  const fd = fs.openSync(file, 'w');
  fs.ftruncateSync(fd, size);
  return fd;
}

function makeFolders(dir: string): void {
  if (fs.existsSync(dir)) return;
  makeFolders(path.dirname(dir));
  fs.mkdirSync(dir);
  fs.chmodSync(dir, 0o755);
}

export function listFiles(dir: string): string[] {
  const entries = fs.readdirSync(dir, { recursive: true, withFileTypes: true });
  return entries.map((e) => path.relative(dir, path.join(e.parentPath, e.name)) + (e.isDirectory() ? '/' : '')).sort();
}
