/**
 * A registry: requests with what every one of them needs, which is an address, an authorization, and another try where that may help.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
import { fail } from '../diagnostic/build-error.js';
import { basicAuthorization, type Challenge, formatScope, parseChallenges, type Scope, tokenRequest } from './auth.js';
import { readLimited } from './body.js';
import { withDeadline } from './deadline.js';
import type { Credentials, Env } from './docker-config.js';
import { apiHost, mayUseHttp } from './endpoint.js';
import { LOGGING_IN, malformed, parseRefusal, refused } from './errors.js';
import { DEFAULT_RETRY, delayBefore, isTransientError, isTransientStatus, type RetryPolicy, wait } from './retry.js';
import { ConnectionError, type HttpRequest, type HttpResponse, resolveUrl, Transport } from './transport.js';

export interface ClientOptions {
  /** The registry as image names have it: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** Certificates are not checked, and http is tried: `registry.insecure=true`. */
  readonly insecure: boolean;
  /** For proxies. */
  readonly env: Env;
  /** Asked once, when the registry wants to know. */
  readonly credentials: () => Promise<Credentials | undefined>;
  readonly signal?: AbortSignal | undefined;
  readonly retry?: RetryPolicy | undefined;
}

/** A request to the registry. */
export interface ApiRequest extends Pick<HttpRequest, 'method' | 'headers' | 'body' | 'signal'> {
  /** Behind /v2/, or a whole address that the registry gave. */
  readonly path: string | URL;
  /** What is tried, for messages: `pushing app:1`. */
  readonly what: string;
  readonly scopes: readonly Scope[];
}

/** A token for one set of scopes, kept until the registry refuses it. */
type Tokens = Map<string, Promise<string>>;

/** No answer of a token server or an error document is longer. */
const MAX_SMALL = 1024 * 1024;

/** How long an answer that is small may take in all. */
const SMALL_MS = 60_000;

/** One registry, for one push or pull. */
export class RegistryClient {
  readonly domain: string;
  readonly signal: AbortSignal | undefined;
  readonly retry: RetryPolicy;
  readonly #options: ClientOptions;
  readonly #transport: Transport;
  readonly #tokens: Tokens = new Map();
  #base: Promise<URL> | undefined;
  #challenge: Challenge | undefined;
  #credentials: Promise<Credentials | undefined> | undefined;

  constructor(options: ClientOptions) {
    const { domain, insecure, env, signal, retry = DEFAULT_RETRY } = options;
    this.#options = options;
    this.domain = domain;
    this.signal = signal;
    this.retry = retry;
    this.#transport = new Transport({ env, insecure, allowHttp: mayUseHttp(domain, insecure) });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  /**
   * Sends a request whose body can be sent again, until it is answered with something else than "try again".
   * @returns an answer of any status but those; what is not `expected` is for the caller to judge
   * @throws BuildError `RegistryUnreachable`, `RegistryDenied`, `RegistryFailed`
   */
  async send(request: ApiRequest): Promise<HttpResponse> {
    for (let attempt = 1; ; attempt++) {
      let retryAfter: string | undefined;
      try {
        const response = await this.once(request);
        if (!isTransientStatus(response.status) || attempt >= this.retry.attempts) return response;
        retryAfter = response.headers['retry-after'];
        response.discard();
      } catch (error) {
        if (!isTransientError(error) || attempt >= this.retry.attempts) this.unreachable(request.what, error);
      }
      await wait(delayBefore(attempt, this.retry, retryAfter), this.signal);
    }
  }

  /**
   * Sends a request once, but for a second time where the registry asks for an authorization.
   * @throws ConnectionError; BuildError as {@link send}
   */
  async once(request: ApiRequest): Promise<HttpResponse> {
    const base = await this.#findBase(request.what);
    const url = typeof request.path === 'string' ? new URL(`/v2/${request.path}`, base) : request.path;
    const mine = url.origin === base.origin;
    const first = mine ? await this.#authorization(request) : undefined;
    const response = await this.#raw({ ...request, url, authorization: first });
    if (response.status !== 401 || !mine) return response;
    const challenge = chooseChallenge(response.headers['www-authenticate'] ?? '');
    if (!challenge) return response;
    this.#challenge = challenge;
    this.#tokens.delete(scopeKey(request.scopes)); // it may have run out
    if (isOneTime(request.body)) return response;
    const second = await this.#authorization(request);
    if (second === undefined || (second === first && challenge.scheme === 'basic')) return response;
    response.discard();
    return this.#raw({ ...request, url, authorization: second });
  }

  /** Asks the registry whether it takes the credentials. @throws BuildError `RegistryDenied`, `RegistryUnreachable` */
  async checkLogin(): Promise<void> {
    const what = LOGGING_IN;
    const response = await this.send({ method: 'GET', path: '', what, scopes: [] });
    if (response.status !== 200) return this.refuse(what, response);
    response.discard();
  }

  /** The address that a header of an answer leads to. */
  locate(response: HttpResponse, what: string): URL {
    const { location } = response.headers;
    if (location === undefined) return malformed(what, this.domain, 'it names no place for the upload');
    const url = resolveUrl(location, response.url);
    // some registries behind a proxy that ends TLS give their own addresses as http
    if (url.protocol === 'http:' && response.url.protocol === 'https:' && url.host === response.url.host)
      url.protocol = 'https:';
    return url;
  }

  /**
   * Asks for a document that must be small, in all within a minute.
   * @returns undefined when the registry does not have it
   * @throws BuildError as {@link send}, and `RegistryFailed` when it is longer than `limit`
   */
  async document(request: ApiRequest, limit: number): Promise<{ response: HttpResponse; bytes: Buffer } | undefined> {
    for (let attempt = 1; ; attempt++) {
      const deadline = withDeadline(SMALL_MS, this.signal);
      try {
        const response = await this.send({ ...request, signal: deadline.signal });
        if (response.status === 404) {
          response.discard();
          return undefined;
        }
        if (response.status !== 200) return await this.refuse(request.what, response);
        return { response, bytes: await this.readSmall(response, request.what, limit) };
      } catch (error) {
        this.signal?.throwIfAborted();
        if (deadline.passed())
          this.unreachable(request.what, new ConnectionError('it is too slow', 'UND_ERR_BODY_TIMEOUT'));
        if (!isTransientError(error) || attempt >= this.retry.attempts) this.unreachable(request.what, error);
      } finally {
        deadline.end();
      }
      await wait(delayBefore(attempt, this.retry), this.signal);
    }
  }

  /** Reads an answer that must be small. @throws ConnectionError; BuildError `RegistryFailed` */
  async readSmall(response: HttpResponse, what: string, limit = MAX_SMALL): Promise<Buffer> {
    return readLimited(response, limit, () => malformed(what, this.domain, `it has more than ${limit} bytes`));
  }

  /** Throws what an answer comes to that is none of those that were hoped for. */
  async refuse(what: string, response: HttpResponse): Promise<never> {
    const body = await readLimited(response, MAX_SMALL, () => Buffer.alloc(0)).catch(() => Buffer.alloc(0));
    return refused(what, this.domain, parseRefusal(response.status, body.toString('utf8')));
  }

  /** Throws a failed connection in words; anything else as it is. */
  unreachable(what: string, error: unknown): never {
    if (!(error instanceof ConnectionError)) throw error;
    const message = `${what}: ${this.domain} cannot be reached: ${error.message}`;
    return fail({ code: 'RegistryUnreachable', message, hint: this.#unreachableHint(error.code) }, error);
  }

  #unreachableHint(code: string): string {
    if (/CERT|SIGNATURE|ALTNAME/.test(code)) {
      return 'name the certificate of the authority in NODE_EXTRA_CA_CERTS; --insecure does without checking';
    }
    if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
      return 'if it speaks http alone, ask for that: --insecure, or registry.insecure=true in -o';
    }
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
      return 'check the name of the registry, the network, and HTTPS_PROXY';
    return 'check that it runs, the network, and HTTPS_PROXY';
  }

  /** https; where http is allowed, whichever of the two answers, https first. */
  #findBase(what: string): Promise<URL> {
    this.#base ??= this.#probe(what).catch((error) => {
      this.#base = undefined; // a later request may find it up again
      throw error;
    });
    return this.#base;
  }

  async #probe(what: string): Promise<URL> {
    const { domain, insecure } = this.#options;
    const secure = parseBase(`https://${apiHost(domain)}/`, what, domain);
    if (!mayUseHttp(domain, insecure)) return secure;
    const plain = new URL(`http://${secure.host}/`);
    try {
      await this.#ping(secure);
      return secure;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      try {
        await this.#ping(plain);
        return plain;
      } catch (second) {
        throw isTransientError(second) && !/CERT|SIGNATURE|ALTNAME/.test(error.code) ? second : error;
      }
    }
  }

  async #ping(base: URL): Promise<void> {
    const response = await this.#raw({ method: 'GET', url: new URL('/v2/', base) });
    const challenge = chooseChallenge(response.headers['www-authenticate'] ?? '');
    if (response.status === 401 && challenge) this.#challenge = challenge;
    response.discard();
  }

  #raw(request: HttpRequest): Promise<HttpResponse> {
    return this.#transport.send({ ...request, signal: request.signal ?? this.signal });
  }

  async #authorization({ scopes, what }: ApiRequest): Promise<string | undefined> {
    const challenge = this.#challenge;
    if (!challenge) return undefined;
    this.#credentials ??= this.#options.credentials();
    const credentials = await this.#credentials;
    if (challenge.scheme === 'basic') return basicAuthorization(credentials);
    if (credentials?.kind === 'registry-token') return `Bearer ${credentials.token}`;
    const key = scopeKey(scopes);
    const token = this.#tokens.get(key) ?? this.#fetchToken(challenge, scopes, { credentials, what });
    this.#tokens.set(key, token);
    try {
      return `Bearer ${await token}`;
    } catch (error) {
      this.#tokens.delete(key);
      throw error;
    }
  }

  async #fetchToken(
    challenge: Challenge,
    scopes: readonly Scope[],
    { credentials, what }: { readonly credentials: Credentials | undefined; readonly what: string },
  ): Promise<string> {
    const request = this.#readRealm(challenge, scopes, { credentials, what });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    for (let attempt = 1; ; attempt++) {
      const deadline = withDeadline(SMALL_MS, this.signal);
      let retryAfter: string | undefined;
      try {
        const response = await this.#raw({
          method: request.method,
          url: request.url,
          ...(request.body !== undefined && { body: Buffer.from(request.body), headers: form }),
          authorization: request.authorization,
          signal: deadline.signal,
        });
        if (!isTransientStatus(response.status) || attempt >= this.retry.attempts)
          return await this.#readToken(response, what);
        retryAfter = response.headers['retry-after'];
        response.discard();
      } catch (error) {
        this.signal?.throwIfAborted();
        if (deadline.passed()) this.unreachable(what, new ConnectionError('its token server is too slow', 'ETIMEDOUT'));
        if (!isTransientError(error) || attempt >= this.retry.attempts) this.unreachable(what, error);
      } finally {
        deadline.end();
      }
      await wait(delayBefore(attempt, this.retry, retryAfter), this.signal);
    }
  }

  #readRealm(
    challenge: Challenge,
    scopes: readonly Scope[],
    { credentials, what }: { readonly credentials: Credentials | undefined; readonly what: string },
  ) {
    let request: ReturnType<typeof tokenRequest>;
    try {
      request = tokenRequest(challenge, scopes.map(formatScope), credentials);
    } catch {
      return malformed(what, this.domain, 'the address of its token server is none');
    }
    const { protocol } = request.url;
    const { domain, insecure } = this.#options;
    // a password goes to a token server over http only where the registry itself may speak it
    if (protocol !== 'https:' && !(protocol === 'http:' && mayUseHttp(domain, insecure)))
      return malformed(what, domain, 'its token server is not reached by https');
    return request;
  }

  async #readToken(response: HttpResponse, what: string): Promise<string> {
    if (response.status !== 200) return this.refuse(`${what}: asking for a token`, response);
    const bytes = await this.readSmall(response, what);
    let token: unknown;
    try {
      const json = JSON.parse(bytes.toString('utf8')) as { token?: unknown; access_token?: unknown } | null;
      token = json?.token || json?.access_token;
    } catch {
      token = undefined;
    }
    // a token with a line break would be a header of its own
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
      return malformed(what, this.domain, 'its token server gives no token');
    return token;
  }
}

function parseBase(text: string, what: string, domain: string): URL {
  try {
    return new URL(text);
  } catch {
    return fail({
      code: 'RegistryUnreachable',
      message: `${what}: ${domain} is no address of a registry`,
      hint: 'write HOST or HOST:PORT in front of the name',
    });
  }
}

/** Bearer where there is a choice: that is what leads to scopes. */
function chooseChallenge(header: string): Challenge | undefined {
  const challenges = parseChallenges(header);
  return challenges.find((c) => c.scheme === 'bearer') ?? challenges.find((c) => c.scheme === 'basic');
}

function scopeKey(scopes: readonly Scope[]): string {
  return scopes.map(formatScope).sort().join(' ');
}

/** A body that streams is sent once; whoever sends one starts anew. */
function isOneTime(body: ApiRequest['body']): boolean {
  return body !== undefined && !(body instanceof Uint8Array);
}
