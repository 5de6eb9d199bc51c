/** Tar archives, read: contexts on standard input, layers and images read back. The only importer of tar-stream, which never writes here. */
import { PassThrough, pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Header } from 'tar-stream';
import { decodeText } from './text.js';

export interface TarEntry {
  /** As in the archive, so `./a`, `/a` and `a/` are possible, and `..` too; bytes that are not UTF-8 are carried as text.ts says. */
  readonly path: string;
  readonly type: Header['type'];
  /** Permission bits with setuid, setgid and sticky: at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970, cut towards minus infinity. */
  readonly mtime: number;
  readonly size: number;
  /** Target of a symlink or of a hard link. */
  readonly linkname?: string;
  /** Names of user and group, where the archive has any. */
  readonly owner?: { readonly uname: string; readonly gname: string };
  /** Numbers of a device. */
  readonly device?: { readonly major: number; readonly minor: number };
  /** Where the content begins in the uncompressed archive, right behind the last header block. */
  readonly offset: number;
  /** The PAX records that hold for the entry. */
  readonly pax: Readonly<Record<string, string>>;
  /** The bytes, to be read before the next entry is asked for; what is not read is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

/**
 * The entries of a tar, in the order of the archive; v7, ustar, GNU and PAX formats, plain or as gzip (told by its magic number).
 * @throws Error when the archive is damaged or ends too early.
 */
export async function* readTar(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<TarEntry, void> {
  const { first, rest } = await peek(source);
  const options: object = { allowUnknownFormat: true, filenameEncoding: 'latin1' }; // which the package's own types do not know
  const { extract } = await import('tar-stream'); // most builds read no tar
  const entries = extract(options);
  const unpack = first[0] === 0x1f && first[1] === 0x8b ? createGunzip() : new PassThrough();
  // an error in any of the three destroys the others, and comes out of the iteration
  pipeline(
    Readable.from(rest, { objectMode: false }),
    unpack,
    entries as unknown as NodeJS.WritableStream,
    () => undefined,
  );
  for await (const entry of entries) {
    yield tarEntry(entry.header, entry as AsyncIterable<Buffer>);
    entry.resume();
  }
}

/** What is wrong with an archive that could not be read, for messages: the reader's own words speak to who calls it. */
export function describeTarError(error: unknown): string {
  const { message } = error as Error;
  if (/^Invalid tar header/.test(message)) return 'no tar header stands where one should';
  return /^Unexpected end of (?:data|file)/i.test(message) ? 'it ends too early' : message;
}

/** The content of an entry as one buffer. */
export async function readAll(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function tarEntry(header: Header, content: AsyncIterable<Buffer>): TarEntry {
  const pax = (header.pax ?? {}) as Record<string, string>;
  // PAX names arrive decoded; those of plain headers, and GNU's long ones, as bytes
  const text = (record: string | undefined, bytes: string) => record ?? decodeText(Buffer.from(bytes, 'latin1'));
  const path = text(pax.path, header.name);
  const { uname = '', gname = '', devmajor = 0, devminor = 0, byteOffset } = header as Header & { byteOffset: number };
  return {
    path,
    type: header.type === 'file' && path.endsWith('/') ? 'directory' : header.type,
    mode: header.mode & 0o7777,
    uid: number(pax.uid) ?? header.uid,
    gid: number(pax.gid) ?? header.gid,
    mtime: Math.floor(number(pax.mtime) ?? header.mtime.getTime() / 1000),
    size: header.size,
    ...(header.linkname ? { linkname: text(pax.linkpath, header.linkname) } : {}),
    ...(uname || gname ? { owner: { uname, gname } } : {}),
    ...(/-device$/.test(header.type ?? '') ? { device: { major: devmajor, minor: devminor } } : {}),
    offset: byteOffset,
    pax,
    content,
  };
}

function number(record: string | undefined): number | undefined {
  return record !== undefined && /^-?\d+(\.\d*)?$/.test(record) ? Number(record) : undefined;
}

/** The first two bytes of a stream, and the whole stream with them. */
async function peek(source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
  const chunks: Uint8Array[] = [];
  const iterator = (async function* () {
    yield* source;
  })();
  let size = 0;
  while (size < 2) {
    const next = await iterator.next();
    if (next.done) break;
    chunks.push(next.value);
    size += next.value.byteLength;
  }
  const rest = (async function* () {
    yield* chunks;
    yield* iterator;
  })();
  return { first: Buffer.concat(chunks).subarray(0, 2), rest };
}
