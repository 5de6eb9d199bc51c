import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { assembleImage, assembleIndex } from '../oci/assemble.js';
import type { Image, Layer, Target } from '../oci/image.js';
import { documentsOf, imagesOf, rootOf } from '../oci/image.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import type { BuildEvent } from '../progress/event.js';
import { type FakeRegistry, startFakeRegistry } from '../test/fake-registry.js';
import { memoryContent } from '../test/hello-image.js';
import { sha256 } from '../util/digest.js';
import { RegistryClient } from './client.js';
import type { Credentials } from './docker-config.js';
import { pushTarget } from './push.js';

let registry: FakeRegistry;
const clients: RegistryClient[] = [];

beforeEach(async () => {
  registry = await startFakeRegistry();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await registry.close();
});

const SMALL = Buffer.from('a small layer');
const LARGE = Buffer.alloc(3_000_000, 'large');

function image(architecture: string, ...blobs: readonly Buffer[]): Image {
  const layers = blobs.map((bytes): Layer => {
    const digest = sha256(bytes);
    return { diffID: digest, descriptor: { mediaType: MEDIA_TYPES.layerTar, digest, size: bytes.length } };
  });
  const config = { env: [], workingDir: '/', entrypoint: undefined, history: [] };
  const platform = { os: 'linux', architecture };
  return assembleImage({ ...config, platform }, layers, { epochSeconds: 0, ociMediaTypes: true });
}

function client(credentials?: Credentials, attempts = 4): RegistryClient {
  const retry = { attempts, baseMs: 1, maxMs: 5, random: () => 0 };
  const made = new RegistryClient({
    domain: registry.host,
    insecure: false,
    env: {},
    credentials: async () => credentials,
    retry,
  });
  clients.push(made);
  return made;
}

interface Push {
  readonly tags?: readonly string[];
  readonly repository?: string;
  readonly mountFrom?: readonly string[];
  readonly by?: RegistryClient;
  readonly events?: BuildEvent[];
  readonly content?: ReturnType<typeof memoryContent>;
}

function push(target: Target, { tags = ['1'], repository = 'team/app', by = client(), ...more }: Push = {}) {
  const { mountFrom = [], events = [], content = memoryContent(SMALL, LARGE) } = more;
  return pushTarget(by, { target, content, repository, tags, mountFrom, emit: (event) => events.push(event) });
}

/** Everything is there, and has the right bytes. */
function expectWhole(target: Target, name = 'team/app:1'): void {
  expect(registry.manifests.get(name)?.bytes.equals(rootOf(target).bytes)).toBe(true);
  const repository = name.split(':')[0];
  for (const { descriptor } of imagesOf(target).flatMap((i) => i.layers))
    expect(registry.links.has(`${repository} ${descriptor.digest}`)).toBe(true);
  for (const [digest, bytes] of registry.blobs) expect(sha256(bytes)).toBe(digest);
}

const count = (pattern: RegExp) => registry.log.filter((line) => pattern.test(line)).length;

describe('what arrives', () => {
  test('an index: blobs, then its images, then the name; a layer that they share once', async () => {
    const target = assembleIndex([image('amd64', SMALL, LARGE), image('arm64', LARGE)], { ociMediaTypes: true });
    const events: BuildEvent[] = [];
    expect(await push(target, { tags: ['1', 'latest'], events })).toBe(rootOf(target).descriptor.digest);
    expectWhole(target);
    expectWhole(target, 'team/app:latest');
    expect(count(/^POST/)).toBe(4);
    const puts = registry.log.filter((line) => /^PUT .*manifests/.test(line));
    expect(puts.slice(2)).toEqual(['PUT /v2/team/app/manifests/1', 'PUT /v2/team/app/manifests/latest']);
    expect(registry.log.findLastIndex((line) => line.includes('/blobs/'))).toBeLessThan(registry.log.indexOf(puts[0]!));
    const large = events.filter((e) => e.type === 'step-progress' && e.id.includes(sha256(LARGE)));
    expect(large.at(-1)).toMatchObject({ bytes: LARGE.length, total: LARGE.length });
  });

  test('a second push sends no blob', async () => {
    const target = image('amd64', SMALL, LARGE);
    await push(target);
    registry.log.length = 0;
    await push(target);
    expect(count(/^(POST|PATCH)/)).toBe(0);
  });

  test('without tags, it is there under its digest', async () => {
    const target = image('amd64', SMALL);
    const digest = await push(target, { tags: [] });
    expect([...registry.manifests.keys()]).toEqual([`team/app@${digest}`]);
  });

  test('blobs are mounted from where they are, and uploaded where that does not work', async () => {
    const target = image('amd64', SMALL, LARGE);
    await push(target, { repository: 'other/app' });
    registry.links.delete(`other/app ${sha256(SMALL)}`);
    registry.log.length = 0;
    await push(target, { mountFrom: ['other/app'] });
    expect(count(/^PATCH/)).toBe(0);
    expect(count(/^PUT .*uploads/)).toBe(1);
    expectWhole(target);
  });

  test('an empty layer, and one of exactly the size up to which one request does', async () => {
    for (const size of [0, 1024 * 1024, 1024 * 1024 + 1]) {
      const bytes = Buffer.alloc(size, 'x');
      await push(image('amd64', bytes), { content: memoryContent(bytes) });
      expect(registry.blobs.get(sha256(bytes))).toHaveLength(size);
    }
  });
});

describe('credentials', () => {
  const account = { kind: 'basic', username: 'u', password: 's3cret' } as const;

  test('as Basic', async () => {
    registry.auth = { kind: 'basic', account: 'u:s3cret' };
    const target = image('amd64', SMALL);
    await push(target, { by: client(account) });
    expectWhole(target);
  });

  test('by a token, for what is done, also where blobs are mounted from', async () => {
    registry.auth = { kind: 'bearer', account: 'u:s3cret' };
    const target = image('amd64', SMALL, LARGE);
    await push(target, { by: client(account), mountFrom: ['other/app'] });
    expectWhole(target);
    expect([...new Set(registry.scopes)].sort()).toEqual([
      'repository:team/app:pull,push',
      'repository:team/app:pull,push repository:other/app:pull',
    ]);
    expect(registry.authorizations.filter((a) => a?.startsWith('Basic'))).toHaveLength(registry.scopes.length);
  });

  test('a token that runs out is got anew, even in the middle of a blob', async () => {
    registry.auth = { kind: 'bearer', account: 'u:s3cret' };
    let patches = 0;
    registry.intercept = ({ method }, _response) => {
      if (method === 'PATCH' && patches++ === 0) registry.expire();
      return false;
    };
    const target = image('amd64', LARGE);
    await push(target, { by: client(account) });
    expectWhole(target);
  });

  test.each([undefined, { ...account, password: 'wr0ng' }])(
    'that are wrong or missing are refused: %j',
    async (given) => {
      registry.auth = { kind: 'bearer', account: 'u:s3cret' };
      const error = await push(image('amd64', SMALL), { by: client(given) }).catch((e: unknown) => e);
      expect(error).toMatchObject({
        diagnostics: [{ code: 'RegistryDenied', hint: expect.stringContaining('wbuild login') }],
      });
      expect(JSON.stringify(error)).not.toMatch(/wr0ng|s3cret/);
      expect(registry.manifests.size).toBe(0);
    },
  );
});

describe('failures that pass', () => {
  test('429 and 5xx, wherever they come', async () => {
    const seen = new Map<string, number>();
    registry.intercept = ({ method, url }, response) => {
      const path = url!.replace(/[0-9a-f]{16}\?.*$/, '').replace(/\?.*$/, '');
      const times = (seen.get(`${method} ${path}`) ?? 0) + 1;
      seen.set(`${method} ${path}`, times);
      if (times > 1 || url === '/v2/') return false;
      response.writeHead([429, 500, 502, 503][seen.size % 4]!, { 'retry-after': '0' }).end();
      return true;
    };
    const target = assembleIndex([image('amd64', SMALL, LARGE), image('arm64', SMALL)], { ociMediaTypes: true });
    await push(target);
    expectWhole(target);
  });

  test('an upload that breaks off goes on from where it was', async () => {
    registry.breaks = [700_000, 900_000];
    const ranges: (string | undefined)[] = [];
    registry.intercept = ({ method, headers }) => {
      if (method === 'PATCH') ranges.push(headers['content-range']);
      return false;
    };
    const target = image('amd64', LARGE);
    await push(target);
    expectWhole(target);
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBeUndefined();
    const starts = ranges.slice(1).map((range) => Number(range!.split('-')[0]));
    expect(starts[0]).toBeGreaterThanOrEqual(700_000);
    expect(starts[1]).toBeGreaterThan(starts[0]!);
  });

  test('an upload that the registry has forgotten begins anew', async () => {
    let forgotten = false;
    registry.intercept = (request, response) => {
      if (request.method !== 'GET' && request.method !== 'PATCH') return false;
      if (request.method === 'GET' && request.url!.includes('/uploads/')) {
        forgotten = true;
        response.writeHead(404).end();
        return true;
      }
      if (request.method !== 'PATCH' || forgotten) return false;
      response.destroy();
      return true;
    };
    const target = image('amd64', LARGE);
    await push(target);
    expect(forgotten).toBe(true);
    expectWhole(target);
  });

  test('a registry that takes no large request gets pieces', async () => {
    const large = Buffer.alloc(12_000_000, 'x');
    registry.intercept = (request, response) => {
      if (Number(request.headers['content-length'] ?? 0) <= 6_000_000) return false;
      request.resume();
      response.writeHead(413).end();
      return true;
    };
    const target = image('amd64', large);
    await push(target, { content: memoryContent(large) });
    expectWhole(target);
    expect(count(/^PATCH/)).toBe(4);
  });

  test('when the answer to the last request of a blob is lost, the blob is not sent again', async () => {
    let lost = 0;
    registry.intercept = async (request, response) => {
      if (request.method !== 'PUT' || !request.url!.includes('/uploads/') || lost++ > 0) return false;
      response.end = (() => response.destroy()) as typeof response.end;
      return false;
    };
    const target = image('amd64', LARGE);
    await push(target);
    expectWhole(target);
    expect(count(/^PATCH/)).toBe(1);
  });
});

describe('failures that stay', () => {
  const failing = async (intercept: FakeRegistry['intercept'], content = memoryContent(SMALL, LARGE)) => {
    registry.intercept = intercept;
    const error = await push(image('amd64', SMALL, LARGE), { by: client(undefined, 3), content }).catch(
      (e: unknown) => e,
    );
    expect([...registry.manifests.keys()]).toEqual([]);
    return (error as { diagnostics: { code: string; message: string }[] }).diagnostics[0]!;
  };

  test('a status', async () => {
    const { code, message } = await failing(({ method }, response) => {
      if (method !== 'PUT') return false;
      response.writeHead(500).end('{"errors":[{"code":"UNKNOWN","message":"disk \\u001b[31mfull"}]}');
      return true;
    });
    expect(code).toBe('RegistryFailed');
    expect(message).toContain('answers disk');
    expect(message).not.toContain('\x1b');
    expect(message).not.toContain('_state');
  });

  test('connections that break', async () => {
    const found = await failing(({ method }, response) => {
      if (method !== 'PATCH') return false;
      response.destroy();
      return true;
    });
    expect(found).toMatchObject({
      code: 'RegistryUnreachable',
      message: expect.stringContaining('closed the connection'),
    });
  });

  test('a place for the upload that is none', async () => {
    const found = await failing(({ method }, response) => {
      if (method !== 'POST') return false;
      response.writeHead(202, { location: 'file:///etc/passwd' }).end();
      return true;
    });
    expect(found).toMatchObject({ code: 'RegistryUnreachable', message: expect.stringContaining('it leads to file:') });
  });

  test('a registry that stores something else', async () => {
    const found = await failing(({ method, url }, response) => {
      if (method !== 'PUT' || !url!.includes('/manifests/')) return false;
      response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end();
      return true;
    });
    expect(found).toMatchObject({ code: 'RegistryFailed', message: expect.stringContaining('it has stored') });
  });

  test('a blob that is damaged here is never ended there', async () => {
    const content = {
      async *read() {
        yield SMALL.subarray(1);
        throw new Error('damaged');
      },
    };
    registry.intercept = () => false;
    await expect(push(image('amd64', SMALL), { content })).rejects.toThrow('damaged');
    expect(registry.blobs.has(sha256(SMALL))).toBe(false);
    expect(registry.manifests.size).toBe(0);
  });

  test('nobody there, and a name without a host', async () => {
    await registry.close();
    await expect(push(image('amd64', SMALL), { by: client(undefined, 2) })).rejects.toThrow('nothing listens there');
    const options = { insecure: false, env: {}, credentials: async () => undefined };
    const nowhere = new RegistryClient({ ...options, domain: 'registry.invalid' });
    await expect(push(image('amd64', SMALL), { by: nowhere })).rejects.toThrow('registry.invalid cannot be reached');
    registry = await startFakeRegistry();
  });
});

test('the documents of an index come before it', () => {
  const images = [image('amd64', SMALL), image('arm64', SMALL)];
  expect(documentsOf(assembleIndex(images, { ociMediaTypes: true })).at(-1)!.descriptor.mediaType).toBe(
    MEDIA_TYPES.index,
  );
});
