/**
 * Files and folders that appear whole or not at all: written under a temporary name beside the destination (so that the
 * rename stays within one file system) and renamed into place. A reader never sees half of one, and after a failure or
 * an interrupt the destination is as it was. Errors are plain system errors, which the caller puts into words.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsync as fsyncCallback,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { errnoOf } from '../diagnostic/build-error.js';

/** The steps of a write, in their order; `set-aside` and `remove-previous` only where a folder takes the place of another. */
export type WriteStep = 'create' | 'write' | 'sync' | 'set-aside' | 'rename' | 'remove-previous';

/** Called before each step with the path that it works on. A test that throws here sees what a failing disk would leave behind. */
export type OnStep = (step: WriteStep, path: string) => void;

export interface AtomicWriteOptions {
  /** Permission bits at creation, less the umask; default 0666 for a file and 0777 for a folder. */
  readonly mode?: number;
  /** Permission bits set whatever the umask says (files only). */
  readonly chmod?: number;
  readonly onStep?: OnStep;
}

/**
 * What an interrupt has to undo, by temporary path. Module state, since a signal handler gets no arguments.
 * The swaps themselves are synchronous, so that no handler runs in the middle of one.
 */
const inFlight = new Map<string, () => void>();

/** Registers something temporary with what undoes it, which must not be asynchronous; the returned function ends that. */
export function registerTemporary(temporary: string, undo: () => void = () => removeTree(temporary)): () => void {
  inFlight.set(temporary, undo);
  return () => {
    inFlight.delete(temporary);
  };
}

/** Removes everything that is being written, newest first; never throws. For the handler of SIGINT and SIGTERM, which then exits. */
export function cleanUpTemporaries(): void {
  for (const [temporary, undo] of [...inFlight].reverse()) {
    inFlight.delete(temporary);
    quietly(undo);
  }
}

/**
 * Who hears of every step of every write of the process: the fault tests (src/test/faults), which run the whole program and kill it at each
 * step in turn; no option reaches every write from outside. Nothing in the program sets it, and nothing depends on it.
 */
let observer: OnStep | undefined;

/** Sets the {@link OnStep} of the process, which is called before that of a write. For fault tests. */
export function observeWrites(onStep: OnStep): void {
  observer = onStep;
}

/** Tells of a step. */
function reach(step: WriteStep, path: string, onStep: OnStep | undefined): void {
  observer?.(step, path);
  onStep?.(step, path);
}

/** A fresh name beside `target`, in the same folder and so on the same file system. */
export function temporaryBeside(target: string): string {
  return path.join(path.dirname(target), `.wbuild-${randomBytes(8).toString('hex')}.tmp`);
}

/**
 * Removes a file or a tree, missing or not; folders that forbid it by their own permissions are opened first.
 * @throws the system error when something stays
 */
export function removeTree(target: string | Buffer): void {
  try {
    rmSync(target, { recursive: true, force: true });
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ENOTEMPTY'].includes(errnoOf(error) ?? '')) throw error;
    makeRemovable(typeof target === 'string' ? Buffer.from(target) : target);
    rmSync(target, { recursive: true, force: true });
  }
}

/** Owner's permissions on every folder of a tree. Names are bytes: they need not be UTF-8. */
function makeRemovable(folder: Buffer): void {
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  quietly(() => chmodSync(folder, 0o700));
  for (const entry of readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
    if (entry.isDirectory()) makeRemovable(Buffer.concat([folder, Buffer.from('/'), entry.name]));
  }
}

/** For cleaning up after a failure: what fails then must not hide why. */
export function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // the first error is the one to report
  }
}

/** A file under a temporary name, until it is moved to its own or discarded; one of the two must be called. */
export class TemporaryFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #onStep: OnStep | undefined;
  readonly #release: () => void;
  #writing: Promise<void> | undefined;

  private constructor(file: string, handle: FileHandle, onStep: OnStep | undefined, release: () => void) {
    this.path = file;
    this.#handle = handle;
    this.#onStep = onStep;
    this.#release = release;
  }

  /** Creates it at `file`, which must not exist. */
  static async create(file: string, options: Pick<AtomicWriteOptions, 'mode' | 'onStep'> = {}): Promise<TemporaryFile> {
    const release = registerTemporary(file);
    try {
      reach('create', file, options.onStep);
      return new TemporaryFile(file, await open(file, 'wx', options.mode), options.onStep, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Adds bytes. They are written while the caller makes the next ones: until the next call of a method comes back they must not change, and their
   * error, if there is one, comes from there.
   */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#writing;
    reach('write', this.path, this.#onStep);
    this.#writing = writeAll(this.#handle, bytes);
    this.#writing.catch(() => undefined); // heard when it is awaited
  }

  /** Closes the file and gives it its name, replacing what has it. */
  async moveTo(target: string, options: Pick<AtomicWriteOptions, 'chmod'> = {}): Promise<void> {
    await this.#writing;
    if (options.chmod !== undefined) await this.#handle.chmod(options.chmod);
    await this.#handle.close();
    reach('rename', target, this.#onStep);
    renameSync(this.path, target);
    this.#release();
  }

  /** Removes it; never throws, since it is called because of an error. */
  async discard(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    await this.#handle.close().catch(() => undefined);
    quietly(() => removeTree(this.path));
    this.#release();
  }
}

/**
 * Writes a small file by way of `temporary`, whole or not at all, its bytes on the disk before it has its name. Only the waiting for the disk is
 * asynchronous: a hop to another thread costs more than each of the other steps.
 * @throws the system error of the step that failed, after the temporary file is removed
 */
export async function writeSmallFile(
  temporary: string,
  target: string,
  bytes: Uint8Array,
  { mode, onStep }: Pick<AtomicWriteOptions, 'mode' | 'onStep'> = {},
): Promise<void> {
  const release = registerTemporary(temporary);
  let fd: number | undefined;
  try {
    reach('create', temporary, onStep);
    fd = openSync(temporary, 'wx', mode);
    reach('write', temporary, onStep);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    reach('sync', temporary, onStep);
    await fsync(fd);
    closeSync(fd);
    fd = undefined;
    reach('rename', target, onStep);
    renameSync(temporary, target);
  } catch (error) {
    quietly(() => fd !== undefined && closeSync(fd));
    quietly(() => removeTree(temporary));
    throw error;
  } finally {
    release();
  }
}

const fsync = promisify(fsyncCallback);

/** Writes all the bytes: a single write may take fewer. @param position in the file; default: behind what was written before */
export async function writeAll(handle: Pick<FileHandle, 'write'>, bytes: Uint8Array, position?: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const place = position === undefined ? null : position + at;
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, place);
    at += bytesWritten;
  }
}

/**
 * Writes a file, whole or not at all.
 * @param data bytes, or chunks as they are made; an error that making them throws passes through
 * @throws the system error of the step that failed, after the temporary file is removed
 */
export async function writeFileAtomically(
  target: string,
  data: Uint8Array | AsyncIterable<Uint8Array>,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const file = await TemporaryFile.create(temporaryBeside(target), options);
  try {
    for await (const chunk of data instanceof Uint8Array ? [data] : data) await file.write(chunk);
    await file.moveTo(target, options);
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/**
 * Writes a folder, whole or not at all, in the place of whatever has its name.
 * @param fill writes the content into the temporary folder that it is given
 * @throws what `fill` throws, or the system error of the step that failed; the previous folder is back in its place then
 */
export async function writeFolderAtomically(
  target: string,
  fill: (folder: string) => Promise<void>,
  options: Pick<AtomicWriteOptions, 'mode' | 'onStep'> = {},
): Promise<void> {
  const temporary = temporaryBeside(target);
  const release = registerTemporary(temporary);
  try {
    reach('create', temporary, options.onStep);
    await mkdir(temporary, { mode: options.mode ?? 0o777 });
    await fill(temporary);
    swapIn(temporary, target, options.onStep);
  } catch (error) {
    quietly(() => removeTree(temporary));
    throw error;
  } finally {
    release();
  }
}

/** Puts a finished folder into its place. Synchronous, so that an interrupt comes before or after, never between the renames. */
function swapIn(temporary: string, target: string, onStep: OnStep | undefined): void {
  const previous = lstatSync(target, { throwIfNoEntry: false }) ? temporaryBeside(target) : undefined;
  if (previous !== undefined) {
    reach('set-aside', target, onStep);
    renameSync(target, previous);
  }
  try {
    reach('rename', target, onStep);
    renameSync(temporary, target);
  } catch (error) {
    if (previous !== undefined) renameSync(previous, target);
    throw error;
  }
  if (previous === undefined) return;
  // the new folder is in place and whole: what cannot be removed of the old one is no reason to fail
  quietly(() => {
    reach('remove-previous', previous, onStep);
    removeTree(previous);
  });
}
