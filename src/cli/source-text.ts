/** The text that a diagnostic points into, read again when there is a diagnostic to print: a build that has nothing to say keeps nothing. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { decodeText } from '../util/text.js';

/** Larger files are not shown: no Dockerfile or ignore file is that large, and a frame is not worth the wait. */
const MAX_BYTES = 4 * 1024 * 1024;

export interface SourceOptions {
  /** As typed: a folder, or anything else that has no files to look up. */
  readonly context: string;
  readonly file?: string;
  readonly buildContexts?: Readonly<Record<string, string>>;
  /** What came in on standard input, if that was recorded. */
  readonly stdin?: () => Uint8Array | undefined;
}

/**
 * The lines of a file that a range names, or undefined where it cannot be had: then the place is named without a frame.
 * The file that the user named is read wherever it lies; any other is read inside a context alone, with symlinks followed no further than
 * that, since a hostile context must not make us print a line of a file outside it.
 */
export function readSource(name: string, options: SourceOptions): readonly string[] | undefined {
  return readNamed(name, options)?.split('\n');
}

function readNamed(name: string, { context, file, buildContexts, stdin }: SourceOptions): string | undefined {
  const isIgnoreFile = name.endsWith('.dockerignore');
  if (!isIgnoreFile && (file === '-' || (file === undefined && context === '-'))) {
    const bytes = stdin?.();
    return bytes && !isArchive(bytes) ? decodeText(bytes) : undefined;
  }
  if (context === '-' && file !== '-') return undefined; // the file is inside the archive
  if (file !== undefined && (name === `${file}.dockerignore` || isSame(name, file))) {
    return readText(isIgnoreFile ? name : file);
  }
  const inContext = readInside(context, path.resolve(context, name));
  if (inContext !== undefined) return inContext;
  const roots = [context, ...Object.values(buildContexts ?? {})];
  for (const root of roots) {
    const text = readInside(root, path.resolve(name));
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Whether a range names the Dockerfile that was given with -f, by its path or its last part. */
function isSame(name: string, file: string): boolean {
  return path.resolve(name) === path.resolve(file) || name === path.basename(file);
}

/** Standard input may be a tar or a compressed tar in place of a Dockerfile; its bytes are no text. */
function isArchive(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 512)).toString('latin1');
  return text.startsWith('ustar', 257) || /^(?:\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd)/.test(text);
}

function readInside(root: string, name: string): string | undefined {
  const [folder, target] = [realPath(root), realPath(name)];
  if (folder === undefined || target === undefined) return undefined;
  return target.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep) ? readText(target) : undefined;
}

function realPath(name: string): string | undefined {
  try {
    return realpathSync(name);
  } catch {
    return undefined;
  }
}

function readText(name: string): string | undefined {
  try {
    const stat = statSync(name);
    if (!stat.isFile() || stat.size > MAX_BYTES) return undefined; // a fifo would never end
    return decodeText(readFileSync(name));
  } catch {
    return undefined;
  }
}

export interface RecordedInput {
  readonly stream: Readable;
  /** What came so far; undefined when that is too much for a Dockerfile. */
  readonly bytes: () => Uint8Array | undefined;
  /** Stops reading: an input that is still open would keep the process waiting. */
  readonly close: () => void;
}

/** Standard input, passed on and kept: what was read from a pipe cannot be read again. */
export function recordInput(stdin: NodeJS.ReadableStream): RecordedInput {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream = new PassThrough({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size <= MAX_BYTES) chunks.push(chunk);
      else chunks.length = 0;
      done(null, chunk);
    },
  });
  stdin.on('error', (error) => stream.destroy(error));
  stdin.pipe(stream);
  return {
    stream,
    bytes: () => (size <= MAX_BYTES ? Buffer.concat(chunks) : undefined),
    close: () => {
      stdin.unpipe(stream);
      stdin.pause();
    },
  };
}
