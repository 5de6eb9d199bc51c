// One world of the matrix: lays the corpus out, builds all of it through the built program, and prints the digests as JSON.
//   worker.mjs <options as JSON>: checkout, work (an empty folder), workers?, reversed?, foreignZlib?, emulated?
// Runs on every Node from 20 on, emulated ones too: one process for all builds.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import zlib from 'node:zlib';
import { LARGE, layOutCorpus } from './corpus.mjs';

const { checkout, work, workers, reversed, foreignZlib, emulated } = JSON.parse(process.argv[2]);
const FORMS = {
  uncompressed: 'compression=uncompressed',
  gzip: 'compression=gzip',
  'gzip-9': 'compression=gzip,compression-level=9',
  zstd: 'compression=zstd',
  'zstd-12': 'compression=zstd,compression-level=12',
};
const EVERYWHERE = ['uncompressed', 'gzip', 'zstd'];

/** Threads at once, at most: a number of workers that none was started for is no world of its own. */
const threads = { now: 0, most: 0 };
process.on('worker', (worker) => {
  threads.most = Math.max(threads.most, ++threads.now);
  worker.on('exit', () => threads.now--);
});

if (workers) os.availableParallelism = () => workers;
if (reversed) {
  const { readdirSync } = fs;
  fs.readdirSync = (...args) => readdirSync(...args).reverse();
}
if (foreignZlib) {
  // a zlib that compresses otherwise, as a Node that a distribution builds may have: the program must notice
  const { deflateRawSync } = zlib;
  zlib.deflateRawSync = (bytes, options) => deflateRawSync(bytes, { ...options, memLevel: 1 });
  zlib.deflateRaw = (_bytes, _options, done) => done(new Error('the wrong zlib was used'));
}
if (workers || reversed || foreignZlib) syncBuiltinESMExports();

const { main } = createRequire(import.meta.url)(path.join(checkout, 'dist/bundle/main.cjs'));
const corpus = layOutCorpus(path.join(checkout, 'testdata'), path.join(work, 'corpus'), { withLarge: !emulated });

/** Runs a command line in this process. */
async function run(argv, { dir, env, stdin }, cache) {
  let said = '';
  const sink = () => new PassThrough().on('data', (chunk) => (said += chunk));
  process.chdir(dir);
  const code = await main(argv, {
    stdin: Readable.from(stdin === undefined ? [] : [stdin]),
    stdout: sink(),
    stderr: sink(),
    env: { ...env, WBUILD_CACHE_DIR: cache, TMPDIR: work },
    version: process.version,
    platform: process.platform,
    arch: process.arch,
    on: () => undefined,
    off: () => undefined,
    exit: (status) => process.exit(status),
  });
  if (code !== 0) throw new Error(`wbuild ${argv.join(' ')} in ${dir}: exit code ${code}\n${said}`);
}

/** Builds everything, and hashes every archive. */
async function digests(cache) {
  const found = {};
  for (const build of corpus) {
    found[build.name] = {};
    for (const form of [...EVERYWHERE, ...build.forms]) {
      const attributes = FORMS[form];
      const archive = path.join(work, 'image.tar');
      const metadata = path.join(work, 'metadata.json');
      const platform = build.argv.includes('--platform') ? [] : ['--platform', 'linux/amd64'];
      const output = ['-o', `type=oci,dest=${archive},${attributes}`, '--metadata-file', metadata];
      await run(['build', '--progress', 'quiet', ...platform, ...output, ...build.argv], build, cache);
      const { 'containerimage.digest': manifest } = JSON.parse(fs.readFileSync(metadata, 'utf8'));
      const bytes = createHash('sha256').update(fs.readFileSync(archive)).digest('hex');
      found[build.name][form] = { manifest, archive: `sha256:${bytes}` };
      fs.rmSync(archive);
    }
  }
  return found;
}

const cache = path.join(work, 'store');
const cold = await digests(cache);
const warm = await digests(cache);
// nobody else may read what wbuild creates, under a umask that says so
const open = fs.readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => {
  const { mode } = fs.lstatSync(path.join(entry.parentPath ?? entry.path, entry.name));
  return (mode & 0o077 & process.umask()) !== 0;
});
process.stdout.write(
  JSON.stringify({
    node: process.version,
    arch: process.arch,
    threads: threads.most,
    left: emulated ? LARGE : [],
    cold,
    warm,
    open: open.map((entry) => entry.name),
  }),
);
