/** action.yml and docs/ci.md keep their word: both are parsed, and the commands that they would run are run. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { BIN, ROOT, useRig } from '../rig.js';

const rig = useRig();

interface Step {
  readonly id?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, string>>;
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly description: string; readonly default: string }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

const action: Action = parse(fs.readFileSync(path.join(ROOT, 'action.yml'), 'utf8'));
const page = fs.readFileSync(path.join(ROOT, 'docs/ci.md'), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((m) => m[1]!);

type Outputs = Readonly<Record<string, string>>;

/** A runner: expressions by a table, steps by bash, outputs by a file. */
function runStep(step: Step, expressions: Outputs, env: Outputs = {}) {
  const output = rig.path('../github-output');
  fs.writeFileSync(output, '');
  const resolve = (text: string) =>
    text.replace(/\$\{\{ *([\w.-]+) *\}\}/g, (_, name: string) => {
      if (expressions[name] === undefined) throw new Error(`no value for ${name}`);
      return expressions[name];
    });
  const given = Object.fromEntries(
    Object.entries(step.env ?? {}).map(([name, value]) => [name, resolve(String(value))]),
  );
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['--noprofile', '--norc', '-e', '-o', 'pipefail', '-c', step.run!],
    {
      cwd: rig.dir,
      encoding: 'utf8',
      env: {
        PATH: `${rig.path('../bin')}:${process.env.PATH}`,
        HOME: rig.path('../home'),
        XDG_CACHE_HOME: rig.cacheDir,
        TMPDIR: rig.path('..'),
        GITHUB_ACTION_PATH: ROOT,
        WBUILD: ROOT,
        // packages come from npm's cache where it has them
        npm_config_cache: process.env.npm_config_cache ?? path.join(os.homedir(), '.npm'),
        npm_config_prefer_offline: 'true',
        npm_config_audit: 'false',
        npm_config_update_notifier: 'false',
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: rig.path('../summary.md'),
        ...env,
        ...given,
      },
    },
  );
  return { code: status, stdout, stderr, outputs: readOutputs(fs.readFileSync(output, 'utf8')) };
}

/** As GitHub reads its file: NAME=VALUE, or NAME<<END and lines up to END. */
function readOutputs(text: string): Outputs {
  const found: Record<string, string> = {};
  const lines = text.split('\n');
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const [, name, end] = /^(\w+)<<(.+)$/.exec(line) ?? [];
    if (name !== undefined) {
      const stop = lines.indexOf(end!);
      found[name] = lines.splice(0, stop).join('\n');
      lines.shift();
    } else if (line !== '') found[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
  }
  return found;
}

/** Runs the action with some inputs. */
function runAction(given: Readonly<Record<string, string>>, place = ROOT) {
  const unknown = Object.keys(given).filter((name) => !action.inputs[name]);
  expect(unknown).toEqual([]);
  const inputs = Object.fromEntries(
    Object.entries(action.inputs).map(([name, { default: value }]) => [`inputs.${name}`, String(given[name] ?? value)]),
  );
  const steps: Record<string, string> = {};
  let last = { code: 0 as number | null, stdout: '', stderr: '' };
  for (const step of action.runs.steps) {
    const { outputs, ...result } = runStep(step, inputs, { GITHUB_ACTION_PATH: place });
    for (const [name, value] of Object.entries(outputs)) steps[`steps.${step.id}.outputs.${name}`] = value;
    last = result;
    if (result.code !== 0) break;
  }
  const outputs = Object.fromEntries(
    Object.entries(action.outputs).map(([name, { value }]) => [
      name,
      steps[value.replace(/^\$\{\{ | \}\}$/g, '')] ?? '',
    ]),
  );
  return { ...last, outputs };
}

beforeEach(() => {
  rig.copy('hello-wasi');
  fs.mkdirSync(rig.path('../bin'));
  fs.writeFileSync(rig.path('../bin/wbuild'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
  fs.symlinkSync(process.execPath, rig.path('../bin/node'));
});

const PROVENANCE_TYPE = 'https://slsa.dev/provenance/v1';

describe('action.yml', () => {
  test('has the names of docker/build-push-action, and no expression in a script', () => {
    // of https://github.com/docker/build-push-action: those that wbuild has a meaning for
    const theirs = [
      'context',
      'file',
      'target',
      'platforms',
      'tags',
      'labels',
      'annotations',
      'build-contexts',
      'outputs',
      'attests',
      'provenance',
      'sbom',
      'no-cache',
    ];
    expect(Object.keys(action.inputs)).toEqual([...theirs, 'timestamp', 'verify-against', 'require', 'perturb']);
    expect(Object.keys(action.outputs)).toEqual(['digest', 'imageid', 'metadata']);
    expect(action.runs.using).toBe('composite');
    for (const { run, env = {} } of action.runs.steps) {
      expect(run).not.toContain('${{');
      for (const value of Object.values(env))
        expect(Object.keys(action.inputs)).toContain(/^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(value)?.[1]);
    }
  });

  test('builds, and says what it built', () => {
    const { code, stderr, outputs } = runAction({ platforms: 'wasi/wasm' });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const metadata = JSON.parse(outputs.metadata!);
    expect(outputs).toMatchObject({
      digest: metadata['containerimage.digest'],
      imageid: metadata['containerimage.config.digest'],
    });
    expect(fs.existsSync(rig.path('image.tar'))).toBe(true);
  });

  test('takes every input', () => {
    rig.write({ 'other/file': 'x\n', D: 'FROM scratch AS one\nCOPY --from=more file /\nFROM one AS two\n' });
    const { code, stderr, outputs } = runAction({
      context: '.',
      file: 'D',
      target: 'one',
      platforms: 'wasi/wasm\nlinux/arm64\n',
      tags: 'a:1, a:2\nb:1',
      labels: '\n  k=v w\n  l=2\n',
      annotations: 'index:t=x y',
      'build-contexts': 'more=other',
      outputs: 'type=oci,dest=one.tar,compression=uncompressed\n  type=oci,dest=two,tar=false  ',
      attests: 'type=sbom\ntype=provenance,mode=max',
      provenance: 'mode=min',
      sbom: 'false',
      'no-cache': 'true',
      timestamp: '2023-11-14T22:13:20Z',
    });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(outputs.metadata!)['image.name']).toBe(
      'docker.io/library/a:1,docker.io/library/a:2,docker.io/library/b:1',
    );
    const { stdout } = spawnSync(process.execPath, [BIN, 'inspect', '--json', 'one.tar'], {
      cwd: rig.dir,
      encoding: 'utf8',
    });
    const { images, attestations } = JSON.parse(stdout);
    expect(images).toHaveLength(2);
    expect(attestations).toMatchObject([{ predicateType: PROVENANCE_TYPE }, { predicateType: PROVENANCE_TYPE }]);
    expect(images[0]).toMatchObject({
      labels: { k: 'v w', l: '2' },
      created: '2023-11-14T22:13:20Z',
      layers: [{ files: [{ path: 'file' }] }],
    });
    expect(fs.existsSync(rig.path('two/index.json'))).toBe(true);
  });

  test('verifies, and fails when that does not hold', () => {
    const { outputs } = runAction({ platforms: 'wasi/wasm' });
    expect(runAction({ platforms: 'wasi/wasm', 'verify-against': outputs.digest!, perturb: 'true' })).toMatchObject({
      code: 0,
    });
    expect(fs.readFileSync(rig.path('../summary.md'), 'utf8')).toMatch(/### ✅ verified[\s\S]*### ✅ held/);
    const other = runAction({ platforms: 'linux/amd64', 'verify-against': outputs.digest! });
    expect(other).toMatchObject({ code: 3, stdout: expect.stringContaining('NOT verified') });
    fs.renameSync(rig.path('image.tar'), rig.path('../kept.tar'));
    expect(runAction({ platforms: 'wasi/wasm', 'verify-against': '../kept.tar', require: 'contents' })).toMatchObject({
      code: 0,
    });
    expect(runAction({ file: 'none' })).toMatchObject({ code: 1 });
  });

  test('runs nothing that an input says', () => {
    const evil = '$(touch pwned); `touch pwned`; "; touch pwned; "';
    for (const name of Object.keys(action.inputs)) runAction({ [name]: evil });
    expect(rig.list().filter((file) => file.includes('pwned') && !file.includes('touch'))).toEqual([]);
  });
});

describe('docs/ci.md', () => {
  const console = blocks('console').map((block) => block.trimEnd().split('\n'));
  const yaml = blocks('yaml').map((text) => parse(text));

  test('has no place to be filled in', () => {
    expect(page).not.toMatch(/\b(OWNER|COMMIT|TODO|VERSION)\b/);
    for (const line of console.flat()) expect(line).toMatch(/^\$ /);
    const uses = (yaml[0].jobs.image.steps as Step[]).flatMap((step) => step.uses ?? []);
    // nobody's but GitHub's own, and the one in the repository
    expect(uses.filter((name) => !name.startsWith('actions/'))).toEqual(['./ci/node_modules/wbuild']);
  });

  test('from nothing to green: its commands, and its jobs in a checkout of what they leave', () => {
    spawnSync('git', ['init', '-q'], { cwd: rig.dir });
    fs.rmSync(rig.path('../bin/wbuild')); // the page brings its own
    const [bring, look, ...others] = console.map((lines) => lines.map((line) => line.slice(2)));
    expect(bring!.at(-1)).toMatch(/^export PATH=/);
    expect(run(bring!)).toMatchObject({ code: 0 });
    expect(run([bring!.at(-1)!, ...look!])).toMatchObject({ code: 3, stdout: expect.stringContaining('FileMode: ') });
    for (const line of others.flat()) expect({ line, ...run([bring!.at(-1)!, line]) }).toMatchObject({ line, code: 0 });
    const pinned = fs.readFileSync(rig.path('image.digest'), 'utf8');
    expect(pinned).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    const { stdout: added } = spawnSync('git', ['status', '--porcelain'], { cwd: rig.dir, encoding: 'utf8' });
    expect(added).toMatch(/^A {2}ci\/package-lock\.json\nA {2}ci\/package\.json\nA {2}ci\/wbuild-.*\.tgz$/m);
    expect(added).not.toMatch(/node_modules|image\.tar/);

    checkOut();
    runWorkflow(yaml[0].jobs.image.steps);

    checkOut();
    const { image } = yaml[1];
    expect(run([...image.before_script, ...image.script], image.variables)).toMatchObject({ code: 0 });
    const variables = fs.readFileSync(rig.path('wbuild.env'), 'utf8');
    expect(variables).toMatch(/^digest=sha256:[0-9a-f]{64}\nimageid=sha256:[0-9a-f]{64}\n$/);
    expect(variables).toContain(`digest=${pinned}`);
    for (const file of [...image.artifacts.paths, image.artifacts.reports.dotenv])
      expect(fs.existsSync(rig.path(file))).toBe(true);
  }, 180_000);

  /** Lines of one shell, each of which has to do well. */
  function run(lines: readonly string[], env?: Outputs) {
    return runStep({ run: lines.join('\n') }, {}, env);
  }

  /** What is in git's index, as a runner finds it. */
  function checkOut(): void {
    spawnSync('git', ['add', '-A'], { cwd: rig.dir });
    spawnSync('git', ['clean', '-qfdx'], { cwd: rig.dir });
    for (const name of ['image.tar', 'metadata.json', 'ci/node_modules'])
      expect(fs.existsSync(rig.path(name))).toBe(false);
  }

  function runWorkflow(steps: readonly Step[]): void {
    const outputs: Record<string, string> = {};
    for (const step of steps) {
      if (step.uses?.startsWith('actions/')) continue;
      const resolved = Object.entries(step.with ?? {}).map(([name, value]) => {
        return [name, String(value).replace(/\$\{\{ ([\w.]+) \}\}/g, (_, key: string) => outputs[key] ?? `no ${key}`)];
      });
      const place = rig.path(step.uses ?? '.');
      if (step.uses) expect(parse(fs.readFileSync(path.join(place, 'action.yml'), 'utf8'))).toEqual(action);
      const result = step.run === undefined ? runAction(Object.fromEntries(resolved), place) : runStep(step, outputs);
      expect({ step, ...result }).toMatchObject({ step, code: 0 });
      for (const [name, value] of Object.entries(result.outputs)) outputs[`steps.${step.id}.outputs.${name}`] = value;
      if (step.run?.startsWith('echo "built')) expect(result.stdout).toMatch(/^built sha256:/);
    }
  }
});
