/**
 * A registry in a few lines, in memory, for what a real one does not do when asked: fail, lie and stall. Pushes and pulls that must work are tested
 * against the real one, in peers/.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export type Request = http.IncomingMessage;
export type Response = http.ServerResponse;

export interface FakeRegistry {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** `METHOD path`, in their order; queries are left out. */
  readonly log: string[];
  /** Authorization headers, in the order of the log. */
  readonly authorizations: (string | undefined)[];
  /** By digest. */
  readonly blobs: Map<string, Buffer>;
  /** Who has which blob: `repository digest`. */
  readonly links: Set<string>;
  /** By `repository:tag` and `repository@digest`. */
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>;
  /** Answers in place of the registry, when it returns true. */
  intercept: (request: Request, response: Response) => boolean | Promise<boolean>;
  /** Asks for credentials: `user:password` as Basic, or by a token server. */
  auth: undefined | { readonly kind: 'basic' | 'bearer'; readonly account: string };
  /** The scopes of the tokens that were given. */
  readonly scopes: string[];
  /** The next PATCH requests break off after so many bytes, which stay. */
  breaks: number[];
  /** Tokens given before are void. */
  expire(): void;
  close(): Promise<void>;
}

const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export async function startFakeRegistry(): Promise<FakeRegistry> {
  const uploads = new Map<string, Buffer>();
  const tokens = new Map<string, string>();
  const server = http.createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  const registry: FakeRegistry = {
    host: '',
    log: [],
    authorizations: [],
    blobs: new Map(),
    links: new Set(),
    manifests: new Map(),
    intercept: () => false,
    auth: undefined,
    scopes: [],
    breaks: [],
    expire: () => tokens.clear(),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function handle(request: Request, response: Response): Promise<void> {
    const url = new URL(request.url!, `http://${request.headers.host}`);
    registry.log.push(`${request.method} ${url.pathname}`);
    registry.authorizations.push(request.headers.authorization);
    if (url.pathname === '/token') return giveToken(request, response, url);
    if (!authorized(request)) {
      const challenge =
        registry.auth?.kind === 'basic'
          ? 'Basic realm="fake"'
          : `Bearer realm="http://${registry.host}/token",service="fake"`;
      request.resume();
      return answer(
        response,
        401,
        { 'www-authenticate': challenge },
        { errors: [{ code: 'UNAUTHORIZED', message: 'who are you?' }] },
      );
    }
    if (await registry.intercept(request, response)) return;
    if (url.pathname === '/v2/') return answer(response, 200);
    const blob = /^\/v2\/(.+)\/blobs\/(sha256:[0-9a-f]{64})$/.exec(url.pathname);
    if (blob) return serveBlob(request, response, blob[1]!, blob[2]!);
    const upload = /^\/v2\/(.+)\/blobs\/uploads\/(.*)$/.exec(url.pathname);
    if (upload) return serveUpload(request, response, { url, repository: upload[1]!, id: upload[2]! });
    const manifest = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(url.pathname);
    if (manifest) return serveManifest(request, response, manifest[1]!, manifest[2]!);
    answer(response, 404);
  }

  function authorized({ headers }: Request): boolean {
    if (!registry.auth) return true;
    if (registry.auth.kind === 'basic')
      return headers.authorization === `Basic ${Buffer.from(registry.auth.account).toString('base64')}`;
    return tokens.has((headers.authorization ?? '').replace('Bearer ', ''));
  }

  function giveToken({ headers }: Request, response: Response, url: URL) {
    const basic = `Basic ${Buffer.from(registry.auth?.account ?? '').toString('base64')}`;
    if (headers.authorization !== basic) return answer(response, 401);
    const token = randomBytes(8).toString('hex');
    tokens.set(token, '');
    registry.scopes.push(url.searchParams.getAll('scope').join(' '));
    answer(response, 200, {}, { token });
  }

  function serveBlob(request: Request, response: Response, repository: string, digest: string) {
    const bytes = registry.links.has(`${repository} ${digest}`) ? registry.blobs.get(digest) : undefined;
    if (!bytes) return answer(response, 404, {}, { errors: [{ code: 'BLOB_UNKNOWN' }] });
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, ...range });
    response.end(request.method === 'HEAD' ? undefined : bytes.subarray(from));
  }

  interface UploadRequest {
    readonly url: URL;
    readonly repository: string;
    readonly id: string;
  }

  async function serveUpload(request: Request, response: Response, { url, repository, id }: UploadRequest) {
    const [mount, from] = [url.searchParams.get('mount'), url.searchParams.get('from')];
    if (request.method === 'POST') {
      if (mount && registry.links.has(`${from} ${mount}`)) {
        registry.links.add(`${repository} ${mount}`);
        return answer(response, 201);
      }
      const fresh = randomBytes(8).toString('hex');
      uploads.set(fresh, Buffer.alloc(0));
      return answer(response, 202, { location: `/v2/${repository}/blobs/uploads/${fresh}?_state=secret` });
    }
    const there = uploads.get(id);
    if (there === undefined) return answer(response, 404, {}, { errors: [{ code: 'BLOB_UPLOAD_UNKNOWN' }] });
    const location = `/v2/${repository}/blobs/uploads/${id}?_state=secret`;
    const rangeOf = (bytes: Buffer) => ({ location, range: `0-${Math.max(0, bytes.length - 1)}` });
    if (request.method === 'GET') return answer(response, 204, rangeOf(there));
    const start = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1];
    if (request.method === 'PATCH' && start !== undefined && Number(start) !== there.length)
      return answer(response, 416);
    // what arrived is kept when the connection breaks
    const limit = request.method === 'PATCH' ? registry.breaks.shift() : undefined;
    const chunks: Buffer[] = [there];
    let left = limit ?? Number.POSITIVE_INFINITY;
    for await (const chunk of request) {
      chunks.push(chunk);
      left -= chunk.length;
      if (left <= 0) break;
    }
    uploads.set(id, Buffer.concat(chunks));
    if (left <= 0) return void request.socket.destroy();
    const now = uploads.get(id)!;
    if (request.method === 'PATCH') return answer(response, 202, rangeOf(now));
    uploads.delete(id);
    const digest = url.searchParams.get('digest')!;
    if (digestOf(now) !== digest)
      return answer(response, 400, {}, { errors: [{ code: 'DIGEST_INVALID', message: 'no' }] });
    registry.blobs.set(digest, now);
    registry.links.add(`${repository} ${digest}`);
    answer(response, 201, { 'docker-content-digest': digest });
  }

  async function serveManifest(request: Request, response: Response, repository: string, name: string) {
    const key = name.includes(':') ? `${repository}@${name}` : `${repository}:${name}`;
    if (request.method === 'PUT') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const missing = missingParts(repository, bytes);
      if (missing) return answer(response, 400, {}, { errors: [{ code: 'MANIFEST_BLOB_UNKNOWN', message: missing }] });
      const entry = { type: request.headers['content-type'] ?? '', bytes };
      registry.manifests.set(key, entry);
      registry.manifests.set(`${repository}@${digestOf(bytes)}`, entry);
      return answer(response, 201, { 'docker-content-digest': digestOf(bytes) });
    }
    const found = registry.manifests.get(key);
    if (!found)
      return answer(response, 404, {}, { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] });
    const headers = { 'content-type': found.type, 'docker-content-digest': digestOf(found.bytes) };
    response.writeHead(200, { ...headers, 'content-length': found.bytes.length });
    response.end(found.bytes);
  }

  function missingParts(repository: string, bytes: Buffer): string | undefined {
    const { config, layers = [], manifests = [] } = JSON.parse(bytes.toString('utf8'));
    const blobs = [config, ...(layers ?? [])].filter(Boolean).map((d: { digest: string }) => d.digest);
    const gone = blobs.find((digest: string) => !registry.links.has(`${repository} ${digest}`));
    const goneManifest = manifests.find(
      (m: { digest: string }) => !registry.manifests.has(`${repository}@${m.digest}`),
    );
    return gone ?? goneManifest?.digest;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  Object.assign(registry, { host: `127.0.0.1:${(server.address() as AddressInfo).port}` });
  return registry;
}

function answer(response: Response, status: number, headers: http.OutgoingHttpHeaders = {}, json?: object) {
  response.writeHead(status, headers);
  response.end(json === undefined ? undefined : JSON.stringify(json));
}
