/**
 * A session: the way back from a daemon to us, on which we are the server. The daemon reads contexts by it, sends results, and asks who we
 * are to a registry.
 * @see moby/buildkit session/session.go, session/manager.go
 */
import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import type { ContentDigests } from '../context/content-digests.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { BuilderClient } from './client.js';
import { type ContentFolders, serveContent } from './content-service.js';
import { dial, upgrade } from './dial.js';
import { requestedContext, type SharedContext, type SyncCounters, sendTree } from './file-sync.js';
import { ConnectionServer, RefusedCall, STATUS } from './grpc.js';
import { Health, HealthCheckResponse_ServingStatus } from './proto/health_pb.js';
import { Auth, FileSend, FileSync } from './proto/session_pb.js';

/** User and password for a registry; undefined: none are known. */
export type Credentials = (host: string) => Promise<{ readonly username: string; readonly secret: string } | undefined>;

export interface SessionOptions {
  readonly contexts: readonly SharedContext[];
  readonly digests: ContentDigests;
  readonly credentials: Credentials;
  /** Caches in folders. */
  readonly folders: ContentFolders;
  /** Builds that share it start from the files that the one before has sent. */
  readonly sharedKey: string;
}

/** Takes what an exporter sends. */
export type Receive = (bytes: AsyncIterable<Uint8Array>) => Promise<void>;

export class Session {
  readonly id: string = randomBytes(16).toString('hex');
  readonly #server = new ConnectionServer();
  readonly #options: SessionOptions;
  #connection: Duplex | undefined;
  #receive: Receive | undefined;
  /** When the daemon last did something here, by the clock of {@link performance}. */
  lastSeen: number = performance.now();
  /** What went wrong on our side, which is why the daemon failed. */
  failure: BuildError | undefined;
  readonly counters: SyncCounters = { entries: 0, files: 0, bytes: 0 };
  /** Resolves when the connection ends. */
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;

  private constructor(options: SessionOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#server
      .unary(Health.method.check, async () => {
        this.#seen();
        return { status: HealthCheckResponse_ServingStatus.SERVING };
      })
      .unary(Auth.method.credentials, async ({ host }) => {
        this.#seen();
        return (await options.credentials(host)) ?? { username: '', secret: '' };
      })
      .duplex(FileSync.method.diffCopy, (stream) => this.#ours(() => this.#sync(stream)))
      .duplex(FileSend.method.diffCopy, (stream) => this.#ours(() => this.#take(stream.requests)));
    if (options.folders.size > 0) serveContent(this.#server, options.folders, (work) => this.#ours(work));
  }

  /** Opens a session on a daemon. @throws BuildError `BuilderUnreachable`; what connecting throws */
  static async open(client: BuilderClient, options: SessionOptions): Promise<Session> {
    const session = new Session(options);
    const { address, dockerApi } = client;
    const name = {
      'x-docker-expose-session-uuid': session.id,
      'x-docker-expose-session-name': 'wbuild',
      'x-docker-expose-session-sharedkey': options.sharedKey,
    };
    const methods = session.#server.methods;
    if (dockerApi === undefined) {
      session.#serve(streamOf(client, { ...name, 'x-docker-expose-session-grpc-method': methods }));
      return session;
    }
    const headers = [
      ...Object.entries(name).map(([key, value]) => `${key}: ${value}`),
      ...methods.map((method) => `X-Docker-Expose-Session-Grpc-Method: ${method}`),
    ];
    const socket = await dial(address);
    session.#serve(await upgrade(socket, address, { endpoint: 'session', apiVersion: dockerApi, headers }));
    return session;
  }

  /** Who takes what the next exporter sends. */
  expect(receive: Receive | undefined): void {
    this.#receive = receive;
  }

  close(): void {
    this.#server.close();
    this.#connection?.destroy();
    this.#end();
  }

  #serve(connection: Duplex): void {
    this.#connection = connection;
    connection.on('error', () => undefined);
    connection.on('close', this.#end);
    this.#server.serve(connection);
  }

  #seen(): void {
    this.lastSeen = performance.now();
  }

  /** Keeps what a user can mend: the daemon would only say that we failed. */
  async #ours<T>(work: () => Promise<T>): Promise<T> {
    this.#seen();
    try {
      return await work();
    } catch (error) {
      if (error instanceof BuildError) this.failure ??= error;
      throw error;
    } finally {
      this.#seen();
    }
  }

  async #sync(stream: Parameters<typeof requestedContext>[0]): Promise<void> {
    const { contexts, digests } = this.#options;
    const context = requestedContext(stream, contexts);
    const sent = await sendTree(stream, await context.tree(), digests);
    this.counters.entries += sent.entries;
    this.counters.files += sent.files;
    this.counters.bytes += sent.bytes;
  }

  async #take(messages: AsyncIterable<{ readonly data: Uint8Array }>): Promise<void> {
    const receive = this.#receive;
    if (!receive) throw new RefusedCall(STATUS.FAILED_PRECONDITION, 'nothing was asked for');
    this.#receive = undefined;
    const seen = () => this.#seen();
    await receive(
      (async function* () {
        for await (const { data } of messages) {
          seen();
          yield data;
        }
      })(),
    );
  }
}

/** A stream of messages as a connection. */
function streamOf(client: BuilderClient, headers: Parameters<BuilderClient['sessionStream']>[0]): Duplex {
  const call = client.sessionStream(headers);
  const connection = new Duplex({
    read: () => call.resume(),
    write: (data: Uint8Array, _encoding, done) => {
      // gRPC's own calls back once the message is on its way, which is what slows a fast writer down
      call.write({ $typeName: 'moby.buildkit.v1.BytesMessage', data }, (error?: Error | null) => done(error ?? null));
    },
    final: (done) => {
      call.end();
      done();
    },
    destroy: (error, done) => {
      call.cancel();
      done(error);
    },
  });
  call.on('data', ({ data }) => {
    if (!connection.push(data)) call.pause();
  });
  call.on('end', () => connection.push(null));
  call.on('error', () => connection.destroy());
  // what is used of a socket besides
  return Object.assign(connection, { setNoDelay: () => connection, ref: () => connection, unref: () => connection });
}
