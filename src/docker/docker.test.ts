/** Loading: where Docker is found, and what it may answer. A real Docker: ../test/peers/load.test.ts. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { loadImage } from '../build/images/load-image.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { BuildEvent } from '../progress/event.js';
import { exportInput } from '../test/hello-image.js';
import { type DockerEndpoint, findDocker } from './endpoint.js';
import { loadIntoDocker } from './load.js';

let dir: string;
let server: http.Server | undefined;
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'docker-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
  fs.rmSync(dir, { recursive: true });
});

const socketPath = () => path.join(dir, 'docker.sock');
const LOADED = '{"stream":"Loaded image: a:1\\n"}\r\n';

/** A daemon that takes an archive, and answers. */
async function daemon(answer: (request: http.IncomingMessage, response: http.ServerResponse, bytes: number) => void) {
  server = http.createServer((request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => answer(request, response, bytes));
  });
  await new Promise<void>((resolve) => server!.listen(socketPath(), resolve));
}

async function* archive() {
  for (let i = 0; i < 50; i++) yield Buffer.alloc(65_536);
}

function load(events: BuildEvent[] = [], bytes: () => AsyncIterable<Uint8Array> = archive) {
  const endpoint: DockerEndpoint = { socketPath: socketPath(), shown: 'unix://docker.sock', chosen: true };
  return loadIntoDocker(endpoint, { archive: bytes, emit: (event) => events.push(event) });
}

async function diagnosticOf(work: Promise<unknown>) {
  const error = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BuildError);
  return (error as BuildError).diagnostics[0]!;
}

describe('where Docker is', () => {
  const context = (name: string, endpoint: object) => {
    const id = createHash('sha256').update(name).digest('hex');
    fs.mkdirSync(path.join(dir, 'contexts/meta', id), { recursive: true });
    const meta = { Name: name, Endpoints: { docker: endpoint } };
    fs.writeFileSync(path.join(dir, 'contexts/meta', id, 'meta.json'), JSON.stringify(meta));
    return id;
  };
  const env = (more: object = {}) => ({ DOCKER_CONFIG: dir, ...more });

  test('the default, DOCKER_HOST, and addresses', () => {
    expect(findDocker(env())).toEqual({
      socketPath: '/var/run/docker.sock',
      shown: 'unix:///var/run/docker.sock',
      chosen: false,
    });
    expect(findDocker(env({ DOCKER_HOST: 'unix:///x' }))).toMatchObject({ socketPath: '/x', chosen: true });
    expect(findDocker(env({ DOCKER_HOST: 'tcp://[::1]:2375' }))).toMatchObject({ host: '::1', port: 2375 });
    expect(findDocker(env({ DOCKER_HOST: 'tcp://h:2375' }))).not.toHaveProperty('tls');
  });

  test('contexts: the current one, DOCKER_CONTEXT, and one that is named', () => {
    context('mine', { Host: 'unix:///mine' });
    fs.writeFileSync(path.join(dir, 'config.json'), '{"currentContext":"mine"}');
    const id = context('far', { Host: 'tcp://far:2376', SkipTLSVerify: true });
    fs.mkdirSync(path.join(dir, 'contexts/tls', id, 'docker'), { recursive: true });
    fs.writeFileSync(path.join(dir, 'contexts/tls', id, 'docker/ca.pem'), 'CA');
    expect(findDocker(env())).toMatchObject({ socketPath: '/mine', chosen: true });
    expect(findDocker(env({ DOCKER_HOST: 'unix:///x' }))).toMatchObject({ socketPath: '/x' });
    expect(findDocker(env({ DOCKER_CONTEXT: 'default' }))).toMatchObject({ socketPath: '/var/run/docker.sock' });
    const far = { host: 'far', port: 2376, tls: { ca: Buffer.from('CA'), skipVerify: true } };
    expect(findDocker(env({ DOCKER_CONTEXT: 'far' }))).toMatchObject(far);
    expect(findDocker(env({ DOCKER_HOST: 'unix:///x' }), 'far')).toMatchObject(far);
    expect(() => findDocker(env(), 'gone')).toThrow('the Docker context "gone" is not there');
  });

  test('TLS by the environment', () => {
    fs.writeFileSync(path.join(dir, 'ca.pem'), 'CA');
    const DOCKER_HOST = 'tcp://h:2376';
    const tls = (more: object) => findDocker(env({ DOCKER_HOST, ...more }));
    expect(tls({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: dir })).toMatchObject({
      tls: { ca: Buffer.from('CA'), skipVerify: false },
    });
    expect(tls({ DOCKER_TLS: '1' })).toMatchObject({ tls: { skipVerify: true } });
  });

  test.each(['ssh://host', 'unix://relative', 'tcp://host', 'host'])('%s is refused', (DOCKER_HOST) => {
    expect(() => findDocker(env({ DOCKER_HOST }))).toThrow('wbuild does not speak to');
  });
});

describe('an answer', () => {
  test('of a daemon that has loaded the image, with progress', async () => {
    const progress = '{"status":"Loading layer","progressDetail":{"current":5,"total":5},"id":"abc"}\r\n';
    let got = 0;
    await daemon((request, response, bytes) => {
      got = bytes;
      expect([request.method, request.headers['content-type']]).toEqual(['POST', 'application/x-tar']);
      response.end(progress + LOADED);
    });
    const events: BuildEvent[] = [];
    await load(events);
    expect(got).toBe(50 * 65_536);
    expect(events).toContainEqual({ type: 'step-progress', id: 'load layer abc', bytes: 5, total: 5 });
    expect(events.at(-1)).toMatchObject({ type: 'step-done' });
  });

  test.each([
    [
      '{"errorDetail":{"message":"operating system is not supported"}}',
      'operating system is not supported',
      /containerd-snapshotter/,
    ],
    [
      '{"errorDetail":{"message":"cannot load wasi image on linux"}}',
      'cannot load wasi image on linux',
      /^turn on .*containerd-snapshotter/,
    ],
    [
      '{"errorDetail":{"message":"open /var/lib/docker/tmp/docker-import-12/blobs/json: no such file or directory"}}',
      'blobs/json',
      /^an index, .*containerd-snapshotter/,
    ],
    ['{"message":"no room \\u001b[31m"}', 'no room', undefined],
    ['{"stream":"hello"}', 'it does not say that the image is loaded', undefined],
    ['', 'it does not say that the image is loaded', undefined],
    ['not JSON', 'it does not say that the image is loaded', undefined],
  ])('%s', async (answer, message, hint) => {
    await daemon((_request, response) => response.end(answer));
    const found = await diagnosticOf(load());
    expect(found).toMatchObject({ code: 'DockerRefused', message: expect.stringContaining(message) });
    expect(found.message).not.toContain('\x1b');
    if (hint) expect(found.hint).toMatch(hint);
    else expect(found).not.toHaveProperty('hint');
  });

  test.each([
    ['choosing an image: no image found in image index for architecture "amd64"', /one platform at a time/],
    ['writing blob: no space left on device', undefined],
  ])('of podman, which says of each format that it is not that one: %s', async (why, hint) => {
    const formats = [
      'oci: index.json: not a directory',
      `oci-archive: unable to perform copy: ${why}`,
      'dir: manifest.json',
    ];
    const message = ['failed to load image: no format matches:', ...formats.map((format) => ` * ${format}`)].join('\n');
    await daemon((_request, response) => {
      response.writeHead(500, { server: 'Libpod/5.8.6 (linux)' }).end(JSON.stringify({ message }));
    });
    const found = await diagnosticOf(load());
    expect(found.message).toBe(`podman does not load the image: ${why}`);
    if (hint) expect(found.hint).toMatch(hint);
    else expect(found).not.toHaveProperty('hint');
  });

  test('that comes before the archive is read, and then the connection is closed', async () => {
    server = http.createServer((request, response) => {
      request.once('data', () => {
        response.writeHead(200, { connection: 'close' });
        response.end('{"error":"remount /"}', () => request.socket.end());
      });
    });
    await new Promise<void>((resolve) => server!.listen(socketPath(), resolve));
    expect((await diagnosticOf(load())).message).toContain('remount /');
  });

  test('that breaks off, and none at all', async () => {
    await daemon((_request, response) => response.write('{"stream":', () => response.destroy()));
    expect(await diagnosticOf(load())).toMatchObject({ code: 'DockerRefused' });
    server!.closeAllConnections();
    await new Promise((resolve) => server!.close(resolve));
    server = undefined;
    expect((await diagnosticOf(load())).message).toContain('Docker cannot be reached at unix://docker.sock');
  });

  test('is not waited for when the archive cannot be read', async () => {
    await daemon((_request, response) => response.end(LOADED));
    const broken = async function* () {
      yield Buffer.alloc(10);
      throw new Error('damaged');
    };
    await expect(load([], broken)).rejects.toThrow('damaged');
  });
});

describe('where there is no Docker', () => {
  const ctr = (code: number) => {
    const script = `#!/bin/sh\necho "$*" > ${dir}/args\ncat > ${dir}/archive\necho no good >&2\nexit ${code}\n`;
    fs.writeFileSync(path.join(dir, 'ctr'), script, { mode: 0o755 });
  };
  const env = () => ({ DOCKER_CONFIG: dir, PATH: `${dir}:/usr/bin:/bin`, XDG_RUNTIME_DIR: dir });
  const attempt = (names = ['docker.io/library/a:1']) => {
    const sockets = { docker: path.join(dir, 'no.sock'), podman: path.join(dir, 'no-podman.sock') };
    return loadImage({ input: exportInput({ names }), env: env(), sockets });
  };

  test('podman is asked, by the same API', async () => {
    fs.mkdirSync(path.join(dir, 'podman'));
    const paths: (string | undefined)[] = [];
    server = http.createServer((request, response) => {
      paths.push(request.url);
      request.resume().on('end', () => response.end(LOADED));
    });
    await new Promise<void>((resolve) => server!.listen(path.join(dir, 'podman/podman.sock'), resolve));
    await attempt();
    expect(paths).toEqual(['/images/load?quiet=0']);
  });

  test('containerd is, by ctr', async () => {
    ctr(0);
    await attempt();
    expect(fs.readFileSync(path.join(dir, 'args'), 'utf8')).toBe('images import --all-platforms -\n');
    expect(fs.statSync(path.join(dir, 'archive')).size).toBeGreaterThan(5000);
    await attempt([]);
    expect(fs.readFileSync(path.join(dir, 'args'), 'utf8')).toBe(
      'images import --all-platforms --digests --base-name wbuild -\n',
    );
    ctr(1);
    const found = await diagnosticOf(attempt());
    expect(found).toMatchObject({ code: 'DockerRefused', message: expect.stringContaining('no good') });
    expect(found).not.toHaveProperty('hint');
  });

  test('and nothing else, it is said', async () => {
    expect(await diagnosticOf(attempt())).toMatchObject({
      code: 'DockerUnreachable',
      hint: expect.stringContaining('DOCKER_HOST'),
    });
  });
});
