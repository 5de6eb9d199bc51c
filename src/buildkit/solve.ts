/** One solve on a daemon: the request, its progress, and every way in which it can end. */
import { randomBytes } from 'node:crypto';
import { BuildError } from '../diagnostic/build-error.js';
import type { Emit } from '../progress/event.js';
import type { TypedAttrs } from './address.js';
import type { BuilderClient } from './client.js';
import { type ErrorDetails, readErrorDetails } from './error-details.js';
import { GrpcError, STATUS } from './grpc.js';
import type { Receive, Session } from './session.js';
import { StatusFollower } from './status.js';

export interface SolveInput {
  /** The bytes of a `pb.Definition`. */
  readonly definition: Uint8Array;
  readonly exporter: TypedAttrs;
  /** Takes what the exporter sends. */
  readonly receive: Receive;
  readonly cacheTo: readonly TypedAttrs[];
  readonly cacheFrom: readonly TypedAttrs[];
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds without a sign of life after which a daemon counts as lost; default {@link SILENCE}. */
  readonly silence?: number;
}

export interface SolveResult {
  /** What the exporter answers. */
  readonly response: Readonly<Record<string, string>>;
  /** The digests of vertices that were in the daemon's cache. */
  readonly cached: ReadonlySet<string>;
}

/** The daemon says that the build failed: for a reason of the build, or of its own. */
export class SolveError extends Error {
  readonly details: ErrorDetails;

  constructor(error: GrpcError) {
    super(error.message, { cause: error });
    this.name = 'SolveError';
    this.details = readErrorDetails(error.details);
  }
}

/** A daemon that is well asks the session every five seconds how it is. */
const SILENCE = 30_000;
const TICK = 1000;
/** Milliseconds for the other half of the news: the error of a solve when the session ends, the last of the progress when the solve does. */
const GRACE = 2000;

/**
 * Solves a definition.
 * @throws SolveError; BuildError `BuilderLost`, or what went wrong on our side of the session; the reason of the signal when it is aborted
 */
export async function solve(client: BuilderClient, session: Session, input: SolveInput): Promise<SolveResult> {
  const ref = randomBytes(16).toString('hex');
  const stop = new AbortController();
  const abort = () => stop.abort(input.signal?.reason);
  input.signal?.addEventListener('abort', abort, { once: true });
  if (input.signal?.aborted) abort();
  const follower = new StatusFollower(input.emit);
  const guard = new Watch(client, session, input.silence ?? SILENCE);
  const statusStop = new AbortController();
  let received: Promise<void> | undefined;
  session.expect((bytes) => (received = input.receive(bytes)));
  const progress = follow(client, ref, { follower, guard, signal: statusStop.signal });
  try {
    const solving = client.solve(request(ref, session, input), { signal: stop.signal });
    const { exporterResponse } = await Promise.race([solving, guard.lost]);
    await received;
    await Promise.race([progress, delay(GRACE)]);
    follower.close(undefined);
    return { response: exporterResponse, cached: follower.cached };
  } catch (error) {
    stop.abort(error);
    await Promise.race([Promise.allSettled([received, progress]), delay(100)]);
    const known = input.signal?.aborted ? input.signal.reason : reasonOf(error, client, session);
    follower.close(known instanceof Error ? known.message : String(known));
    throw known;
  } finally {
    session.expect(undefined);
    guard.dispose();
    statusStop.abort(new Error('the solve is over'));
    input.signal?.removeEventListener('abort', abort);
  }
}

function request(ref: string, session: Session, { definition, exporter, cacheTo, cacheFrom }: SolveInput) {
  const entries = (list: readonly TypedAttrs[]) => list.map(({ type, attrs }) => ({ type, attrs: { ...attrs } }));
  return {
    ref,
    definition,
    session: session.id,
    exporters: entries([exporter]),
    exporterDeprecated: exporter.type,
    exporterAttrsDeprecated: { ...exporter.attrs },
    cache: { exports: entries(cacheTo), imports: entries(cacheFrom) },
  };
}

/** Passes the progress on until it ends. What is wrong with it is no reason to fail: the solve says that itself. */
async function follow(
  client: BuilderClient,
  ref: string,
  { follower, guard, signal }: { follower: StatusFollower; guard: Watch; signal: AbortSignal },
): Promise<void> {
  try {
    for await (const status of client.status(ref, { signal })) {
      guard.seen();
      follower.take(status);
    }
  } catch {
    // see above
  }
}

function reasonOf(error: unknown, client: BuilderClient, session: Session): unknown {
  if (session.failure) return session.failure;
  if (!(error instanceof GrpcError)) return error;
  if (error.code === STATUS.UNAVAILABLE || error.code === STATUS.CANCELLED) return lost(client, error.message, error);
  return new SolveError(error);
}

function lost(client: BuilderClient, why: string, cause?: unknown): BuildError {
  const message = `the connection to the builder ${client.address.shown} broke in the middle of the build: ${why}`;
  const hint = 'build again; if it stays like that, see the log of the builder';
  return new BuildError({ code: 'BuilderLost', severity: 'error', message, hint }, { cause });
}

/** Watches over a daemon that may die without a word. */
class Watch {
  /** Rejected when the session ends, or nothing was heard for too long. */
  readonly lost: Promise<never>;
  readonly #timer: NodeJS.Timeout;
  #lastSeen = performance.now();
  #over = false;

  constructor(client: BuilderClient, session: Session, silence: number) {
    let lastTick = performance.now();
    let fail: (error: BuildError) => void = () => undefined;
    this.lost = new Promise((_, reject) => {
      fail = reject;
    });
    this.lost.catch(() => undefined);
    this.#timer = setInterval(
      () => {
        const now = performance.now();
        // we were busy or asleep ourselves, and may have messages that we have not read yet
        if (now - lastTick > 3 * TICK) this.seen();
        lastTick = now;
        const quiet = now - Math.max(this.#lastSeen, session.lastSeen);
        if (quiet > silence) fail(lost(client, `it gave no sign of life for ${Math.round(silence / 1000)} seconds`));
      },
      Math.min(TICK, silence / 2),
    );
    void session.ended.then(async () => {
      await delay(GRACE);
      if (!this.#over) fail(lost(client, 'the session was cut off'));
    });
  }

  seen(): void {
    this.#lastSeen = performance.now();
  }

  dispose(): void {
    this.#over = true;
    clearInterval(this.#timer);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
