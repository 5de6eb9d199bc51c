/** A BuildKit daemon that does what a test tells it to: it answers as little, or as wrongly, as the test likes. */
import { Duplex } from 'node:stream';
import * as grpc from '@grpc/grpc-js';
import { Channel, pathOf } from '../../buildkit/grpc.js';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '../../buildkit/messages.js';
import { Control, type SolveRequest } from '../../buildkit/proto/control_pb.js';
import { type Packet, Packet_Kind, PacketSchema } from '../../buildkit/proto/fsutil_pb.js';
import { FileSend, FileSync } from '../../buildkit/proto/session_pb.js';

export type PacketInit = MessageInitShape<typeof PacketSchema>;

/** The client's side of a session, as a daemon sees it. */
export class FakeSession {
  constructor(
    readonly channel: Channel,
    readonly headers: grpc.Metadata,
    /** Ends the connection. */
    readonly end: () => void,
  ) {}

  /**
   * Asks for files with any headers, sends any packets, and gives what comes back.
   * @param answer packets to send for one that came; `undefined` ends the stream
   */
  async diffCopy(
    headers: Readonly<Record<string, string | readonly string[]>>,
    answer: (packet: Packet) => readonly PacketInit[] | undefined,
    first: readonly PacketInit[] = [],
  ): Promise<{ readonly packets: readonly Packet[]; readonly error: grpc.ServiceError | undefined }> {
    const call = this.channel.duplex(FileSync.method.diffCopy, { headers });
    const packets: Packet[] = [];
    const send = (list: readonly PacketInit[]) => {
      for (const packet of list) call.write(create(PacketSchema, packet));
    };
    return new Promise((resolve) => {
      call.on('data', (packet: Packet) => {
        packets.push(packet);
        const next = answer(packet);
        if (next === undefined) call.end();
        else send(next);
      });
      call.on('error', (error: grpc.ServiceError) => resolve({ packets, error }));
      call.on('end', () => setImmediate(() => resolve({ packets, error: undefined })));
      send(first);
    });
  }

  /** Takes every file of a context, as a daemon without a cache does. */
  async fetchAll(headers: Readonly<Record<string, string | readonly string[]>>): Promise<Map<string, Buffer>> {
    const files: { path: string; parts: Uint8Array[]; regular: boolean }[] = [];
    let open = 1;
    const done = () => (--open === 0 ? [{ type: Packet_Kind.FIN }] : []);
    const { error } = await this.diffCopy(headers, (packet) => {
      if (packet.type === Packet_Kind.STAT && packet.stat) {
        const { path, mode, linkname } = packet.stat;
        const regular = mode < 2 ** 20 && linkname.length === 0;
        files.push({ path: Buffer.from(path).toString(), parts: [], regular });
        if (!regular) return [];
        open++;
        return [{ type: Packet_Kind.REQ, id: files.length - 1 }];
      }
      if (packet.type === Packet_Kind.STAT) return done();
      if (packet.type === Packet_Kind.FIN) return undefined;
      if (packet.data.length === 0) return done();
      files[packet.id]!.parts.push(packet.data);
      return [];
    });
    if (error) throw error;
    return new Map(files.map(({ path, parts }) => [path, Buffer.concat(parts)]));
  }

  /** Sends an archive as an exporter does. */
  async send(bytes: Uint8Array): Promise<void> {
    const call = this.channel.duplex(FileSend.method.diffCopy);
    for (let at = 0; at < bytes.length; at += 64 * 1024)
      call.write({ $typeName: 'moby.filesync.v1.BytesMessage', data: bytes.subarray(at, at + 64 * 1024) });
    call.end();
    await new Promise<void>((resolve, reject) => {
      call.on('error', reject);
      call.on('end', () => resolve());
      call.resume();
    });
  }
}

export interface FakeOptions {
  /** Of BuildKit; undefined: Info is not there. */
  readonly version?: string;
  /** An object that it gives is the exporter's response. */
  readonly solve: (
    session: FakeSession,
    request: SolveRequest,
    call: { readonly cancelled: Promise<void> },
  ) => Promise<unknown>;
  /** How Info is answered, when it is not at once. */
  readonly info?: () => Promise<void>;
}

export interface FakeBuilder {
  readonly address: string;
  /** Solves that were asked for. */
  readonly solves: () => number;
  readonly close: () => void;
}

export async function startFake(socket: string, options: FakeOptions): Promise<FakeBuilder> {
  const server = new grpc.Server({ 'grpc.enable_channelz': 0 });
  const sessions = new Map<
    string,
    { readonly session: Promise<FakeSession>; readonly resolve: (s: FakeSession) => void }
  >();
  const sessionOf = (id: string) => {
    let resolve: (s: FakeSession) => void = () => undefined;
    const known = sessions.get(id) ?? { session: new Promise<FakeSession>((r) => (resolve = r)), resolve };
    sessions.set(id, known);
    return known;
  };
  const { info, solve, status, session } = Control.method;
  const register = <I extends DescMessage, O extends DescMessage>(
    method: {
      readonly input: I;
      readonly output: O;
      readonly parent: { readonly typeName: string };
      readonly name: string;
    },
    handler: grpc.UntypedHandleCall,
    type: string,
  ) =>
    server.register(
      pathOf(method),
      handler as grpc.handleUnaryCall<MessageShape<I>, MessageShape<O>>,
      (message) => Buffer.from(toBinary(method.output, message)),
      (bytes) => fromBinary(method.input, bytes),
      type,
    );
  let solves = 0;
  if (options.version !== undefined) {
    const answer: grpc.handleUnaryCall<unknown, unknown> = (_, done) => {
      const version = { $typeName: 'moby.buildkit.v1.BuildkitVersion', version: options.version };
      (options.info?.() ?? Promise.resolve()).then(() => done(null, create(info.output, { version } as object)));
    };
    register(info, answer, 'unary');
  }
  const onSolve: grpc.handleUnaryCall<SolveRequest, unknown> = (call, done) => {
    solves++;
    const cancelled = new Promise<void>((resolve) => call.on('cancelled', () => resolve()));
    sessionOf(call.request.session)
      .session.then((s) => options.solve(s, call.request, { cancelled }))
      .then(
        (response) => {
          const exporterResponse = (response ?? {}) as Record<string, string>;
          done(null, create(solve.output, { exporterResponse }));
        },
        (error: Partial<grpc.ServiceError>) => {
          const known = error.code === undefined ? { code: grpc.status.UNKNOWN, details: String(error) } : error;
          done(known as grpc.ServiceError);
        },
      );
  };
  register(solve, onSolve, 'unary');
  const onStatus: grpc.handleServerStreamingCall<unknown, unknown> = (call) => call.end();
  register(status, onStatus, 'serverStream');
  const onSession: grpc.handleBidiStreamingCall<{ data: Uint8Array }, unknown> = (call) => {
    const connection = new Duplex({
      read: () => call.resume(),
      write: (data: Uint8Array, _, done) => {
        call.write(create(session.output, { data }));
        done();
      },
      destroy: (error, done) => {
        call.end();
        done(error);
      },
    });
    Object.assign(connection, { setNoDelay: () => connection, ref: () => connection, unref: () => connection });
    call.on('data', ({ data }: { data: Uint8Array }) => {
      if (!connection.push(data)) call.pause();
    });
    for (const event of ['end', 'cancelled', 'error']) call.on(event, () => connection.destroy());
    const channel = new Channel({
      at: { path: socket },
      encrypted: false,
      prepare: async (own) => {
        own.destroy();
        return connection as never;
      },
    });
    connection.on('close', () => channel.close());
    const id = String(call.metadata.get('x-docker-expose-session-uuid')[0]);
    sessionOf(id).resolve(new FakeSession(channel, call.metadata, () => connection.destroy()));
    connection.on('close', () => sessions.delete(id));
  };
  register(session, onSession, 'bidi');
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return { address: `unix://${socket}`, solves: () => solves, close: () => server.forceShutdown() };
}
