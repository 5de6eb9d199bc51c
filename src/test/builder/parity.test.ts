/**
 * The parity corpus, built here and on a BuildKit daemon: the same digests, and the same errors at the same places. Uncompressed, the archives
 * are the same bytes; with gzip, whose bytes are each compressor's own, config and diff IDs are.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { BuildResult } from '../../build/build-options.js';
import { type BuildRequest, build } from '../../build/build-request.js';
import type { BuilderOptions } from '../../buildkit/address.js';
import { BuildError } from '../../diagnostic/build-error.js';
import type { Diagnostic } from '../../diagnostic/diagnostic.js';
import { sha256 } from '../../util/digest.js';
import { ROOT } from '../rig.js';
import { type Daemon, startDaemon } from './daemon.js';

interface Case {
  readonly area: string;
  readonly name: string;
  readonly platform?: string;
  readonly target?: string;
  readonly epoch?: number;
  readonly dockerfile: string | { readonly text?: string };
}

interface Laid {
  readonly context: string;
  readonly contexts: Readonly<Record<string, string>>;
  readonly dockerfile: string;
}

const parity = path.join(ROOT, '../shared/parity');
const { loadCases, materialize } = (await import(pathToFileURL(path.join(parity, 'materialize.mjs')).href)) as {
  loadCases: (roots: readonly string[]) => { readonly case: Case }[];
  materialize: (c: Case, out: string) => Laid;
};
const cases = loadCases([path.join(parity, 'cases')]).map((loaded) => loaded.case);

/**
 * What the BuildKit in Docker 26 (0.13) cannot do, and wbuild refuses there with the place of the step, since the result would be another one. That
 * in Docker 28.5 (0.25), on which CI builds the corpus as well, lacks --parents, and group- or world-writable modes for folders.
 */
const TOO_OLD = new Set(
  [
    // modes in symbols, and --parents, came later; an octal mode did not go for the folders that COPY makes
    /^(?:COPY|ADD)\b.*--(?:chmod|parents)\b/im,
  ].flatMap((pattern) =>
    cases
      .filter(({ dockerfile }) => pattern.test(typeof dockerfile === 'string' ? dockerfile : (dockerfile.text ?? '')))
      .map(({ area, name }) => `${area}/${name}`),
  ),
);

/** How many are built at once. */
const JOBS = 6;

/** A buildkitd that runs already and has all that wbuild asks for: `npm run test:builder -- --builder ADDR`. */
const given = process.env.PARITY_BUILDER;

let daemon: Daemon | undefined;
let builder: BuilderOptions;
let base: string;
beforeAll(async () => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'wbuild-parity-')));
  if (given === undefined) daemon = await startDaemon();
  builder = daemon ? { addresses: `unix://${daemon.socket}` } : (JSON.parse(given!) as BuilderOptions);
}, 60_000);
afterAll(async () => {
  await daemon?.close();
  fs.rmSync(base, { recursive: true, force: true });
}, 60_000);

const tooOld: string[] = [];

type Outcome = { readonly result: BuildResult; readonly bytes: string } | { readonly errors: readonly Diagnostic[] };

async function outcome(request: BuildRequest, out: string): Promise<Outcome> {
  try {
    const result = await build(request);
    return { result, bytes: sha256(fs.readFileSync(out)) };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return { errors: error.diagnostics };
  }
}

const digestsOf = ({ result }: { result: BuildResult }) => ({ config: result.config, diffIDs: result.diffIDs });

/** What differs between the two builds of a case, in words; nothing when they are the same. */
async function compare(c: Case, folder: string): Promise<string[]> {
  const { context, contexts, dockerfile } = materialize(c, folder);
  const at = (name: string) => path.join(folder, name);
  const common = {
    context,
    file: dockerfile,
    buildContexts: contexts,
    platform: c.platform ?? 'wasi/wasm',
    epochSeconds: c.epoch ?? 0,
    cacheDir: at('cache'),
    ...(c.target !== undefined && { target: c.target }),
  };
  const run = (name: string, compression: 'gzip' | 'uncompressed') => {
    const dest = at(`${name}-${compression}.tar`);
    const signal = AbortSignal.timeout(120_000);
    return outcome(
      { ...common, ...(name === 'remote' && { builder }), signal, outputs: [{ type: 'oci', dest, compression }] },
      dest,
    );
  };
  const [here, there] = [await run('local', 'uncompressed'), await run('remote', 'uncompressed')];
  if ('errors' in here || 'errors' in there) {
    const shown = (o: Outcome) => JSON.stringify('errors' in o ? o.errors : 'an image');
    const old = 'errors' in there && there.errors.every((e) => e.code === 'BuilderTooOld' && e.range !== undefined);
    if (old && TOO_OLD.has(`${c.area}/${c.name}`)) {
      tooOld.push(`${c.area}/${c.name}`);
      return [];
    }
    return shown(here) === shown(there) ? [] : [`here ${shown(here)}, there ${shown(there)}`];
  }
  const differences: string[] = [];
  if (here.result.manifest.digest !== there.result.manifest.digest) differences.push('manifest');
  if (here.bytes !== there.bytes) differences.push('archive');
  const [packed, sent] = [await run('local', 'gzip'), await run('remote', 'gzip')];
  if ('errors' in packed || 'errors' in sent) differences.push('gzip fails');
  else if (JSON.stringify(digestsOf(packed)) !== JSON.stringify(digestsOf(sent)))
    differences.push('config or diff IDs');
  return differences;
}

test('every case', async () => {
  const found: Record<string, string> = {};
  // BuildKit takes two steps that run at the same time for one when they differ in the times of files alone, which layers keep if they are before
  // the epoch: those cases are built alone
  const timed = [...cases.entries()].filter(([, { epoch }]) => (epoch ?? 0) > 0);
  const rest = [...cases.entries()].filter(([, { epoch }]) => !((epoch ?? 0) > 0));
  const work = async (todo: [number, Case][]) => {
    for (let next = todo.shift(); next; next = todo.shift()) {
      const [i, c] = next;
      const folder = path.join(base, String(i));
      const differences = await compare(c, folder).catch((error: unknown) => [String(error)]);
      if (differences.length > 0) found[`${c.area}/${c.name}`] = differences.join('; ');
      fs.rmSync(folder, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: JOBS }, () => work(rest)));
  await work(timed);
  expect(cases.length).toBeGreaterThan(400);
  expect(found).toEqual({});
  if (given !== undefined) expect(tooOld).toEqual([]);
  // every other one is equal; these are refused, and counted here so that nobody takes them for equal
  console.log(
    `${cases.length - tooOld.length} of ${cases.length} equal, ${tooOld.length} refused as too new for the daemon:\n${tooOld.sort().join('\n')}`,
  );
}, 900_000);
