/**
 * Connections to a builder: a socket, with TLS where that is asked for, and dockerd's upgrades from HTTP to gRPC.
 * Every failure is put into words here, where its cause is known: gRPC only says that there is no connection.
 * @see moby/moby api/server/router/grpc, api/server/router/session (POST /grpc, POST /session)
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { BuildError, describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import type { BuilderAddress } from './address.js';

/** Milliseconds that a builder has to take a connection and to answer the first question. */
export const CONNECT_TIMEOUT = 10_000;

/** The newest version of dockerd's API that this was tried with; the older of ours and theirs is spoken. */
const API_VERSION = '1.51';
/** /grpc came with it. */
const OLDEST_API = '1.39';

/** Connects, and speaks TLS where the address says so. @throws BuildError `BuilderUnreachable`, `BuilderUntrusted` */
export async function dial(address: BuilderAddress, timeout = CONNECT_TIMEOUT): Promise<Socket> {
  const socket = connectPlain(address.at);
  try {
    await within(timeout, address, once(socket, 'connect'));
    return await secure(socket, address, timeout);
  } catch (error) {
    socket.destroy();
    return unreachable(address, error);
  }
}

/** The TLS handshake, for an address that has it. @throws BuildError `BuilderUntrusted`, `BuilderUnreachable` */
export async function secure(socket: Socket, address: BuilderAddress, timeout = CONNECT_TIMEOUT): Promise<Socket> {
  if (!address.tls || 'path' in address.at) return socket;
  const { ca, cert, key, serverName } = address.tls;
  const host = serverName ?? address.at.host;
  const options = {
    socket,
    host,
    ...(isIP(host) === 0 && { servername: host }),
    ALPNProtocols: ['h2'],
    ...(ca && { ca: Buffer.from(ca) }),
    ...(cert && { cert: Buffer.from(cert) }),
    ...(key && { key: Buffer.from(key) }),
  };
  const fails = (error: unknown): never => {
    socket.destroy();
    if (error instanceof BuildError) throw error;
    return untrusted(address, error);
  };
  try {
    const tls = connectTls(options);
    await within(timeout, address, once(tls, 'secureConnect'));
    tls.on('error', () => undefined); // whoever uses the connection sees it end
    return tls;
  } catch (error) {
    return fails(error);
  }
}

/** How a client begins HTTP/2: the preface, and settings of which there are none. RFC 9113, section 3.4. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
/** Bytes of the head of a frame, the fourth of which is its type; the first one of a server has its settings. */
const FRAME_HEAD = 9;
const SETTINGS = 4;

/**
 * Sees whether HTTP/2, which gRPC is, is spoken at an address. With TLS 1.3 it is only now that a builder tells what it thinks of our
 * certificate: for the client the handshake is over before the server has looked at it.
 * @throws BuildError `BuilderUnreachable`, `BuilderUntrusted`
 */
export async function probe(address: BuilderAddress, timeout = CONNECT_TIMEOUT): Promise<void> {
  const socket = await dial(address, timeout);
  try {
    socket.write(PREFACE);
    const head = await within(timeout, address, firstBytes(socket, FRAME_HEAD));
    if (head[3] !== SETTINGS) throw new Error('it speaks no HTTP/2');
  } catch (error) {
    if (error instanceof BuildError) throw error;
    if (address.tls) return untrusted(address, error);
    fail(
      {
        code: 'BuilderUnreachable',
        message: `what listens at ${address.shown} does not answer as BuildKit does: ${errnoOf(error) ? describeErrno(error) : reasonOf(error)}`,
        hint: 'see whether --builder names the right place; for a builder that speaks TLS give --tlscacert, and --tlscert with --tlskey',
      },
      error,
    );
  } finally {
    socket.destroy();
  }
}

/** The first bytes that come, at least so many. */
function firstBytes(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      if (seen.length >= count) resolve(seen);
    });
    socket.once('error', reject);
    for (const event of ['end', 'close']) socket.once(event, () => reject(new Error('the connection was closed')));
  });
}

/** Waits for an event; an error or the end of the socket comes first as a rejection. */
function once(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
  });
}

async function within<T>(timeout: number, address: BuilderAddress, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(silent(address, timeout)), timeout);
  });
  work.catch(() => undefined); // when it is late, nobody waits any more
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What to say of a builder that takes a connection, or does not even do that, and says nothing. */
export function silent(address: BuilderAddress, timeout: number): BuildError {
  return new BuildError({
    code: 'BuilderUnreachable',
    severity: 'error',
    message: `the builder ${address.shown} did not answer within ${timeout / 1000} seconds`,
    hint: 'see whether it is overloaded or stopped, or name another one with --builder',
  });
}

/** The error for a builder that cannot be connected to. */
export function unreachable(address: BuilderAddress, error: unknown): never {
  if (error instanceof BuildError) throw error;
  const code = errnoOf(error) ?? '';
  const why: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nobody listens there',
    ENOENT: 'there is no such socket',
    ENOTSOCK: 'it is no socket',
    ENOTFOUND: 'no such host is known',
    EHOSTUNREACH: 'the host cannot be reached',
  };
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? 'your user must be allowed to use the socket: often by being in a group, docker or buildkit'
      : 'see whether the builder runs, and whether --builder names the right place';
  const message = `the builder ${address.shown} cannot be reached: ${why[code] ?? describeErrno(error)}`;
  return fail({ code: 'BuilderUnreachable', message, hint }, error);
}

function untrusted(address: BuilderAddress, error: unknown): never {
  const code = errnoOf(error) ?? '';
  const reason = reasonOf(error);
  const refuse = (message: string, hint: string) => fail({ code: 'BuilderUntrusted', message, hint }, error);
  const [, alert] = /\balert (.+)$/.exec(reason) ?? [];
  if (alert !== undefined && /certificate|unknown ca|access denied/.test(alert)) {
    const us = address.tls?.cert ? 'our certificate' : 'us without a certificate';
    const hint = '--tlscert and --tlskey name a certificate, and its key, that the builder trusts';
    return refuse(`the builder ${address.shown} refuses ${us}: ${alert}`, hint);
  }
  if (
    alert !== undefined ||
    /ECONNRESET|EPIPE|WRONG_VERSION_NUMBER/.test(code) ||
    /was closed|packet length too long/.test(reason)
  ) {
    const message = `the builder ${address.shown} speaks no TLS, or refuses our certificate: ${reason}`;
    return refuse(message, 'see what it was started with; --tlscert and --tlskey say who you are');
  }
  const hint =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? 'name the builder as its certificate does, or say that name with --tlsservername'
      : 'name the certificate that signed that of the builder with --tlscacert';
  return refuse(`the builder ${address.shown} has a certificate that is not to be trusted: ${reason}`, hint);
}

/** What a TLS library says, without the numbers of threads and lines that OpenSSL puts around it. */
export function reasonOf(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).trim();
  const [, openssl] = /(?:^|\s)[0-9A-F]+:error:[^:]*:[^:]*:[^:]*:([^:]+):/.exec(message) ?? [];
  return openssl ?? message.replace(/^Error(?: \[\w+\])?: /, '');
}

/** The end of the head of an HTTP message. */
const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_HEAD = 64 * 1024;

/** What an HTTP server answered. */
interface HttpHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

/** Sends the head of a request and reads that of the answer; what comes behind it stays in the socket. undefined: that was no HTTP. */
async function exchange(socket: Socket, lines: readonly string[]): Promise<HttpHead | undefined> {
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  let seen = Buffer.alloc(0);
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk) {
      seen = Buffer.concat([seen, chunk]);
      if (!'HTTP/1.'.startsWith(seen.toString('latin1', 0, 7))) return undefined;
      const end = seen.indexOf(HEAD_END);
      if (end >= 0) {
        if (seen.length > end + 4) socket.unshift(seen.subarray(end + 4));
        return parseHead(seen.toString('latin1', 0, end));
      }
      if (seen.length > MAX_HEAD) return undefined;
      continue;
    }
    if (socket.readableEnded || socket.destroyed) return undefined;
    await new Promise<void>((resolve) => {
      const go = () => {
        for (const event of ['readable', 'end', 'close', 'error']) socket.off(event, go);
        resolve();
      };
      for (const event of ['readable', 'end', 'close', 'error']) socket.on(event, go);
    });
  }
}

function parseHead(text: string): HttpHead | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(first) ?? [];
  if (status === undefined) return undefined;
  const headers = lines.map((line) => line.split(/:\s*(.*)/s, 2) as [string, string?]);
  return { status: Number(status), headers: new Map(headers.map(([k, v]) => [k.toLowerCase(), v ?? ''])) };
}

/**
 * Asks what is behind an address: dockerd answers HTTP/1.1, BuildKit does not.
 * @returns the version of dockerd's API; undefined: this is no dockerd
 * @throws BuildError `BuilderUnreachable`, `BuilderUntrusted`
 */
export async function pingDocker(address: BuilderAddress, timeout = CONNECT_TIMEOUT): Promise<string | undefined> {
  const socket = await dial(address, timeout);
  socket.on('error', () => undefined);
  try {
    const head = await within(
      timeout,
      address,
      exchange(socket, ['GET /_ping HTTP/1.1', 'Host: docker', 'Connection: close']),
    );
    return head && (head.headers.get('api-version') ?? (head.status === 200 ? OLDEST_API : undefined));
  } finally {
    socket.destroy();
  }
}

/** The older of two API versions. @throws BuildError `BuilderTooOld` */
export function negotiate(address: BuilderAddress, theirs: string): string {
  const number = (version: string) => version.split('.').reduce((sum, part) => sum * 10_000 + Number(part), 0);
  if (!(number(theirs) >= number(OLDEST_API))) {
    fail({
      code: 'BuilderTooOld',
      message: `the Docker daemon ${address.shown} speaks version ${theirs} of its API, and building needs ${OLDEST_API}`,
      hint: 'update it, or name a BuildKit daemon with --builder',
    });
  }
  return number(theirs) < number(API_VERSION) ? theirs : API_VERSION;
}

/**
 * Turns an HTTP connection to dockerd into one that speaks gRPC, or on which we answer it.
 * @param endpoint `grpc`, where the daemon serves; `session`, where we do
 * @throws BuildError `BuilderUnreachable`
 */
export async function upgrade(
  socket: Socket,
  address: BuilderAddress,
  {
    endpoint,
    apiVersion,
    headers = [],
  }: { endpoint: 'grpc' | 'session'; apiVersion: string; headers?: readonly string[] },
): Promise<Socket> {
  const ignore = () => undefined;
  socket.on('error', ignore);
  const lines = [`POST /v${apiVersion}/${endpoint} HTTP/1.1`, 'Host: docker', 'Connection: Upgrade', 'Upgrade: h2c'];
  const head = await within(CONNECT_TIMEOUT, address, exchange(socket, [...lines, ...headers]));
  if (head?.status === 101) return socket;
  socket.destroy();
  return fail({
    code: 'BuilderUnreachable',
    message: `the Docker daemon ${address.shown} does not let us build: ${head ? `it answered ${head.status} to POST /${endpoint}` : 'it closed the connection'}`,
    hint: 'see its log; a proxy in between may forbid the upgrade',
  });
}
