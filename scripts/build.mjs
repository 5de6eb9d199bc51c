#!/usr/bin/env node
// Builds dist: grammar/*.ohm → src/generated/*.ohm-bundle.{js,d.ts}, then src → dist. Prints nothing when all is well.
//   node scripts/build.mjs              everything that is out of date
//   node scripts/build.mjs --grammars   the bundles alone, which the type checker and jest need
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import bundles from '@ohm-js/cli/src/commands/generateBundles/index.js';
import { buildSync } from 'esbuild';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const at = (...parts) => path.join(root, ...parts);
const generated = at('src/generated');
const dist = at('dist');
const record = at('node_modules/.cache/wbuild-build.json');
const lock = at('node_modules/.cache/wbuild-build.lock');

/** Every file below a folder, as sorted paths relative to it. */
function filesBelow(dir) {
  if (!fs.existsSync(dir)) return [];
  const entries = fs.readdirSync(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((e) => e.isFile() && !e.name.includes('.part-'));
  return files.map((e) => path.relative(dir, path.join(e.parentPath ?? e.path, e.name))).sort();
}

/** Writes by rename, so that a program which starts meanwhile reads the old file or the new one; leaves an equal file alone. */
function writeIfChanged(file, bytes) {
  if (fs.existsSync(file) && fs.readFileSync(file).equals(bytes)) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const part = `${file}.part-${process.pid}`;
  fs.writeFileSync(part, bytes);
  fs.renameSync(part, file);
}

/** Makes `dir` hold exactly `files` (relative path → bytes). */
function sync(dir, files) {
  for (const [name, bytes] of files) writeIfChanged(path.join(dir, name), bytes);
  for (const name of filesBelow(dir)) if (!files.has(name)) fs.rmSync(path.join(dir, name), { force: true });
}

/** What the build depends on, as one hash: names, sizes and times of the inputs. */
function stateOf(dirs, files) {
  const hash = createHash('sha256');
  const inputs = [...dirs.flatMap((dir) => filesBelow(at(dir)).map((name) => path.join(dir, name))), ...files];
  for (const file of inputs) {
    const stat = fs.statSync(at(file));
    hash.update(`${file}\0${stat.size}\0${stat.mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** grammar → src/generated. @returns whether every grammar is one */
function buildGrammars() {
  const files = new Map();
  let good = true;
  for (const source of filesBelow(at('grammar')).filter((name) => name.endsWith('.ohm'))) {
    try {
      const plan = bundles.action([source], { dryRun: true, cwd: at('grammar'), esm: true, withTypes: true });
      for (const [name, text] of Object.entries(plan.filesToWrite)) files.set(name, Buffer.from(text));
    } catch (error) {
      console.error(`grammar/${source}: ${error.message}`);
      good = false;
    }
  }
  sync(generated, files);
  return good;
}

/** src → dist by way of a folder beside it, so that dist changes file by file and loses what src lost. @returns whether the types hold */
function buildSources() {
  const part = fs.mkdtempSync(at('node_modules/.cache/dist-'));
  try {
    const tsc = spawnSync(at('node_modules/.bin/tsc'), ['-p', at('tsconfig.build.json'), '--outDir', part], {
      encoding: 'utf8',
      cwd: root,
    });
    if (tsc.error) throw tsc.error;
    process.stderr.write(tsc.stdout + tsc.stderr);
    const files = new Map(filesBelow(part).map((name) => [name, fs.readFileSync(path.join(part, name))]));
    for (const name of filesBelow(generated))
      files.set(path.join('generated', name), fs.readFileSync(path.join(generated, name)));
    for (const [name, bytes] of bundle(part)) files.set(path.join('bundle', name), bytes);
    files.set('bundle/package.json', Buffer.from('{"type":"commonjs"}\n'));
    sync(dist, files);
    if (tsc.status === 0) writeIfChanged(at('man/wbuild.1'), manPage());
    return tsc.status === 0;
  } finally {
    fs.rmSync(part, { recursive: true, force: true });
  }
}

/** The manual page is made by what was just built, in a process of its own: this one may have loaded it before. */
function manPage() {
  const { status, stdout, stderr } = spawnSync(process.execPath, [at('scripts/man-page.mjs')]);
  if (status !== 0) throw new Error(`the manual page was not made: ${stderr}`);
  return stdout;
}

/**
 * The command line in few files: most of the start-up of a build was finding and compiling a hundred modules. CommonJS, since Node loads that
 * with less ado, and since V8's code cache (cli/code-cache.ts) takes scripts. What is imported on demand is still run on demand.
 */
function bundle(part) {
  fs.cpSync(generated, path.join(part, 'generated'), { recursive: true });
  const { outputFiles } = buildSync({
    entryPoints: Object.fromEntries(
      ['cli/start', 'cli/main', 'layer/deflate-worker', 'layer/hash-worker', 'wasi/runner'].map((name) => [
        name === 'wasi/runner' ? 'wasi-runner' : path.basename(name),
        path.join(part, `${name}.js`),
      ]),
    ),
    outdir: path.join(part, 'bundle'),
    outExtension: { '.js': '.cjs' },
    nodePaths: [at('node_modules')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    supported: { 'dynamic-import': false },
    minifyWhitespace: true,
    minifySyntax: true,
    // seldom needed, so that they stay packages
    external: [
      'diff',
      '@bokuweb/zstd-wasm',
      'pako',
      'dockerfile-ast',
      'tar-stream',
      '@grpc/grpc-js',
      '@bufbuild/protobuf',
      'undici',
    ],
    alias: { 'ohm-js': at('scripts/ohm-runtime.mjs') },
    define: { 'import.meta.url': 'bundleUrl' },
    banner: { js: "const bundleUrl=require('node:url').pathToFileURL(__filename).href;" },
    write: false,
    logLevel: 'error',
  });
  return outputFiles.map((file) => [
    path.relative(path.join(part, 'bundle'), file.path),
    Buffer.from(asciiOnly(file.text)),
  ]);
}

/** Escapes what esbuild leaves, which is what stands in regular expressions: the code cache reads sources as latin1. */
function asciiOnly(text) {
  return text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Runs `work` while no other build of this checkout does; a lock older than two minutes was left by a build that died. */
function alone(work) {
  fs.mkdirSync(path.dirname(lock), { recursive: true });
  for (;;) {
    try {
      fs.mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      const age = Date.now() - (fs.statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0);
      if (age > 120_000) fs.rmSync(lock, { recursive: true, force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
  try {
    return work();
  } finally {
    fs.rmSync(lock, { recursive: true, force: true });
  }
}

function build() {
  const known = fs.existsSync(record) ? JSON.parse(fs.readFileSync(record, 'utf8')) : {};
  const grammars = stateOf(['grammar'], ['scripts/build.mjs']);
  const fresh = known.grammars === grammars && fs.existsSync(generated);
  const parsed = fresh || buildGrammars();
  if (process.argv.includes('--grammars')) return parsed ? 0 : 1;
  const configs = [
    'scripts/build.mjs',
    'scripts/ohm-runtime.mjs',
    'scripts/man-page.mjs',
    'tsconfig.json',
    'tsconfig.build.json',
    'package-lock.json',
  ];
  const sources = stateOf(['src'], configs);
  const outputs = () => stateOf(['dist', 'man'], []);
  if (fresh && known.sources === sources && known.outputs === outputs()) return 0;
  if (!buildSources() || !parsed) return 1;
  writeIfChanged(record, Buffer.from(JSON.stringify({ grammars, sources, outputs: outputs() })));
  return 0;
}

process.exitCode = alone(build);
