/** docs/api.md runs as it stands: its examples against the built package, with what they print as their comments say. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import * as api from '../../index.js';
import { ROOT, useRig } from '../rig.js';

const rig = useRig();
const text = fs.readFileSync(path.join(ROOT, 'docs/api.md'), 'utf8');
const examples = [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((m) => m[1]!);

function run(example: string): string[] {
  fs.mkdirSync(rig.path('node_modules'));
  fs.symlinkSync(path.resolve(ROOT), rig.path('node_modules/wbuild'));
  rig.write({ 'example.mjs': example, 'package.json': '{}' }); // without one, a package.json further up would count
  const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], { cwd: rig.dir, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.trimEnd().split('\n');
}

describe('the examples', () => {
  test('are as many as this file knows', () => {
    expect(examples).toHaveLength(6);
  });

  test('import', () => {
    expect(run(examples[0]!)).toEqual(['']);
  });

  test('build', () => {
    const [digests, warnings] = run(examples[1]!);
    expect(digests).toMatch(/^sha256:[0-9a-f]{64} sha256:[0-9a-f]{64}$/);
    expect(warnings).toBe('0');
    expect(fs.readFileSync(rig.path('rootfs/hello.txt'), 'utf8')).toBe('hello\n');
    expect(fs.existsSync(rig.path('hello.tar'))).toBe(true);
  });

  test('BuildError', () => {
    const lines = run(examples[2]!);
    expect(lines[0]).toBe('SourceNotFound did you mean app.wasm?');
    expect(lines[1]).toMatch(/^error\[SourceNotFound\]: app\.wasn/);
  });

  test('check', () => {
    expect(run(examples[3]!)).toEqual(['false', ...[...examples[3]!.matchAll(/^\/\/ (\d: .*)$/gm)].map((m) => m[1])]);
    expect(rig.list().filter((name) => !name.startsWith('node_modules'))).toEqual([
      'Dockerfile',
      'example.mjs',
      'package.json',
    ]);
  });

  test.each([
    ['formats', 4],
    ['parseDockerfile', 5],
  ])('%s', (_what, index) => {
    const said = [...examples[index]!.matchAll(/ ?\/\/ (.*)$/gm)].map((m) => m[1]);
    expect(run(examples[index]!)).toEqual(said);
  });
});

/** A program of somebody else's: every type that is named here can be named. */
const PROGRAM = `
import {
  type Annotation, type BuildEvent, type BuildRequest, type BuildResult, type BuiltImage, type CheckOptions, type CheckResult, CODES,
  type Diagnostic, type DiagnosticCode, type Document, type Instruction, type OutputRequest, build, check, formatSarif, parseDockerfile, ruleUrl,
} from 'wbuild';

const events: BuildEvent[] = [];
const annotations: Annotation[] = [{ level: 'index', key: 'a', value: 'b' }];
const outputs: OutputRequest[] = [{ type: 'oci', dest: 'o.tar', compression: 'zstd' }];
const request: BuildRequest = { context: '.', platforms: ['wasi/wasm'], outputs, annotations, emit: (event) => events.push(event) };
const result: BuildResult = await build(request);
const images: readonly BuiltImage[] = result.images;
const options: CheckOptions = { context: '.', platform: 'wasi/wasm' };
const checked: CheckResult = await check(options);
const sentence = (d: Diagnostic): string => \`\${d.code satisfies DiagnosticCode}: \${CODES[d.code]} \${d.range?.start.line ?? ''}\`;
const document: Document = parseDockerfile('FROM scratch').document;
const first: Instruction | undefined = document.instructions[0];
console.log(images, checked.diagnostics.map(sentence), first?.args[0]?.range.start.column, formatSarif([], { urlOf: ruleUrl }));
// @ts-expect-error an option that does not exist
await build({ context: '.', taget: 'x' });
// @ts-expect-error an output of no type
await build({ context: '.', outputs: [{ type: 'occi' }] });
`;

test('the types are those of a strict program', () => {
  fs.mkdirSync(rig.path('node_modules/@types'), { recursive: true });
  fs.symlinkSync(path.resolve(ROOT), rig.path('node_modules/wbuild'));
  fs.symlinkSync(path.resolve(ROOT, 'node_modules/@types/node'), rig.path('node_modules/@types/node'));
  rig.write({ 'program.mts': PROGRAM, 'package.json': '{}' });
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noEmit'];
  const target = ['--module', 'nodenext', '--target', 'es2022', '--types', 'node'];
  const tsc = path.resolve(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, ...strict, ...target, 'program.mts'], {
    cwd: rig.dir,
    encoding: 'utf8',
  });
  expect(stdout + stderr).toBe('');
});

describe('the API', () => {
  test('exports these names; one that is taken away breaks other programs', () => {
    expect(Object.keys(api).sort()).toEqual([
      'BuildError',
      'CODES',
      'build',
      'check',
      'formatDiagnostic',
      'formatDiagnosticsJson',
      'formatGithub',
      'formatSarif',
      'parseDockerfile',
      'ruleUrl',
    ]);
  });

  test('refuses an output without a destination, which would be lost', async () => {
    const result = api.build({ context: rig.dir, outputs: [{ type: 'oci' }] });
    await expect(result).rejects.toMatchObject({ diagnostics: [{ code: 'InvalidOutput' }] });
  });

  test('attests what is asked for, with what is left out as on the command line', async () => {
    rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY a /\n', 'c/a': 'a' });
    const request = { context: rig.path('c'), cacheDir: rig.cacheDir, platform: 'wasi/wasm' };
    const plain = await api.build(request);
    const attested = await api.build({ ...request, attest: { provenance: { mode: 'min' }, sbom: true } });
    expect(plain).not.toHaveProperty('index');
    expect(attested.index?.digest).toMatch(/^sha256:/);
    expect(attested.manifest).toEqual(plain.manifest);
    expect(await api.build({ ...request, attest: {} })).not.toHaveProperty('index');
  });

  test('parses bytes that are no UTF-8, and nothing at all', () => {
    const { document } = api.parseDockerfile(Buffer.from('FROM scratch\nCOPY \xff /\n', 'latin1'), { file: 'D' });
    expect(document.instructions.map((i) => i.keyword)).toEqual(['FROM', 'COPY']);
    expect(document.instructions[1]!.range.file).toBe('D');
    expect(api.parseDockerfile('').diagnostics).toMatchObject([{ code: 'EmptyDockerfile', severity: 'error' }]);
  });
});
