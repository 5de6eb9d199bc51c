/**
 * HTTP as a registry needs it: bodies that stream, nothing decompressed behind our back, redirects by our rules, proxies, TLS. The only
 * importer of undici, which is what Node's own fetch is made of; it is loaded with the first request.
 */
import { isIP } from 'node:net';
import type { Dispatcher } from 'undici';
import { chooseProxy, type ProxyEnv } from './proxy.js';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Sent to `url` and to no other host. */
  readonly authorization?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As sent; whoever does not read it to its end calls {@link discard}. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the answer without reading it. */
  discard(): void;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

/** The connection failed; `code` is that of Node or undici. */
export class ConnectionError extends Error {
  readonly code: string;

  constructor(message: string, code: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ConnectionError';
    this.code = code;
  }
}

export interface TransportOptions {
  readonly env: ProxyEnv;
  /** Certificates that nobody vouches for are taken. */
  readonly insecure: boolean;
  /** Whether a redirect may lead to http. */
  readonly allowHttp: boolean;
}

const MAX_REDIRECTS = 5;
/** So many bytes of an answer that nobody reads are taken, to keep the connection; for more it is closed. */
const MAX_DISCARDED = 65_536;
const CONNECT_MS = 10_000;
/** How long a registry may think, and how long a body may stand still. */
const SILENCE_MS = 120_000;

/** Sends requests, each once. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** @throws ConnectionError; the reason of the signal when it is aborted; what the body throws */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const { headers = {}, authorization } = request;
    let { url, method } = request;
    for (let redirects = 0; ; redirects++) {
      this.#checkUrl(url);
      const own = url.origin === request.url.origin && authorization !== undefined ? { authorization } : {};
      const response = await this.#once({ ...request, method, url, headers: { ...headers, ...own } });
      const location = response.headers.location;
      const follows = [301, 302, 303, 307, 308].includes(response.status) && location !== undefined;
      if (!follows || (request.method !== 'GET' && request.method !== 'HEAD')) return response;
      response.discard();
      if (redirects === MAX_REDIRECTS) throw new ConnectionError('it redirects without end', 'REDIRECTS');
      url = resolveUrl(location, url);
      method = request.method;
    }
  }

  /** Closes connections that wait for further requests. */
  async close(): Promise<void> {
    for (const dispatcher of this.#dispatchers.values()) await (await dispatcher).destroy();
  }

  #checkUrl({ protocol }: URL): void {
    if (protocol === 'https:' || (protocol === 'http:' && this.#options.allowHttp)) return;
    const why = protocol === 'http:' ? 'it leads from https to http' : `it leads to ${protocol}`;
    throw new ConnectionError(why, 'FORBIDDEN_URL');
  }

  async #once(request: HttpRequest): Promise<HttpResponse> {
    const { method, url, headers = {}, body, signal } = request;
    const source = body === undefined ? undefined : failingBody(body);
    try {
      const dispatcher = await this.#dispatcher(url);
      const response = await dispatcher.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: { 'user-agent': 'wbuild', 'accept-encoding': 'identity', ...headers },
        body: (source?.body ?? null) as Uint8Array | null, // undici takes iterables as well, which its types do not say
        signal: signal ?? null,
      });
      return {
        status: response.statusCode,
        headers: flatHeaders(response.headers),
        body: readBody(response.body, signal),
        discard: () => void response.body.dump({ limit: MAX_DISCARDED }).catch(() => undefined),
        url,
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (source?.failure) throw source.failure.error;
      throw connectionError(error);
    }
  }

  #dispatcher(url: URL): Promise<Dispatcher> {
    const proxy = chooseProxy(url, this.#options.env);
    const key = proxy ?? '';
    const known = this.#dispatchers.get(key) ?? this.#makeDispatcher(proxy);
    this.#dispatchers.set(key, known);
    return known;
  }

  async #makeDispatcher(proxy: string | undefined): Promise<Dispatcher> {
    const { Agent, ProxyAgent } = await import('undici');
    const tls = { rejectUnauthorized: !this.#options.insecure };
    const timeouts = { headersTimeout: SILENCE_MS, bodyTimeout: SILENCE_MS };
    if (proxy === undefined) return new Agent({ ...timeouts, connect: { ...tls, timeout: CONNECT_MS } });
    return new ProxyAgent({ ...timeouts, uri: proxy, requestTls: tls });
  }
}

/** @throws ConnectionError for what is no address */
export function resolveUrl(location: string, base: URL): URL {
  try {
    return new URL(location, base);
  } catch {
    throw new ConnectionError('it leads to an address that is none', 'FORBIDDEN_URL');
  }
}

/** Whether a host is this machine. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

function flatHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): HttpResponse['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, Array.isArray(v) ? v.join(', ') : v]));
}

/** undici tells of a request body that threw as of a broken connection: which of the two it was is noted here. */
function failingBody(body: Uint8Array | AsyncIterable<Uint8Array>) {
  const source: { body: unknown; failure?: { readonly error: unknown } } = { body };
  if (body instanceof Uint8Array) return source;
  source.body = (async function* () {
    try {
      yield* body;
    } catch (error) {
      source.failure = { error };
      throw error;
    }
  })();
  return source;
}

async function* readBody(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* body;
  } catch (error) {
    signal?.throwIfAborted();
    throw connectionError(error);
  }
}

function connectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const inner = error as { code?: unknown; message?: unknown; cause?: unknown; errors?: readonly unknown[] };
  if (typeof inner.code !== 'string' && inner.cause !== undefined) return connectionError(inner.cause);
  if (inner.code === undefined && inner.errors?.[0] !== undefined) return connectionError(inner.errors[0]);
  const code = typeof inner.code === 'string' ? inner.code : 'UNKNOWN';
  return new ConnectionError(WORDS[code] ?? String(inner.message ?? error), code, { cause: error });
}

const SILENT = 'it does not answer';

const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no host has that name',
  EAI_AGAIN: 'its name cannot be looked up at the moment',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ETIMEDOUT: SILENT,
  UND_ERR_CONNECT_TIMEOUT: SILENT,
  UND_ERR_HEADERS_TIMEOUT: SILENT,
  UND_ERR_BODY_TIMEOUT: 'it stopped sending',
  UND_ERR_SOCKET: 'it closed the connection',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'it sent less than it said',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  EPROTO: 'it does not speak TLS',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by nobody but itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by nobody that is known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by nobody that is known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by nobody that is known here',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
};
