/**
 * One blob from a registry: its bytes, each checked, asked for again from where an answer broke off. What upload.ts is to a push.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs
 */
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../util/digest.js';
import type { Scope } from './auth.js';
import { type Mismatch, VerifiedBytes } from './body.js';
import type { RegistryClient } from './client.js';
import { malformed } from './errors.js';
import { delayBefore, isTransientError, isTransientStatus, wait } from './retry.js';
import { ConnectionError } from './transport.js';

export interface DownloadPlace {
  readonly client: RegistryClient;
  readonly repository: string;
  /** For messages. */
  readonly what: string;
}

/** Bytes a second below which a blob counts as stuck, in the long run. */
const SLOWEST = 16 * 1024;
const GRACE_MS = 60_000;

/** What pulling needs in a repository. */
export function pullScopes(repository: string): Scope[] {
  return [{ repository, actions: ['pull'] }];
}

/**
 * The bytes of a blob.
 * @param onBytes hears how many are there
 * @throws BuildError `RegistryUnreachable`, `RegistryDenied`, `RegistryFailed`; at the end, when the bytes are not those of the digest
 */
export async function* downloadBlob(
  place: DownloadPlace,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void> {
  const { client, what } = place;
  const verified = new VerifiedBytes(digest, size, (why) => wrongBlob(place, { digest, size }, why));
  const started = Date.now();
  const { retry, signal } = client;
  for (let attempt = 1, best = 0; ; attempt++) {
    let retryAfter: string | undefined;
    try {
      const answer = await openAt(place, digest, verified.offset);
      if ('body' in answer) {
        for await (const chunk of verified.pass(answer.body, answer.skip)) {
          yield chunk;
          onBytes(verified.offset);
          checkSpeed(place, digest, { started, bytes: verified.offset });
        }
        return;
      }
      ({ retryAfter } = answer);
      if (attempt >= retry.attempts) client.unreachable(what, new ConnectionError('it is busy', 'BUSY'));
    } catch (error) {
      if (isTransientError(error) && verified.offset === size) return verified.finish();
      if (!isTransientError(error) || attempt >= retry.attempts) client.unreachable(what, error);
    }
    if (verified.offset > best) {
      best = verified.offset;
      attempt = 1;
    }
    await wait(delayBefore(attempt, retry, retryAfter), signal);
  }
}

type Answer =
  | { readonly body: AsyncIterable<Uint8Array>; readonly skip: number }
  | { readonly retryAfter: string | undefined };

/** An answer with the bytes from `offset` on, `skip` bytes before them; or when to try again. */
async function openAt({ client, repository, what }: DownloadPlace, digest: Digest, offset: number): Promise<Answer> {
  const range = offset > 0 ? { headers: { range: `bytes=${offset}-` } } : {};
  const path = `${repository}/blobs/${digest}`;
  const response = await client.once({ method: 'GET', path, ...range, what, scopes: pullScopes(repository) });
  if (response.status === 200) return { body: response.body, skip: offset };
  if (response.status === 206 && offset > 0) {
    const from = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1];
    if (from === String(offset)) return { body: response.body, skip: 0 };
    response.discard();
    return malformed(what, client.domain, 'it sends another part of a blob than was asked for');
  }
  if (!isTransientStatus(response.status)) return client.refuse(`${what}: blob ${digest}`, response);
  response.discard();
  return { retryAfter: response.headers['retry-after'] };
}

/** A registry that sends a byte now and then would keep us for ever. */
function checkSpeed(
  { client, what }: DownloadPlace,
  digest: Digest,
  { started, bytes }: { readonly started: number; readonly bytes: number },
): void {
  const elapsed = Date.now() - started;
  if (elapsed < GRACE_MS || bytes / (elapsed / 1000) >= SLOWEST) return;
  const problem = `it sends ${digest} too slowly: ${bytes} bytes in ${Math.round(elapsed / 1000)} s`;
  client.unreachable(what, new ConnectionError(problem, 'TOO_SLOW'));
}

function wrongBlob(
  { client, what }: DownloadPlace,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  why: Mismatch,
): never {
  const problem = why === 'too-long' ? `more than the ${size} bytes` : 'other bytes than those';
  return malformed(what, client.domain, `it sends ${problem} of ${digest}`);
}
