/** When to try again, and how long to wait before. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionError } from './transport.js';

export interface RetryPolicy {
  /** How often something is tried in all, while it makes no progress. */
  readonly attempts: number;
  /** The longest wait before the second try; it doubles with each. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** In [0, 1): so that many clients that failed together do not come back together. */
  readonly random: () => number;
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 7, baseMs: 250, maxMs: 10_000, random: Math.random };

/** The longest that a Retry-After is heeded. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Answers after which the same request may succeed. 501 and 507 are none of them. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || status === 500 || (status >= 502 && status <= 504);
}

/** Failures of a connection that do not repeat by nature: a name without a host, a certificate and a forbidden address do. */
export function isTransientError(error: unknown): error is ConnectionError {
  if (!(error instanceof ConnectionError)) return false;
  return TRANSIENT.has(error.code);
}

const TRANSIENT = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'HPE_INVALID_CONSTANT',
  'SHORT_BODY',
]);

/**
 * Milliseconds to wait before try number `attempt` (the second is 1).
 * @param retryAfter the header of that name: seconds, or a date
 */
export function delayBefore(
  attempt: number,
  { baseMs, maxMs, random }: RetryPolicy,
  retryAfter?: string,
  now = Date.now(),
): number {
  const backoff = Math.min(maxMs, baseMs * 2 ** (attempt - 1));
  const jittered = backoff / 2 + (random() * backoff) / 2;
  if (retryAfter === undefined) return jittered;
  const asked = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now;
  return Number.isFinite(asked) ? Math.max(jittered, Math.min(asked, MAX_RETRY_AFTER_MS)) : jittered;
}

/** Waits; the reason of the signal is thrown when it is aborted. */
export async function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, signal ? { signal } : {}).catch((error) => {
    signal?.throwIfAborted();
    throw error;
  });
}
