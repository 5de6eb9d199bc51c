/** gRPC over connections of our own, with typed messages. The only importer of @grpc/grpc-js. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import * as grpc from '@grpc/grpc-js';
import { BuildError } from '../diagnostic/build-error.js';
import {
  create,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from './messages.js';

/** A failed call: gRPC's code and message, and the details that the other side attached. */
export class GrpcError extends Error {
  readonly code: number;
  /** A google.rpc.Status. */
  readonly details: Uint8Array | undefined;

  constructor(error: grpc.ServiceError) {
    super(error.details || error.message);
    this.name = 'GrpcError';
    this.code = error.code;
    const details = error.metadata?.get('grpc-status-details-bin')[0];
    this.details = details instanceof Buffer ? details : undefined;
  }
}

export const STATUS: typeof grpc.status = grpc.status;

/** What a server that we run answers in place of a result. */
export class RefusedCall extends Error {
  constructor(
    readonly code: grpc.status,
    readonly details: string,
  ) {
    super(details);
  }
}

/** Go's limit, and ours: no message of BuildKit's is larger. */
const MAX_MESSAGE = 16 * 1024 * 1024;
/** Of what reaches a session: BuildKit cuts its archives into pieces of 3 MiB at most. */
const MAX_SESSION_MESSAGE = 4 * 1024 * 1024;

/** HTTP/2's windows, so that a large transfer does not wait for each 64 KiB to be acknowledged. */
const FLOW_WINDOW = 4 * 1024 * 1024;

/** Credentials that are none: they only hand the connection that gRPC made to `prepare`, which may encrypt or upgrade it. */
class PreparedConnection extends grpc.ChannelCredentials {
  /** Why the last attempt failed. */
  failure: unknown;

  constructor(
    readonly prepare: (socket: Socket) => Promise<Socket>,
    readonly encrypted: boolean,
  ) {
    super();
  }

  _isSecure(): boolean {
    return this.encrypted;
  }

  _equals(other: grpc.ChannelCredentials): boolean {
    return this === other;
  }

  _createSecureConnector(): ReturnType<grpc.ChannelCredentials['_createSecureConnector']> {
    return {
      connect: async (socket) => {
        try {
          return { socket: await this.prepare(socket), secure: this.encrypted };
        } catch (error) {
          this.failure = error;
          throw error;
        }
      },
      waitForReady: async () => undefined,
      getCallCredentials: () => grpc.credentials.createEmpty(),
      destroy: () => undefined,
    };
  }
}

export interface ChannelTarget {
  readonly at: { readonly path: string } | { readonly host: string; readonly port: number };
  readonly encrypted: boolean;
  /** What becomes of each connection before gRPC has it. */
  readonly prepare: (socket: Socket) => Promise<Socket>;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from now. */
  readonly timeout?: number | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

/** A channel to one server. */
export class Channel {
  readonly #client: grpc.Client;
  readonly #connection: PreparedConnection;

  constructor({ at, encrypted, prepare }: ChannelTarget) {
    this.#connection = new PreparedConnection(prepare, encrypted);
    const host = 'host' in at && at.host.includes(':') ? `[${at.host}]` : 'host' in at ? at.host : '';
    const target = 'path' in at ? `unix:${at.path}` : `dns:${host}:${at.port}`;
    this.#client = new grpc.Client(target, this.#connection, {
      'grpc.default_authority': 'path' in at ? 'localhost' : host,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': MAX_MESSAGE,
      'grpc.max_send_message_length': MAX_MESSAGE,
      'grpc-node.flow_control_window': FLOW_WINDOW,
    });
  }

  /** @throws GrpcError; the BuildError of `prepare` when that is why; the reason of the signal when it is aborted */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      const release = whenAborted(options.signal, () => call.cancel());
      const call = this.#client.makeUnaryRequest(
        pathOf(method),
        serializer(method.input),
        deserializer(method.output),
        create(method.input, request),
        metadataOf(options.headers),
        deadlineOf(options),
        (error, response) => {
          release();
          if (error) reject(this.#error(error, options.signal));
          else resolve(response as MessageShape<O>);
        },
      );
    });
  }

  /** @throws as {@link unary} does */
  async *serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>, void> {
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      serializer(method.input),
      deserializer(method.output),
      create(method.input, request),
      metadataOf(options.headers),
      deadlineOf(options),
    );
    const release = whenAborted(options.signal, () => call.cancel());
    try {
      for await (const message of call) yield message as MessageShape<O>;
    } catch (error) {
      throw this.#error(error as grpc.ServiceError, options.signal);
    } finally {
      release();
      call.cancel();
      call.on('error', () => undefined);
    }
  }

  /** A stream of messages in both directions. */
  duplex<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    { headers }: CallOptions = {},
  ): grpc.ClientDuplexStream<MessageShape<I>, MessageShape<O>> {
    return this.#client.makeBidiStreamRequest(
      pathOf(method),
      serializer(method.input),
      deserializer(method.output),
      metadataOf(headers),
    );
  }

  close(): void {
    this.#client.close();
  }

  #error(error: grpc.ServiceError, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason;
    const { failure } = this.#connection;
    return error.code === grpc.status.UNAVAILABLE && failure instanceof BuildError ? failure : new GrpcError(error);
  }
}

function whenAborted(signal: AbortSignal | undefined, cancel: () => void): () => void {
  if (signal?.aborted) queueMicrotask(cancel);
  signal?.addEventListener('abort', cancel, { once: true });
  return () => signal?.removeEventListener('abort', cancel);
}

function deadlineOf({ timeout }: CallOptions): grpc.CallOptions {
  return timeout === undefined ? {} : { deadline: Date.now() + timeout };
}

function metadataOf(headers: CallOptions['headers'] = {}): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, values] of Object.entries(headers))
    for (const value of typeof values === 'string' ? [values] : values) metadata.add(name, value);
  return metadata;
}

/** `/package.Service/Method`. */
export function pathOf(method: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function serializer<M extends DescMessage>(schema: M): (message: MessageShape<M>) => Buffer {
  return (message) => Buffer.from(toBinary(schema, message));
}

function deserializer<M extends DescMessage>(schema: M): (bytes: Buffer) => MessageShape<M> {
  return (bytes) => fromBinary(schema, bytes);
}

/** A call, as the server of it sees it. */
export interface ServerCall {
  /** The values of a header, decoded. */
  header(name: string): readonly string[];
}

/** A call that is answered by a stream. */
export interface ServerAnswer<O> extends ServerCall {
  /** Waits while the other side is slow. @throws when it goes away */
  send(message: O): Promise<void>;
  /** Aborted when the other side goes away. */
  readonly signal: AbortSignal;
}

/** A stream of messages in both directions. */
export interface ServerStream<I, O> extends ServerAnswer<O> {
  readonly requests: AsyncIterable<I>;
}

/** A server on connections that were made by somebody else. */
export class ConnectionServer {
  readonly #server = new grpc.Server({
    'grpc.max_receive_message_length': MAX_SESSION_MESSAGE,
    'grpc.max_send_message_length': MAX_MESSAGE,
    'grpc.enable_channelz': 0,
    'grpc-node.flow_control_window': FLOW_WINDOW,
  });
  readonly #injector = this.#server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  /** The paths of its methods. */
  readonly methods: string[] = [];

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    handle: (request: MessageShape<I>, call: ServerCall) => Promise<MessageInitShape<O>>,
  ): this {
    const handler: grpc.handleUnaryCall<MessageShape<I>, MessageShape<O>> = (call, done) => {
      handle(call.request, { header: headersOf(call) }).then(
        (response) => done(null, create(method.output, response)),
        (error) => done(statusOf(error)),
      );
    };
    return this.#register(method, handler, 'unary');
  }

  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    handle: (request: MessageShape<I>, answer: ServerAnswer<MessageInitShape<O>>) => Promise<void>,
  ): this {
    const handler: grpc.handleServerStreamingCall<MessageShape<I>, MessageShape<O>> = (call) => {
      answering(call, method.output, (answer) => handle(call.request, answer));
    };
    return this.#register(method, handler, 'serverStream');
  }

  duplex<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    handle: (stream: ServerStream<MessageShape<I>, MessageInitShape<O>>) => Promise<void>,
  ): this {
    const handler: grpc.handleBidiStreamingCall<MessageShape<I>, MessageShape<O>> = (call) => {
      const requests = messagesOf(call);
      answering(call, method.output, (answer) => handle({ requests, ...answer }));
    };
    return this.#register(method, handler, 'bidi');
  }

  #register<I extends DescMessage, O extends DescMessage>(
    method: {
      readonly input: I;
      readonly output: O;
      readonly parent: { readonly typeName: string };
      readonly name: string;
    },
    handler:
      | grpc.handleUnaryCall<MessageShape<I>, MessageShape<O>>
      | grpc.handleServerStreamingCall<MessageShape<I>, MessageShape<O>>
      | grpc.handleBidiStreamingCall<MessageShape<I>, MessageShape<O>>,
    type: 'unary' | 'serverStream' | 'bidi',
  ): this {
    const path = pathOf(method);
    this.methods.push(path);
    this.#server.register(path, handler, serializer(method.output), deserializer(method.input), type);
    return this;
  }

  serve(connection: Duplex): void {
    this.#injector.injectConnection(connection);
  }

  close(): void {
    this.#injector.destroy();
    this.#server.forceShutdown();
  }
}

function headersOf({ metadata }: { readonly metadata: grpc.Metadata }): ServerCall['header'] {
  return (name) => metadata.get(name).map(String);
}

/** Runs what answers a call by a stream, and ends the call as that ends. */
function answering<I, O extends DescMessage>(
  call: grpc.ServerWritableStream<I, MessageShape<O>> | grpc.ServerDuplexStream<I, MessageShape<O>>,
  output: O,
  handle: (answer: ServerAnswer<MessageInitShape<O>>) => Promise<void>,
): void {
  const gone = new AbortController();
  const end = (error?: Error) => gone.abort(error ?? new Error('the other side went away'));
  call.on('cancelled', () => end());
  call.on('error', end);
  const cancelled = new Promise<never>((_, reject) => {
    gone.signal.addEventListener('abort', () => reject(gone.signal.reason), { once: true });
  });
  cancelled.catch(() => undefined);
  handle({
    header: headersOf(call),
    signal: gone.signal,
    send: async (message) => {
      gone.signal.throwIfAborted();
      if (call.write(create(output, message))) return;
      await Promise.race([new Promise<void>((resolve) => call.once('drain', () => resolve())), cancelled]);
    },
  }).then(
    () => call.end(),
    (error) => {
      if (!gone.signal.aborted) call.emit('error', statusOf(error));
    },
  );
}

/** The messages of a call. Unlike the call's own iterator, it never destroys the call: its status is still to be sent. */
async function* messagesOf<I>(call: grpc.ServerDuplexStream<I, unknown>): AsyncGenerator<I, void> {
  let over = false;
  let wake: () => void = () => undefined;
  const end = () => {
    over = true;
    wake();
  };
  for (const event of ['end', 'close', 'error', 'cancelled']) call.on(event, end);
  call.on('readable', () => wake());
  for (;;) {
    const message = call.read() as I | null;
    if (message !== null) yield message;
    else if (over) return;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}

function statusOf(error: unknown): Partial<grpc.StatusObject> {
  if (error instanceof RefusedCall) return { code: error.code, details: error.details };
  return { code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) };
}
