/** What registries may do to a pull: nothing that has the wrong bytes gets a name, and nothing takes more memory or time than it should. */
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { parseReference } from '../oci/reference.js';
import { BlobStore } from '../store/blobs.js';
import { type FakeRegistry, type Response, startFakeRegistry } from '../test/fake-registry.js';
import { sha256 } from '../util/digest.js';
import { RegistryClient } from './client.js';
import type { Credentials } from './docker-config.js';
import { pullImage } from './pull.js';

let registry: FakeRegistry;
let dir: string;
const clients: RegistryClient[] = [];

beforeEach(async () => {
  registry = await startFakeRegistry();
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pull-'));
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await registry.close();
  fs.rmSync(dir, { recursive: true });
});

const LAYER = Buffer.alloc(2_000_000, 'layer');
const CONFIG = Buffer.from('{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}');
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
const NAME = 'team/app';

function descriptor(mediaType: string, bytes: Uint8Array, more: object = {}) {
  return { mediaType, digest: sha256(bytes), size: bytes.length, ...more };
}

function manifestOf(more: object = {}): Buffer {
  const config = descriptor('application/vnd.oci.image.config.v1+json', CONFIG);
  const layers = [descriptor('application/vnd.oci.image.layer.v1.tar', LAYER)];
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers, ...more }));
}

/** Puts an image into the registry, or whatever `manifest` is. */
function serve(manifest = manifestOf(), type = MANIFEST_TYPE): void {
  for (const blob of [LAYER, CONFIG]) {
    registry.blobs.set(sha256(blob), blob);
    registry.links.add(`${NAME} ${sha256(blob)}`);
  }
  registry.manifests.set(`${NAME}:1`, { type, bytes: manifest });
  registry.manifests.set(`${NAME}@${sha256(manifest)}`, { type, bytes: manifest });
}

interface Pull {
  readonly reference?: string;
  readonly platform?: { os: string; architecture: string };
  readonly credentials?: Credentials;
  readonly env?: Record<string, string>;
}

function pull({ reference = ':1', platform, credentials, env = {} }: Pull = {}) {
  const retry = { attempts: 3, baseMs: 1, maxMs: 5, random: () => 0 };
  const options = { insecure: false, env, retry, credentials: async () => credentials };
  const client = new RegistryClient({ ...options, domain: registry.host });
  clients.push(client);
  const store = new BlobStore(path.join(dir, 'store'));
  const parsed = parseReference(`${registry.host}/${NAME}${reference}`);
  return pullImage(client, { store, reference: parsed, platform, emit: () => undefined });
}

/** The blobs of the store, and what else is left there. */
function stored(): string[] {
  const folder = path.join(dir, 'store');
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/^(index\.json|oci-layout|.*\.lock)$/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

async function refusal(work: Promise<unknown>) {
  const error = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BuildError);
  return (error as BuildError).diagnostics[0]!;
}

/** Answers one kind of request otherwise. */
function instead(pattern: RegExp, answer: (response: Response, headers: http.IncomingHttpHeaders) => void): void {
  registry.intercept = ({ method, url, headers }, response) => {
    if (!pattern.test(`${method} ${url}`)) return false;
    answer(response, headers);
    return true;
  };
}

/** A body without end. How much of it was taken is returned, in bytes. */
function endless(
  response: Response,
  headers: http.OutgoingHttpHeaders = {},
  chunk = Buffer.alloc(65_536, '{'),
): () => number {
  let sent = 0;
  response.writeHead(200, headers);
  const more = () => {
    while (!response.destroyed && response.write(chunk)) sent += chunk.length;
  };
  response.on('drain', more);
  response.on('error', () => undefined);
  more();
  return () => sent;
}

describe('a pull', () => {
  const hexes = (...blobs: readonly Buffer[]) => blobs.map((bytes) => sha256(bytes).slice(7)).sort();

  test('brings everything, by tag and by digest, and only what is not there', async () => {
    serve();
    const manifest = manifestOf();
    expect(await pull()).toEqual({ mediaType: MANIFEST_TYPE, digest: sha256(manifest), size: manifest.length });
    expect(stored()).toEqual(hexes(manifest, CONFIG, LAYER));
    registry.log.length = 0;
    await pull({ reference: `@${sha256(manifest)}` });
    expect(registry.log.filter((line) => line.includes('/blobs/'))).toEqual([]);
  });

  test('takes all of an index, or one platform of it', async () => {
    const other = manifestOf({ annotations: { other: 'x' } });
    const platform = { os: 'wasi', architecture: 'wasm' };
    const manifests = [descriptor(MANIFEST_TYPE, manifestOf()), descriptor(MANIFEST_TYPE, other, { platform })];
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }));
    serve();
    for (const bytes of [other, index]) serve(bytes, bytes === index ? INDEX_TYPE : MANIFEST_TYPE);
    expect(await pull({ platform })).toMatchObject({ digest: sha256(other), platform });
    expect(stored()).toEqual(hexes(other, CONFIG, LAYER));
    expect(await pull()).toMatchObject({ digest: sha256(index) });
    expect(stored()).toEqual(hexes(other, index, manifestOf(), CONFIG, LAYER));
    const missing = await refusal(pull({ platform: { os: 'plan9', architecture: '386' } }));
    expect(missing).toMatchObject({ code: 'RegistryNotFound', hint: 'it has wasi/wasm' });
  });

  test('goes on where a body broke off, with ranges and without', async () => {
    serve();
    let breaks = 0;
    const ranges: (string | undefined)[] = [];
    instead(new RegExp(`GET .*${sha256(LAYER)}`), (response, { range }) => {
      ranges.push(range);
      const from = Number(/\d+/.exec(range ?? '')?.[0] ?? 0);
      if (breaks === 1) {
        response.writeHead(200, { 'content-length': LAYER.length }); // no ranges here
      } else {
        const header = from > 0 ? { 'content-range': `bytes ${from}-${LAYER.length - 1}/${LAYER.length}` } : {};
        response.writeHead(from > 0 ? 206 : 200, { 'content-length': LAYER.length - from, ...header });
      }
      const start = breaks === 1 ? 0 : from;
      if (breaks++ >= 2) response.end(LAYER.subarray(start));
      else
        response.write(LAYER.subarray(start, start + breaks * 600_000), () => setTimeout(() => response.destroy(), 20));
    });
    await pull();
    expect(ranges).toHaveLength(3);
    expect(stored()).toEqual(hexes(manifestOf(), CONFIG, LAYER));
  });

  test('does not ask for more when an answer broke off behind the last byte', async () => {
    serve();
    let answers = 0;
    instead(new RegExp(`GET .*${sha256(LAYER)}`), (response, { range }) => {
      answers++;
      if (range !== undefined) return response.writeHead(416).end(); // what a registry says to a range behind the end
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      return response.write(LAYER, () => setTimeout(() => response.destroy(), 20)); // and no last chunk
    });
    await pull();
    expect(answers).toBe(1);
    expect(stored()).toEqual(hexes(manifestOf(), CONFIG, LAYER));
  });

  test('nor when its bytes are other ones', async () => {
    serve();
    instead(new RegExp(`GET .*${sha256(LAYER)}`), (response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.write(Buffer.alloc(LAYER.length, 'x'), () => setTimeout(() => response.destroy(), 20));
    });
    expect(await refusal(pull())).toMatchObject({
      code: 'RegistryFailed',
      message: expect.stringContaining('it sends other bytes than those of'),
    });
  });

  test('waits when it is asked to', async () => {
    serve();
    const seen = new Set<string>();
    registry.intercept = ({ url }, response) => {
      if (url === '/v2/' || seen.has(url!)) return false;
      seen.add(url!);
      response.writeHead(seen.size % 2 === 0 ? 503 : 429, { 'retry-after': '0' }).end();
      return true;
    };
    await pull();
    expect(seen.size).toBe(3);
  });

  test('follows a redirect to another host, without credentials', async () => {
    serve();
    registry.auth = { kind: 'bearer', account: 'u:s3cret' };
    const seen: http.IncomingHttpHeaders[] = [];
    const cdn = http.createServer((request, response) => {
      seen.push(request.headers);
      response.end(LAYER);
    });
    await new Promise<void>((resolve) => cdn.listen(0, '127.0.0.1', resolve));
    const { port } = cdn.address() as AddressInfo;
    instead(new RegExp(`GET .*${sha256(LAYER)}`), (response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${port}/blob?signature=x` }).end();
    });
    await pull({ credentials: { kind: 'basic', username: 'u', password: 's3cret' } });
    cdn.closeAllConnections();
    await new Promise((resolve) => cdn.close(resolve));
    expect(seen).toHaveLength(1);
    expect(seen[0]).not.toHaveProperty('authorization');
    expect(stored()).toContain(sha256(LAYER).slice(7));
  });
});

describe('refused', () => {
  const other = Buffer.alloc(LAYER.length, 'wrong');
  const config = descriptor('application/vnd.oci.image.config.v1+json', CONFIG);

  test.each<[string, () => void, string]>([
    ['an unknown tag', () => registry.manifests.clear(), 'does not have it'],
    [
      'a manifest that its header belies',
      () =>
        instead(/GET .*manifests/, (r) =>
          r.writeHead(200, { 'content-type': MANIFEST_TYPE, 'docker-content-digest': sha256('x') }).end(manifestOf()),
        ),
      'the manifest has the digest',
    ],
    ['a manifest that is no JSON', () => serve(Buffer.from('<html>')), 'no JSON object'],
    ['a manifest of the first schema', () => serve(Buffer.from('{"schemaVersion":1}')), 'first schema'],
    ['a manifest of no known type', () => serve(manifestOf({ mediaType: 'text/plain' })), 'is no type of an image'],
    ['a manifest with two types', () => serve(manifestOf(), INDEX_TYPE), 'it is called'],
    ['an image that is an index too', () => serve(manifestOf({ manifests: [] })), 'an image and an index at once'],
    [
      'a layer without a digest',
      () => serve(manifestOf({ layers: [{ ...config, digest: 'md5:x' }] })),
      'no sha256 digest',
    ],
    ['a negative size', () => serve(manifestOf({ layers: [{ ...config, size: -1 }] })), 'a descriptor that is none'],
    ['layers that are no list', () => serve(manifestOf({ layers: 'x' })), 'no list'],
    [
      'a layer without room on any disk',
      () => serve(manifestOf({ layers: [{ ...config, size: 2 ** 52, digest: sha256('huge') }] })),
      'do not fit on the disk',
    ],
    [
      'a layer with other bytes',
      () => instead(new RegExp(sha256(LAYER)), (r) => r.end(other)),
      'other bytes than those',
    ],
    [
      'a layer that is compressed on the way',
      () =>
        instead(new RegExp(sha256(LAYER)), (r) =>
          r.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(LAYER)),
        ),
      'cannot be reached: it sent less',
    ],
    [
      'a layer that is cut short',
      () => instead(new RegExp(sha256(LAYER)), (r) => r.end(LAYER.subarray(1))),
      'it sent less than it said',
    ],
    [
      'a redirect to a file',
      () => instead(/blobs/, (r) => r.writeHead(307, { location: 'file:///etc/passwd' }).end()),
      'it leads to file:',
    ],
    [
      'a redirect to nowhere',
      () => instead(/blobs/, (r) => r.writeHead(307, { location: 'http://[' }).end()),
      'an address that is none',
    ],
    [
      'redirects without end',
      () => instead(/blobs/, (r) => r.writeHead(307, { location: '/v2/blobs' }).end()),
      'it redirects without end',
    ],
    ['a failure that stays', () => instead(/blobs/, (r) => r.writeHead(500).end()), 'cannot be reached: it is busy'],
    [
      'a manifest of 100 MB that says so',
      () => instead(/manifests/, (r) => r.writeHead(200, { 'content-length': 100_000_000 }).flushHeaders()),
      'more than 4194304 bytes',
    ],
  ])('%s', async (_about, prepare, message) => {
    serve();
    prepare();
    const found = await refusal(pull());
    expect(found.message).toContain(message);
    expect(found.message).not.toContain('passwd');
    expect(stored().filter((name) => !/^[0-9a-f]{64}$/.test(name))).toEqual([]);
    expect(stored()).not.toContain(sha256(manifestOf()).slice(7));
  });

  test('bodies without end are given up after what they may have', async () => {
    serve();
    let taken = () => 0;
    instead(/manifests/, (response) => {
      taken = endless(response, { 'content-type': MANIFEST_TYPE });
    });
    expect((await refusal(pull())).message).toContain('more than 4194304 bytes');
    expect(taken()).toBeLessThan(16_000_000);
    instead(new RegExp(sha256(LAYER)), (response) => {
      taken = endless(response);
    });
    expect((await refusal(pull())).message).toContain('more than the 2000000 bytes');
    expect(taken()).toBeLessThan(16_000_000);
  });

  test('a token server that gives no token, or one that would be a header of its own', async () => {
    serve();
    for (const body of ['{}', '{"token":"a\\r\\nX-Evil: b"}', 'no json', '[]']) {
      registry.intercept = ({ url }, response) => {
        if (url!.startsWith('/auth')) response.end(body);
        else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/auth"` }).end();
        return true;
      };
      expect((await refusal(pull())).message).toContain('its token server gives no token');
    }
    registry.intercept = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="file:///etc/shadow"' }).end();
      return true;
    };
    expect((await refusal(pull())).message).toContain('its token server is not reached by https');
  });

  test('one that digests by something else', async () => {
    serve();
    const reference = `@sha512:${'0'.repeat(128)}`;
    expect((await refusal(pull({ reference }))).message).toContain('no digests but sha256');
  });
});
