/**
 * An archive into Docker by its API, or into containerd by its `ctr`.
 * @see https://docs.docker.com/reference/api/engine/ (ImageLoad); moby/moby pkg/jsonmessage
 */
import { spawn } from 'node:child_process';
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BuildError, describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import { printable } from '../diagnostic/display.js';
import type { Emit } from '../progress/event.js';
import type { DockerEndpoint, Env } from './endpoint.js';
import { type Engine, refused } from './refusal.js';

export interface Loading {
  /** The archive; read once for each attempt. */
  readonly archive: () => AsyncIterable<Uint8Array>;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
}

/** Nothing that a daemon says is longer, in all. */
const MAX_ANSWER = 4 * 1024 * 1024;

/** A socket that is not there, or that nobody listens on. */
export function isAbsent(error: unknown): boolean {
  return error instanceof BuildError && ['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error.cause) ?? '');
}

/**
 * Sends an archive to a daemon, and waits for what it says.
 * @throws BuildError `DockerUnreachable`, `DockerRefused`; what reading the archive throws
 */
export async function loadIntoDocker(endpoint: DockerEndpoint, { archive, emit, signal }: Loading): Promise<void> {
  const id = `load ${endpoint.shown}`;
  emit({ type: 'step-started', id, name: `loading into Docker at ${endpoint.shown}` });
  try {
    let bytes = 0;
    const counted = async function* () {
      for await (const chunk of archive()) {
        yield chunk;
        bytes += chunk.length;
        emit({ type: 'step-progress', id, bytes });
      }
    };
    const request = open(endpoint, signal);
    const answer = answerOf(request, endpoint);
    answer.catch(() => undefined); // it is waited for below
    await send(counted(), request, answer);
    await readAnswer(await answer, emit);
    emit({ type: 'step-done', id });
  } catch (error) {
    signal?.throwIfAborted();
    emit({ type: 'step-failed', id, message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

function open(endpoint: DockerEndpoint, signal: AbortSignal | undefined): http.ClientRequest {
  const headers = { 'content-type': 'application/x-tar', host: 'docker' };
  const common = { method: 'POST', path: '/images/load?quiet=0', headers, ...(signal && { signal }) };
  if ('socketPath' in endpoint) return http.request({ ...common, socketPath: endpoint.socketPath });
  const { host, port, tls } = endpoint;
  if (!tls) return http.request({ ...common, host, port });
  const { ca, cert, key, skipVerify } = tls;
  const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  return https.request({ ...common, host, port, ...files, rejectUnauthorized: !skipVerify });
}

/** Writes the archive, until the daemon answers: it may have seen enough. Only reading the archive throws. */
async function send(
  archive: AsyncIterable<Uint8Array>,
  request: http.ClientRequest,
  answer: Promise<unknown>,
): Promise<void> {
  let answered = false;
  const settled = answer.then(
    () => undefined,
    () => undefined,
  );
  settled.then(() => {
    answered = true;
  });
  try {
    for await (const chunk of archive) {
      if (answered || request.destroyed) return;
      if (!request.write(chunk))
        await Promise.race([new Promise<void>((resolve) => request.once('drain', resolve)), settled]);
    }
    request.end();
  } catch (error) {
    request.destroy();
    throw error;
  }
}

function answerOf(request: http.ClientRequest, { shown }: DockerEndpoint): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', (error) => {
      const message = `Docker cannot be reached at ${shown}: ${WORDS[errnoOf(error) ?? ''] ?? describeErrno(error)}`;
      const hint = 'start it, or say where it is with DOCKER_HOST or docker context use';
      try {
        fail({ code: 'DockerUnreachable', message, hint }, error);
      } catch (told) {
        reject(told);
      }
    });
  });
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  ENOENT: 'the socket is not there',
  EPIPE: 'it closed the connection',
  ENOTFOUND: 'no host has that name',
};

/** Messages of the daemon, a JSON document each: progress of layers, and what went well or wrong. */
async function readAnswer(response: http.IncomingMessage, emit: Emit): Promise<void> {
  let rest = '';
  let size = 0;
  const engine = /^libpod\b/i.test(String(response.headers.server)) ? 'podman' : 'Docker';
  const heard: Heard = { engine, steps: new Set(), loaded: false };
  response.setEncoding('utf8');
  try {
    for await (const text of response as AsyncIterable<string>) {
      size += text.length;
      if (size > MAX_ANSWER) refused('its answer has no end', engine);
      const lines = (rest + text).split(/\r?\n/);
      rest = lines.pop()!;
      for (const line of lines) note(line, heard, emit);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    refused('it closed the connection', engine);
  } finally {
    response.destroy();
  }
  note(rest, heard, emit);
  if (response.statusCode !== 200) refused(`status ${response.statusCode}`, engine);
  if (!heard.loaded) refused('it does not say that the image is loaded', engine);
}

interface Heard {
  readonly engine: Engine;
  readonly steps: Set<string>;
  loaded: boolean;
}

interface Message {
  readonly error?: string;
  readonly message?: string;
  readonly errorDetail?: { readonly message?: string };
  readonly stream?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

function note(line: string, heard: Heard, emit: Emit): void {
  if (line.trim() === '') return;
  let message: Message;
  try {
    message = JSON.parse(line) ?? {};
  } catch {
    return; // a line for people
  }
  const error = message.errorDetail?.message ?? message.error ?? message.message;
  if (typeof error === 'string') refused(error, heard.engine);
  if (/^Loaded image/.test(message.stream ?? '')) heard.loaded = true;
  const { steps } = heard;
  const { id: layer, progressDetail } = message;
  if (typeof layer !== 'string' || typeof progressDetail?.current !== 'number') return;
  const id = `load layer ${layer}`;
  if (!steps.has(id)) emit({ type: 'step-started', id, name: `loading layer ${printable(layer)}` });
  steps.add(id);
  const { current, total } = progressDetail;
  emit({ type: 'step-progress', id, bytes: current, ...(typeof total === 'number' && { total }) });
  if (current === total) emit({ type: 'step-done', id });
}

/**
 * Sends an archive to `ctr images import`. containerd lists images by name alone, and drops what has none: without a name it is
 * `wbuild@sha256:…`.
 * @returns false when there is no ctr
 * @throws BuildError `DockerRefused`
 */
export async function loadIntoContainerd(
  env: Env,
  { archive, emit, signal, named }: Loading & { readonly named: boolean },
): Promise<boolean> {
  const naming = named ? [] : ['--digests', '--base-name', 'wbuild'];
  const child = spawn('ctr', ['images', 'import', '--all-platforms', ...naming, '-'], {
    env: { ...env },
    stdio: ['pipe', 'ignore', 'pipe'],
    ...(signal && { signal }),
  });
  const absent = new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(true));
    child.once('spawn', () => resolve(false));
  });
  if (await absent) return false;
  const id = 'load ctr';
  emit({ type: 'step-started', id, name: 'loading into containerd (ctr images import)' });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.subarray(0, 4096)));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let failure: { readonly error: unknown } | undefined;
  const source = async function* () {
    try {
      yield* archive();
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  await pipeline(Readable.from(source(), { objectMode: false }), child.stdin).catch(() => undefined);
  if (failure) {
    child.kill();
    throw failure.error;
  }
  const code = await ended;
  signal?.throwIfAborted();
  if (code === 0) {
    emit({ type: 'step-done', id });
    return true;
  }
  const said = Buffer.concat(errors).toString('utf8').trim();
  const why = printable(/^ctr: (.*)$/ms.exec(said)?.[1] ?? said).slice(0, 500);
  emit({ type: 'step-failed', id, message: why });
  const hint = NO_CONTAINERD.test(why) && { hint: 'CONTAINERD_ADDRESS says where containerd is' };
  return fail({ code: 'DockerRefused', message: `ctr does not import the image: ${why}`, ...hint });
}

/** What ctr says when there is no containerd, or none any more. */
const NO_CONTAINERD = /cannot access socket|connection error|failed to dial|error reading from server/;
