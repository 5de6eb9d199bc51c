/**
 * One blob to a registry: not at all if it is there, mounted from another repository if it is there, else uploaded: a small one in one request,
 * a large one as a stream that is taken up where it broke off, or in pieces where the registry takes no more at once.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
 */
import type { Descriptor } from '../oci/descriptor.js';
import type { Emit } from '../progress/event.js';
import type { Scope } from './auth.js';
import type { RegistryClient } from './client.js';
import { malformed } from './errors.js';
import { delayBefore, isTransientError, isTransientStatus, wait } from './retry.js';
import type { HttpResponse } from './transport.js';

/** A blob that is pushed. */
export interface PushBlob {
  readonly descriptor: Pick<Descriptor, 'digest' | 'size'>;
  /** Its bytes, from the beginning; @throws when they are not those of the digest */
  readonly read: () => AsyncIterable<Uint8Array>;
}

export interface UploadPlace {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly mountFrom: readonly string[];
  readonly emit: Emit;
  /** For messages. */
  readonly what: string;
}

/** Up to this size a blob is sent with the request that ends the upload. */
const MONOLITHIC = 1024 * 1024;

/** The pieces for a registry, or a proxy before it, to which a whole blob is too large. */
const PIECE = 5 * 1024 * 1024;

/** An upload under way. */
interface Upload {
  /** Where the next request goes. */
  location: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** Bytes a request may have; undefined: as many as there are. */
  piece?: number;
}

/** @throws BuildError `RegistryUnreachable`, `RegistryDenied`, `RegistryFailed`; what reading the blob throws */
export async function uploadBlob(place: UploadPlace, blob: PushBlob): Promise<void> {
  const { emit, client, repository } = place;
  const { digest, size } = blob.descriptor;
  const id = `push ${client.domain}/${repository} ${digest}`;
  emit({ type: 'step-started', id, name: `pushing layer ${digest.slice(0, 19)} to ${client.domain}/${repository}` });
  const onBytes = (bytes: number) => emit({ type: 'step-progress', id, bytes, total: size });
  try {
    const there = (await exists(place, blob)) || !(await upload(place, blob, onBytes));
    emit({ type: 'step-done', id, cached: there });
  } catch (error) {
    emit({ type: 'step-failed', id, message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/** What pushing needs in a repository, and reading where blobs may be mounted from. */
export function pushScopes(repository: string, mountFrom: readonly string[] = []): Scope[] {
  const others = mountFrom.filter((path) => path !== repository);
  return [
    { repository, actions: ['pull', 'push'] },
    ...others.map((path): Scope => ({ repository: path, actions: ['pull'] })),
  ];
}

async function exists(
  { client, repository, mountFrom, what }: UploadPlace,
  { descriptor }: PushBlob,
): Promise<boolean> {
  const path = `${repository}/blobs/${descriptor.digest}`;
  const response = await client.send({ method: 'HEAD', path, what, scopes: pushScopes(repository, mountFrom) });
  response.discard();
  if (response.status === 200) return true;
  // some registries answer 403 to a HEAD in a repository that the first push makes
  if (response.status === 404 || response.status === 403 || response.status === 405) return false;
  return client.refuse(what, response);
}

/** Uploads, from the start again where the registry has forgotten an upload. @returns false when the blob was mounted */
async function upload(place: UploadPlace, blob: PushBlob, onBytes: (bytes: number) => void): Promise<boolean> {
  const { client, what } = place;
  const { size } = blob.descriptor;
  let state: Upload | undefined;
  let piece: number | undefined;
  let attempt = 0;
  let best = 0;
  let denied = false;
  for (;;) {
    let retryAfter: string | undefined;
    try {
      // the answer to a request that ended an upload may be what was lost
      if (!state && attempt > 0 && (await exists(place, blob))) return true;
      state ??= await begin(place, blob);
      if (state === undefined) return false;
      if (piece !== undefined) state.piece = piece;
      const response = await send(place, blob, { state, onBytes });
      if (response === 'more') continue;
      if (response.status === 201 || response.status === 204) {
        checkStored(place, blob.descriptor, response);
        response.discard();
        onBytes(size);
        return true;
      }
      const { status } = response;
      if (status === 413 && piece === undefined && size > PIECE) {
        response.discard();
        piece = PIECE;
        state = undefined;
        continue;
      }
      // a token that ran out while the blob was sent
      const expired: boolean = status === 401 && !denied;
      denied ||= expired;
      const again = isTransientStatus(status) || expired || status === 404 || status === 416;
      if (!again || attempt + 1 >= client.retry.attempts) return await client.refuse(what, response);
      retryAfter = response.headers['retry-after'];
      response.discard();
      if (status !== 401 && !isTransientStatus(status)) state = undefined;
    } catch (error) {
      if (!isTransientError(error) || attempt + 1 >= client.retry.attempts) client.unreachable(what, error);
    }
    if (state && state.offset > best) {
      best = state.offset;
      attempt = 0;
    }
    attempt++;
    await wait(delayBefore(attempt, client.retry, retryAfter), client.signal);
    if (state) state = await resume(place, state, size);
  }
}

/** Asks for a place to upload to. @returns undefined when the blob was mounted from another repository */
async function begin(place: UploadPlace, { descriptor }: PushBlob): Promise<Upload | undefined> {
  const { client, repository, mountFrom, what } = place;
  const scopes = pushScopes(repository, mountFrom);
  const sources = mountFrom.filter((path) => path !== repository);
  for (const from of [...sources, undefined]) {
    const query = from === undefined ? '' : `?${new URLSearchParams({ mount: descriptor.digest, from })}`;
    const path = `${repository}/blobs/uploads/${query}`;
    const response = await client.send({ method: 'POST', path, headers: { 'content-length': '0' }, what, scopes });
    response.discard();
    if (response.status === 201 && from !== undefined) return undefined;
    if (response.status === 202) return { location: client.locate(response, what), offset: 0 };
    // what cannot be mounted, for lack of rights there, is uploaded
    if (from === undefined) return client.refuse(what, response);
  }
  return undefined;
}

interface Sending {
  readonly state: Upload;
  readonly onBytes: (bytes: number) => void;
}

/** The next request of an upload. @returns its answer, or `more` when there is more to send */
async function send(place: UploadPlace, blob: PushBlob, { state, onBytes }: Sending): Promise<HttpResponse | 'more'> {
  const { client, repository, mountFrom, what } = place;
  const { digest, size } = blob.descriptor;
  const scopes = pushScopes(repository, mountFrom);
  const octets = { 'content-type': 'application/octet-stream' };
  if (state.offset < size && (size > MONOLITHIC || state.offset > 0)) {
    const end = Math.min(size, state.offset + (state.piece ?? size));
    const whole = state.offset === 0 && end === size;
    const range = whole ? {} : { 'content-range': `${state.offset}-${end - 1}` };
    const response = await client.once({
      method: 'PATCH',
      path: state.location,
      headers: { ...octets, 'content-length': String(end - state.offset), ...range },
      body: slice(blob.read(), state.offset, end, onBytes),
      what,
      scopes,
    });
    if (response.status !== 202 && response.status !== 204 && response.status !== 201) return response;
    response.discard();
    state.location = client.locate(response, what);
    state.offset = end;
    return 'more';
  }
  const url = new URL(state.location);
  url.searchParams.set('digest', digest);
  const rest = size - state.offset;
  return client.once({
    method: 'PUT',
    path: url,
    headers: { ...octets, 'content-length': String(rest) },
    // bytes that are read to their end before they are sent have the digest
    ...(rest > 0 && { body: await collect(slice(blob.read(), 0, size, onBytes)) }),
    what,
    scopes,
  });
}

/** The place where the registry wants the upload to go on; undefined when it has forgotten it. */
async function resume(place: UploadPlace, state: Upload, size: number): Promise<Upload | undefined> {
  const { client, repository, mountFrom, what } = place;
  if (size <= MONOLITHIC) return undefined;
  const scopes = pushScopes(repository, mountFrom);
  const response = await client.send({ method: 'GET', path: state.location, what, scopes });
  response.discard();
  const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.range ?? '') ?? [];
  if (response.status !== 204 || last === undefined) return undefined;
  // "0-0" may stand for no byte as well as for one: then the upload begins anew
  const offset = Number(last) === 0 ? 0 : Number(last) + 1;
  if (offset === 0 || offset > size) return undefined;
  const location = response.headers.location === undefined ? state.location : client.locate(response, what);
  return { location, offset, ...(state.piece !== undefined && { piece: state.piece }) };
}

/** Bytes from `start` to `end`; those before are read as well, since reading checks all of a blob. */
async function* slice(
  bytes: AsyncIterable<Uint8Array>,
  start: number,
  end: number,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let at = 0;
  for await (const chunk of bytes) {
    const part = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
    at += chunk.length;
    if (part.length > 0) yield part;
    onBytes(Math.min(Math.max(at, start), end));
    if (at >= end && end !== at) return;
  }
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a registry says that it has stored must be what was sent. @throws BuildError `RegistryFailed` */
export function checkStored(
  { client, what }: Pick<UploadPlace, 'client' | 'what'>,
  { digest }: Pick<Descriptor, 'digest'>,
  { headers }: Pick<HttpResponse, 'headers'>,
): void {
  const stored = headers['docker-content-digest'];
  if (stored !== undefined && stored !== digest)
    malformed(what, client.domain, `it has stored ${JSON.stringify(stored.slice(0, 100))} in place of ${digest}`);
}
