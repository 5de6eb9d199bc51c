/** What the fault tests build: small contexts with everything that a layer can hold, and what must come out of them. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { type BuildInternals, build } from '../../build/build.js';
import type { BuildOptions, BuildResult, OutputSpec } from '../../build/build-options.js';
import type { Diagnostic } from '../../diagnostic/diagnostic.js';
import { BlobStore } from '../../store/blobs.js';
import { verifyStore } from '../../store/verify.js';
import { sha256 } from '../../util/digest.js';

/** A generator of numbers in [0, 1) from a seed (mulberry32): a failure names its seed, and comes again. */
export function randomFrom(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** WBUILD_SEED, or the clock's. */
export const SEED = Number(process.env.WBUILD_SEED ?? Date.now() % 1_000_000);

const DOCKERFILE =
  'FROM scratch\nCOPY app /app/\nCOPY lib /lib/\nCOPY --chmod=755 bin /bin/\nENTRYPOINT ["/bin/tool"]\n';

/** A context of three layers; equal for equal `variant`. `bytes` is the size of the largest file. */
export function writeContext(folder: string, variant: number, bytes = 20_000): void {
  const random = randomFrom(variant);
  const write = (name: string, content: string | Uint8Array) => {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
    fs.chmodSync(path.join(folder, name), 0o644);
  };
  write('Dockerfile', DOCKERFILE);
  for (let i = 0; i < 5; i++) write(`app/page-${i}.html`, `page ${i} of ${Math.floor(variant / 2)}\n`.repeat(100));
  for (let i = 0; i < 3; i++) write(`lib/${i}/module.js`, `export default ${i};\n`);
  write(
    'bin/tool',
    Uint8Array.from({ length: bytes }, () => random() * 256),
  );
  write('lib/empty', '');
  fs.rmSync(path.join(folder, 'lib/link'), { force: true });
  fs.symlinkSync('0/module.js', path.join(folder, 'lib/link'));
  for (const name of ['.', 'app', 'lib', 'lib/0', 'lib/1', 'lib/2', 'bin'])
    fs.chmodSync(path.join(folder, name), 0o755);
}

/** A folder of the file's own, gone at its end. */
export function useFolder(): { readonly at: (...parts: string[]) => string } {
  let base = '';
  beforeAll(() => {
    base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'wbuild-faults-')));
  });
  afterAll(() => fs.rmSync(base, { recursive: true, force: true }));
  return { at: (...parts) => path.join(base, ...parts) };
}

/** Names are part of an archive, so that every build gives the same. */
export const NAMES = ['docker.io/me/app:latest'];

const OUTPUT: OutputSpec = { type: 'oci', tar: true, names: [], ociMediaTypes: true, compression: 'gzip' };

export interface Built {
  readonly bytes: Buffer;
  readonly result: BuildResult;
  readonly warnings: readonly Diagnostic[];
}

/** Builds in this process, to `out` (default: beside the context). */
export async function buildHere(
  context: string,
  cacheDir: string,
  more: Partial<BuildOptions> & { readonly out?: string; readonly internals?: BuildInternals } = {},
): Promise<Built> {
  const { out = `${context}.tar`, internals, ...options } = { names: NAMES, ...more };
  const outputs = [{ ...OUTPUT, dest: out, names: options.names }];
  const result = await build({ context, cacheDir, outputs, epochSeconds: 0, ...options }, internals);
  return { bytes: fs.readFileSync(out), result, warnings: result.warnings };
}

/** The bytes of a build with a store that it has for itself. */
export async function freshBytes(context: string, folder: string): Promise<Buffer> {
  const store = path.join(folder, `fresh-${sha256(context).slice(7, 19)}`);
  try {
    return (await buildHere(context, store, { out: `${store}.tar` })).bytes;
  } finally {
    fs.rmSync(store, { recursive: true, force: true });
    fs.rmSync(`${store}.tar`, { force: true });
  }
}

/** What of a store is not as it should be. */
export async function damageIn(cacheDir: string): Promise<readonly unknown[]> {
  if (!fs.existsSync(path.join(cacheDir, 'oci-layout')) || !fs.existsSync(path.join(cacheDir, 'builds'))) return [];
  const { damaged, unreadable, broken } = await verifyStore(new BlobStore(cacheDir));
  return [...damaged, ...unreadable, ...broken];
}

/** Counts what a test did, and prints it when the file ends. */
export function useCounts(title: string): (what: string, count?: number) => void {
  const counts = new Map<string, number>();
  afterAll(() => {
    const list = [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
    process.stderr.write(`faults: ${title}: ${list} (seed ${SEED})\n`);
  });
  return (what, count = 1) => counts.set(what, (counts.get(what) ?? 0) + count);
}
