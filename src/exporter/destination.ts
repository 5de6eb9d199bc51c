/** Destinations: checked before anything is made, written whole or not at all, and every failure put into words. */
import { constants, type Stats } from 'node:fs';
import { access, lstat, open, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { BuildError, describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import type { Emit } from '../progress/event.js';
import { writeAll, writeFileAtomically } from '../util/atomic-write.js';
import { coalesce } from '../util/chunks.js';
import type { Destination } from './types.js';

/**
 * Says at once what is wrong with a destination, so that nobody waits for a build that has nowhere to go.
 * @throws BuildError `OutputNotWritable`
 */
export async function checkDestination(to: Destination): Promise<void> {
  if (to.kind === 'file') await checkFile(to.path);
  if (to.kind === 'folder') await checkFolder(to.path);
}

async function checkFile(file: string): Promise<void> {
  await attempt(file, async () => {
    const found = await statIfThere(file);
    if (found?.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    if (found) return access(file, constants.W_OK);
    const parent = path.dirname(await followLinks(file));
    if (!(await stat(parent)).isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
    return access(parent, constants.W_OK | constants.X_OK);
  });
}

async function checkFolder(folder: string): Promise<void> {
  await attempt(folder, async () => {
    const { existing } = await firstMissing(folder);
    if (!(await stat(existing)).isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
    await access(existing, constants.W_OK | constants.X_OK);
  });
}

/**
 * Where a folder begins not to exist: `existing` is there, and `missing` is the first name below it that is not, undefined when
 * all of it is there; `rest` is what comes below that.
 */
export async function firstMissing(
  folder: string,
): Promise<{ readonly existing: string; readonly missing?: string; readonly rest: readonly string[] }> {
  const rest: string[] = [];
  let at = path.resolve(folder);
  while (!(await statIfThere(at))) {
    rest.unshift(path.basename(at));
    at = path.dirname(at);
  }
  const [missing, ...below] = rest;
  return { existing: await realpath(at), ...(missing !== undefined && { missing }), rest: below };
}

/** stat of what a path leads to; undefined when there is nothing. */
async function statIfThere(file: string): Promise<Stats | undefined> {
  return stat(file).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

/** Where the bytes of `file` would be written: the end of a chain of symbolic links, which need not exist. */
async function followLinks(file: string): Promise<string> {
  let at = path.resolve(file);
  for (let hops = 0; hops < 40; hops++) {
    const found = await lstat(at).catch(() => undefined);
    if (!found?.isSymbolicLink()) return at;
    at = path.resolve(await realpath(path.dirname(at)), await readlink(at));
  }
  throw Object.assign(new Error('too many links'), { code: 'ELOOP' });
}

/**
 * Writes a stream of bytes to a file, whole or not at all, or to a stream. A file that is there keeps its permissions, a symbolic link
 * to a file stays one, and what is no file (a device, a pipe) is written to, never replaced.
 * @throws BuildError `OutputNotWritable`; an error that making the chunks throws passes through
 */
export async function writeBytes(to: Destination, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  if (to.kind === 'stream') return writeToStream(to.stream, coalesce(chunks));
  if (to.kind !== 'file') throw new Error(`an archive cannot go to a ${to.kind}`);
  await checkFile(to.path);
  await attempt(to.path, async () => {
    const found = await statIfThere(to.path);
    if (found && !found.isFile()) return writeInPlace(to.path, coalesce(chunks));
    const chmod = found ? { chmod: found.mode & 0o7777 } : {};
    return writeFileAtomically(await followLinks(to.path), coalesce(chunks), chmod);
  });
}

async function writeInPlace(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(file, constants.O_WRONLY);
  try {
    for await (const chunk of chunks) await writeAll(handle, chunk);
  } finally {
    await handle.close();
  }
}

/** Waits for each chunk to be taken, so that a slow reader slows the build down and memory stays flat. The stream is not ended. */
async function writeToStream(stream: NodeJS.WritableStream, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const ignore = () => undefined; // the callback of write has the error; without a listener the event would end the program
  stream.on('error', ignore);
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      stream.write(chunk, (error) => (error ? reject(error) : resolve()));
    }).catch((error) => notWritable('standard output', error));
  }
  stream.off('error', ignore); // after a failure it stays, since the event comes later than the callback
}

/** Runs what writes to `dest`, and puts its system errors into words. */
export async function attempt<T>(dest: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BuildError || errnoOf(error) === undefined) throw error;
    return notWritable(dest, error);
  }
}

const CLOSED = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'];

/** Throws `OutputNotWritable` for a system error: the destination, what is wrong with it, and what to do. */
export function notWritable(dest: string, error: unknown): never {
  const code = errnoOf(error) ?? '';
  const why = CLOSED.includes(code) ? 'the reader closed the pipe' : describeErrno(error);
  fail({ code: 'OutputNotWritable', message: `cannot write ${dest}: ${why}`, hint: hintFor(code, dest) }, error);
}

function hintFor(code: string, dest: string): string {
  if (CLOSED.includes(code)) return 'look at the program that reads the output, which ended too early';
  switch (code) {
    case 'ENOENT':
      return `create the folder first: mkdir -p ${path.dirname(dest)}`;
    case 'EISDIR':
      return `name a file in it, for example ${path.join(dest, 'image.tar')}`;
    case 'ENOTDIR':
    case 'EEXIST':
      return 'something else has that name already: remove it, or choose another destination';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'free some space, or choose a destination on another disk';
    default:
      return 'choose a destination that you may write to';
  }
}

/** Runs one export as a step of the build's progress. */
export async function exportStep(
  emit: Emit,
  format: string,
  to: Destination,
  work: () => Promise<void>,
): Promise<void> {
  const where = to.kind === 'file' || to.kind === 'folder' ? to.path : to.kind === 'stream' ? 'standard output' : '';
  const id = `export ${format} ${where}`;
  emit({ type: 'step-started', id, name: `exporting to ${format}: ${where}` });
  try {
    await work();
  } catch (error) {
    emit({ type: 'step-failed', id, message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
  emit({ type: 'step-done', id });
}
