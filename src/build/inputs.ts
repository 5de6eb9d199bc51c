/** What a build reads: the Dockerfile and the contexts, opened. */
import { randomBytes } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { findLayoutImage, readLayoutTree } from '../context/oci-layout-context.js';
import { type Context, openFolder, openTree, readIgnoreFile, resolveFolder } from '../context/open-context.js';
import { readTarTree, type Spool } from '../context/tar-context.js';
import { fail } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { normalizeContextName } from '../frontend/context-name.js';
import type { NamedContextInfo } from '../frontend/to-llb.js';
import type { Platform } from '../oci/descriptor.js';
import { type DirectoryNode, EMPTY_TREE } from '../snapshot/file-tree.js';
import { lookup } from '../snapshot/tree-editor.js';
import { registerTemporary } from '../util/atomic-write.js';
import type { Digest } from '../util/digest.js';
import { readContentSync } from '../util/file-content.js';
import { pathElements } from '../util/go-path.js';
import type { BuildOptions } from './build-options.js';
import { readDockerfile } from './read-dockerfile.js';

export interface Inputs {
  /** The Dockerfile: its name for messages, its text, and what is wrong beside it, in ignore files. */
  readonly dockerfile: { readonly file: string; readonly bytes: Buffer; readonly errors: readonly Diagnostic[] };
  /** What each platform reads, in the order in which they were asked for. Only an image in an OCI layout differs between them. */
  readonly platforms: readonly PlatformInputs[];
  /** Ends temporary files. */
  close(): Promise<void>;
}

export interface PlatformInputs {
  /** As given, aliases resolved, not normalised. */
  readonly platform: Platform;
  /** By name; `context` is the main one. */
  readonly contexts: ReadonlyMap<string, Context>;
  /** What the frontend needs to know of the named ones. */
  readonly named: ReadonlyMap<string, NamedContextInfo>;
}

/**
 * Opens the Dockerfile and all contexts.
 * @param platforms at least one
 * @param scratch a folder for temporary files
 * @throws BuildError `DockerfileNotFound`, `ContextNotFound`, `InvalidContext`, `Usage`
 */
export async function openInputs(
  options: BuildOptions,
  platforms: readonly Platform[],
  scratch: string,
): Promise<Inputs> {
  const spool = new LazySpool(scratch);
  try {
    const main = await openMain(options, spool);
    const opened = platforms.map((platform) => ({
      platform,
      contexts: new Map([['context', main.context]]),
      named: new Map<string, NamedContextInfo>(),
    }));
    for (const [name, spec] of Object.entries(options.buildContexts ?? {})) {
      const normal = contextName(name);
      const open = openNamed(normal, spec, { options, spool });
      for (const { platform, contexts, named } of opened) {
        const { context, info } = open(platform);
        contexts.set(normal, context);
        named.set(normal, info);
      }
    }
    const errors = main.context.errors ?? [];
    return { dockerfile: { ...main.dockerfile, errors }, platforms: opened, close: () => spool.close() };
  } catch (error) {
    await spool.close();
    throw error;
  }
}

function contextName(name: string): string {
  const normal = normalizeContextName(name);
  if (normal !== undefined) return normal;
  return fail({
    code: 'Usage',
    message: `--build-context ${name}=…: ${JSON.stringify(name)} cannot name a context`,
    hint: 'use lower-case letters, digits, ".", "-" and "_"',
  });
}

interface Main {
  readonly context: Context;
  readonly dockerfile: Omit<Inputs['dockerfile'], 'errors'>;
}

async function openMain(options: BuildOptions, spool: LazySpool): Promise<Main> {
  const { context, file, stdin } = options;
  if (context === '-') {
    if (file === '-')
      fail({
        code: 'Usage',
        message: 'context and Dockerfile cannot both come from standard input',
        hint: 'name one of them',
      });
    return openStdin(options, spool);
  }
  if (/^(https?|git|ssh):\/\//.test(context) || (/^(?:git@|github\.com\/)/.test(context) && !existsSync(context))) {
    fail({
      code: 'ContextNotFound',
      message: `wbuild fetches nothing: ${context}`,
      hint: 'clone or download it first, and name the folder',
    });
  }
  const root = resolveFolder(context, 'the build context');
  if (file === '-') {
    const bytes = await readAll(stdin);
    const ignore = readIgnoreFile(path.join(root, '.dockerignore'), '.dockerignore');
    return {
      context: openFolder(root, 'the build context', ignore, skipped(options)),
      dockerfile: { file: '-', bytes },
    };
  }
  const dockerfile = readDockerfile(file, context);
  const own = `${dockerfile.path}.dockerignore`;
  const ignore =
    readIgnoreFile(own, path.basename(own)) ?? readIgnoreFile(path.join(root, '.dockerignore'), '.dockerignore');
  return {
    context: openFolder(root, 'the build context', ignore, skipped(options)),
    dockerfile: { file: file ?? path.basename(dockerfile.path), bytes: dockerfile.bytes },
  };
}

/** Standard input holds an archive with everything, or a Dockerfile for an empty context. */
async function openStdin({ file, stdin }: BuildOptions, spool: LazySpool): Promise<Main> {
  const { first, all } = await peek(stdin);
  if (!looksLikeArchive(first)) {
    const bytes = await readAll(all);
    const emptyHint =
      'a Dockerfile on standard input comes without files; wbuild -f - FOLDER reads it with those of a folder';
    return {
      context: { ...openTree(EMPTY_TREE, 'the empty build context'), emptyHint },
      dockerfile: { file: '-', bytes },
    };
  }
  const label = 'the archive on standard input';
  const tree = await readTarTree(all, EMPTY_TREE, { spool: await spool.open(), label, layer: false });
  const name = file ?? 'Dockerfile';
  const node = lookup(tree, pathElements(name)) ?? (file === undefined ? lookup(tree, ['dockerfile']) : undefined);
  if (node?.type !== 'file') {
    fail({
      code: 'DockerfileNotFound',
      message: `${label} has no ${name}`,
      hint: 'name it with -f, relative to the root of the archive',
    });
  }
  return { context: openTree(tree, label), dockerfile: { file: name, bytes: readContentSync(node) } };
}

/** How archives begin that are not read, with what unpacks them. */
const PACKED: readonly (readonly [magic: string, name: string, unpack?: string])[] = [
  ['BZh', 'bzip2', 'bzip2 -dc'],
  ['\xfd7zXZ\0', 'xz', 'xz -dc'],
  ['\x28\xb5\x2f\xfd', 'zstd', 'zstd -dc'],
  ['PK\x03\x04', 'zip'],
];

function looksLikeArchive(first: Buffer): boolean {
  if (first[0] === 0x1f && first[1] === 0x8b) return true;
  const packed = PACKED.find(([magic]) => first.toString('latin1', 0, magic.length) === magic);
  if (packed) {
    const [, name, unpack] = packed;
    const hint = unpack ? `unpack it on the way: ${unpack} FILE | wbuild -` : 'make a tar of it, plain or with gzip';
    fail({ code: 'InvalidContext', message: `the archive on standard input is compressed with ${name}`, hint });
  }
  return first.length >= 512 && first.toString('latin1', 257, 262) === 'ustar';
}

interface OpenedContext {
  readonly context: Context;
  readonly info: NamedContextInfo;
}

/** A named context, by platform: a folder is the same for all, and an image that several share is unpacked once. */
function openNamed(
  name: string,
  spec: string,
  { options, spool }: { readonly options: BuildOptions; readonly spool: LazySpool },
): (platform: Platform) => OpenedContext {
  const label = `the context ${name}`;
  if (spec.startsWith('oci-layout://')) {
    const trees = new Map<Digest, Promise<DirectoryNode>>();
    return (platform) => {
      const image = findLayoutImage(spec.slice('oci-layout://'.length), platform);
      const read = () => {
        const tree = trees.get(image.digest) ?? spool.open().then((s) => readLayoutTree(image, label, s));
        trees.set(image.digest, tree);
        return tree;
      };
      const context: Context = { label, excludes: [], readTree: read, ruleFor: () => undefined };
      return { context, info: { kind: 'oci-layout', digest: image.digest } };
    };
  }
  if (/^(docker-image|https?|git|ssh|target):/.test(spec)) {
    fail({
      code: 'ContextNotFound',
      message: `wbuild fetches nothing: --build-context ${name}=${spec}`,
      hint: 'name a folder, or an OCI layout: oci-layout://folder',
    });
  }
  const root = resolveFolder(spec, label);
  const ignore = readIgnoreFile(path.join(root, '.dockerignore'), path.join(spec, '.dockerignore'));
  const context = openFolder(root, label, ignore, skipped(options));
  const { patterns: excludes = [], errors = [] } = ignore ?? {};
  return () => ({ context, info: { kind: 'local', excludes, errors } });
}

/** Files and folders of a build that are never part of a context: its destinations, its store, its caches, and what else is left out. */
export function notInContext(options: BuildOptions): string[] {
  const { outputs, cacheDir, cacheFrom = [], cacheTo = [], leaveOut = [] } = options;
  const { cacheTo: remoteTo = [], cacheFrom: remoteFrom = [] } = options.builder ?? {};
  const remote = [...remoteTo, ...remoteFrom].flatMap(({ type, attrs }) =>
    type === 'local' ? [attrs.dest, attrs.src] : [],
  );
  const caches = [...cacheFrom.map((c) => c.src), ...cacheTo.map((c) => c.dest), ...remote];
  const paths = [...outputs.map((o) => o.dest), cacheDir, ...caches, ...leaveOut];
  return paths.filter((d): d is string => d !== undefined && d !== '-');
}

/** The same as absolute real paths. */
function skipped(options: BuildOptions): ReadonlySet<string> {
  return new Set(
    notInContext(options).map((dest) => {
      const absolute = path.resolve(dest);
      try {
        return path.join(realpathSync(path.dirname(absolute)), path.basename(absolute));
      } catch {
        return absolute;
      }
    }),
  );
}

async function readAll(stream: AsyncIterable<unknown> | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

/** The first 512 bytes of a stream, and the whole of it. */
async function peek(
  stream: AsyncIterable<unknown> | undefined,
): Promise<{ first: Buffer; all: AsyncIterable<Uint8Array> }> {
  const iterator = (stream ?? emptyStream())[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  while (first.length < 512) {
    const { value, done } = await iterator.next();
    if (done) break;
    first = Buffer.concat([first, Buffer.from(value as Uint8Array)]);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield first;
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) return;
      yield Buffer.from(value as Uint8Array);
    }
  }
  return { first, all: all() };
}

async function* emptyStream(): AsyncGenerator<never> {}

/** The spool, made when it is first needed, gone with the build. */
class LazySpool {
  #opened: Promise<Spool> | undefined;
  #forget: (() => void) | undefined;

  constructor(readonly folder: string) {}

  open(): Promise<Spool> {
    this.#opened ??= this.#make();
    return this.#opened;
  }

  async #make(): Promise<Spool> {
    const file = path.join(this.folder, `spool-${randomBytes(6).toString('hex')}`);
    this.#forget = registerTemporary(file);
    return { path: file, handle: await open(file, 'wx', 0o600), size: 0 };
  }

  async close(): Promise<void> {
    const spool = await this.#opened;
    await spool?.handle.close();
    this.#forget?.();
  }
}
