/**
 * Folders of blobs, served to a daemon: `--cache-from` and `--cache-to` with `type=local`. A daemon can read blobs of such a folder by their digest
 * and, where the folder is one to write, add blobs that have the digest and the size that were announced. It names folders by the labels that
 * it was given, and learns no path.
 * @see moby/buildkit session/content/attachable.go; containerd plugins/services/content/contentserver
 */
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { BlobStore } from '../store/blobs.js';
import { type Digest, DigestStream, parseDigest } from '../util/digest.js';
import { type ConnectionServer, RefusedCall, type ServerCall, type ServerStream, STATUS } from './grpc.js';
import type { MessageInitShape } from './messages.js';
import {
  Content,
  type ReadContentRequest,
  WriteAction,
  type WriteContentRequest,
  type WriteContentResponseSchema,
} from './proto/content_pb.js';

/** A folder that a daemon may read. */
export interface ContentFolder {
  readonly blobs: BlobStore;
  /** Adds a blob; given for a folder that it may write. Bytes that fail leave nothing. */
  readonly add?: (data: AsyncIterable<Uint8Array>) => Promise<void>;
}

/** By the label that a daemon knows. */
export type ContentFolders = ReadonlyMap<string, ContentFolder>;

/** The header by which a daemon says which folder it means, with `local:` before the label. */
const STORE_ID = 'buildkit-attachable-store-id';

/** Bytes in a message: less than any gRPC takes without being told. */
const CHUNK = 1024 * 1024;

/**
 * Adds the methods of the service to a server.
 * @param watched runs the work of a call: it hears of errors of ours, and that the daemon is alive
 */
export function serveContent(
  server: ConnectionServer,
  folders: ContentFolders,
  watched: <T>(work: () => Promise<T>) => Promise<T>,
): void {
  const folderOf = (call: ServerCall): ContentFolder => {
    const [id = ''] = call.header(STORE_ID);
    const folder = id.startsWith('local:') ? folders.get(id.slice('local:'.length)) : undefined;
    return folder ?? refuse(STATUS.NOT_FOUND, 'there is no such store');
  };
  server
    .unary(Content.method.info, (request, call) =>
      watched(async () => {
        const digest = digestOf(request.digest);
        const { size } = await find(folderOf(call), digest);
        return { info: { digest, size: BigInt(size) } };
      }),
    )
    .serverStream(Content.method.read, (request, answer) =>
      watched(async () => {
        for await (const { offset, data } of read(folderOf(answer), request))
          await answer.send({ offset: BigInt(offset), data });
      }),
    )
    .duplex(Content.method.write, (stream) => watched(() => write(folderOf(stream), stream)));
}

function refuse(code: RefusedCall['code'], details: string): never {
  throw new RefusedCall(code, details);
}

function digestOf(text: string): Digest {
  try {
    return parseDigest(text);
  } catch {
    return refuse(STATUS.INVALID_ARGUMENT, 'that is no sha256 digest');
  }
}

/** A blob that is there: a file of the folder itself, for a folder from elsewhere might hold links that lead out of it. */
async function find(
  { blobs }: ContentFolder,
  digest: Digest,
): Promise<{ readonly file: string; readonly size: number }> {
  const file = blobs.path(digest);
  try {
    const [real, root, found] = await Promise.all([realpath(file), realpath(blobs.folder), stat(file)]);
    if (found.isFile() && real === path.join(root, path.relative(blobs.folder, file)))
      return { file, size: found.size };
  } catch {
    // said below
  }
  return refuse(STATUS.NOT_FOUND, `${digest} is not there`);
}

/** A stretch of a blob; whoever asked for it checks the digest of the whole. */
async function* read(
  folder: ContentFolder,
  { digest, offset, size }: ReadContentRequest,
): AsyncGenerator<{ readonly offset: number; readonly data: Uint8Array }> {
  const { file, size: all } = await find(folder, digestOf(digest));
  const start = Math.max(0, Number(offset));
  if (start > all) refuse(STATUS.OUT_OF_RANGE, `${digest} has ${all} bytes`);
  const end = size > 0n ? Math.min(all, start + Number(size)) : all;
  if (end === start) return;
  let sent = 0;
  for await (const chunk of createReadStream(file, { start, end: end - 1, highWaterMark: CHUNK })) {
    yield { offset: sent, data: chunk };
    sent += chunk.length;
  }
}

type WriteStream = ServerStream<WriteContentRequest, MessageInitShape<typeof WriteContentResponseSchema>>;

/** Takes one blob. It gets its name when all of it is there and is what was announced; else nothing stays. */
async function write(folder: ContentFolder, stream: WriteStream): Promise<void> {
  const { blobs, add } = folder;
  if (!add) return refuse(STATUS.PERMISSION_DENIED, 'this store is only read');
  const requests = stream.requests[Symbol.asyncIterator]();
  const first = await requests.next();
  if (first.done) return;
  const expected = digestOf(first.value.expected);
  const total = Number(first.value.total);
  if (!(total > 0)) return refuse(STATUS.INVALID_ARGUMENT, 'the size of the blob is not said');
  const there = await find(folder, expected).catch(() => undefined);
  if (there?.size === total && (await blobs.isWhole(expected)))
    return refuse(STATUS.ALREADY_EXISTS, `${expected} is there already`);
  const incoming = new Incoming(stream, { expected, total });
  await add(incoming.data(first.value, requests));
  await incoming.committed();
}

/** The bytes of a blob on their way in: each request is answered when its bytes were taken. */
class Incoming {
  readonly #stream: WriteStream;
  readonly #expected: Digest;
  readonly #total: number;
  readonly #hash = new DigestStream();

  constructor(stream: WriteStream, blob: { readonly expected: Digest; readonly total: number }) {
    this.#stream = stream;
    this.#expected = blob.expected;
    this.#total = blob.total;
  }

  /** @throws RefusedCall when it is not what was announced, or ends without being committed */
  async *data(first: WriteContentRequest, more: AsyncIterator<WriteContentRequest>): AsyncGenerator<Uint8Array> {
    for (let request: WriteContentRequest | undefined = first; request; ) {
      if (request.action !== WriteAction.STAT && request.data.length > 0) yield this.#taken(request);
      if (request.action === WriteAction.COMMIT) return this.#finish(request);
      await this.#answer(request.action);
      const next = await more.next();
      request = next.done ? undefined : next.value;
    }
    refuse(STATUS.CANCELLED, 'the blob was not committed');
  }

  committed(): Promise<void> {
    return this.#answer(WriteAction.COMMIT, this.#expected);
  }

  #taken({ offset, data }: WriteContentRequest): Uint8Array {
    const { size } = this.#hash;
    if (Number(offset) !== size) refuse(STATUS.OUT_OF_RANGE, `${size} bytes are there, and byte ${offset} is not next`);
    if (size + data.length > this.#total) refuse(STATUS.OUT_OF_RANGE, `the blob was to have ${this.#total} bytes`);
    this.#hash.update(data);
    return data;
  }

  #finish({ expected, total }: WriteContentRequest): void {
    const { size } = this.#hash;
    if (size !== this.#total || (total > 0n && Number(total) !== size))
      refuse(STATUS.FAILED_PRECONDITION, `the blob has ${size} bytes, and was to have ${total || this.#total}`);
    const digest = this.#hash.digest();
    if (digest !== this.#expected || (expected !== '' && expected !== digest))
      refuse(STATUS.FAILED_PRECONDITION, `the blob has the digest ${digest}`);
  }

  #answer(action: WriteAction, digest = ''): Promise<void> {
    return this.#stream.send({ action, digest, offset: BigInt(this.#hash.size), total: BigInt(this.#total) });
  }
}
