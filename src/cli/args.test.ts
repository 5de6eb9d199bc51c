import { describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { type BuildCommandOptions, parseArgs, wantsJsonDiagnostics } from './args.js';
import { FOREIGN } from './foreign-options.js';
import type { Env } from './io.js';
import { parseOutputOption } from './output-option.js';

function options(argv: readonly string[], env: Env = {}): BuildCommandOptions {
  const command = parseArgs(argv, env);
  if (command.kind !== 'build' && command.kind !== 'llb') throw new Error(`not a build: ${command.kind}`);
  return command.options;
}

/** Message and hint of every mistake. */
function mistakes(argv: readonly string[], env: Env = {}): string[] {
  try {
    parseArgs(argv, env);
  } catch (error) {
    if (error instanceof BuildError) return error.diagnostics.map((d) => `${d.code}: ${d.message} | ${d.hint}`);
    throw error;
  }
  return [];
}

const DOCKER = parseOutputOption('type=docker,dest=image.tar');

describe('commands', () => {
  test.each<[string[], object]>([
    [['.'], { kind: 'build' }],
    [['build', '.'], { kind: 'build' }],
    [['./build'], { kind: 'build' }],
    [['llb', '.'], { kind: 'llb' }],
    [['version'], { kind: 'version' }],
    [['--version'], { kind: 'version' }],
    [['build', '--version'], { kind: 'version' }],
    [['help'], { kind: 'help', topic: 'wbuild' }],
    [['help', 'build'], { kind: 'help', topic: 'wbuild' }],
    [['help', 'llb'], { kind: 'help', topic: 'llb' }],
    [['-h'], { kind: 'help', topic: 'wbuild' }],
    [['build', '--help', '--unknown'], { kind: 'help', topic: 'wbuild' }],
    [['llb', '--help'], { kind: 'help', topic: 'llb' }],
  ])('%j', (argv, command) => {
    expect(parseArgs(argv)).toMatchObject(command);
  });

  test.each<[string[], string]>([
    [[], 'Usage: "wbuild" requires 1 argument: the build context | for the current folder: wbuild build .'],
    [
      ['build'],
      'Usage: "wbuild build" requires 1 argument: the build context | for the current folder: wbuild build .; for a folder called build: wbuild ./build',
    ],
    [[''], 'Usage: the build context is an empty word | for the current folder: wbuild .'],
    [
      ['a', 'b'],
      'Usage: "wbuild" requires 1 argument, the build context, but there are 2: "a" "b" | wbuild --help lists the options',
    ],
    [
      ['lbl', '.'],
      'Usage: "wbuild" requires 1 argument, the build context, but there are 2: "lbl" "." | did you mean wbuild llb? The command comes first',
    ],
    [
      ['-t', 'x', 'build', '.'],
      'Usage: "wbuild" requires 1 argument, the build context, but there are 2: "build" "." | did you mean wbuild build? The command comes first',
    ],
    [
      ['pul', 'x'],
      'Usage: "wbuild" requires 1 argument, the build context, but there are 2: "pul" "x" | did you mean wbuild pull? The command comes first',
    ],
    [
      ['--sbom', '.'],
      'Usage: "wbuild" requires 1 argument: the build context | --sbom takes a value, and took "."; for the current folder: wbuild build .',
    ],
    [['help', 'inspct'], 'Usage: there is no command "inspct" | did you mean wbuild help inspect?'],
    [['help', 'xyzzy'], 'Usage: there is no command "xyzzy" | wbuild --help lists the commands'],
    [['images', '--jsn'], 'Usage: wbuild images has no option --jsn | did you mean --json?'],
    [['push', '--insecur', 'x'], 'Usage: wbuild push has no option --insecur | did you mean --insecure?'],
    [['diff', '--jso', 'a', 'b'], 'Usage: wbuild diff has no option --jso | did you mean --json?'],
    [['run', '--envv', 'a', 'b'], 'Usage: wbuild run has no option --envv | did you mean --env?'],
    [
      ['run', '--rm', 'a'],
      'Usage: wbuild run has no option --rm | leave it out: there is no container, and standard input is that of wbuild',
    ],
    [['builder', 'ls', '--jso', 'docker'], 'Usage: wbuild builder ls has no option --jso | did you mean --json?'],
  ])('%j is refused', (argv, text) => {
    expect(mistakes(argv)).toEqual([text]);
  });
});

describe('options of a build', () => {
  test('none', () => {
    expect(options(['ctx'])).toEqual({
      build: { context: 'ctx', buildContexts: {}, names: [], outputs: [DOCKER], noCache: false, epochSeconds: 0 },
      defaultOutput: true,
      progress: 'auto',
      quiet: false,
      diagnostics: 'text',
    });
  });

  test('all', () => {
    const argv =
      'build -f D -t app --tag localhost:5000/app:1 -o type=oci,dest=a.tar --output out --platform wasi/wasm --target release ' +
      '--build-context b=./out --build-context c=oci-layout://l:1 --no-cache --cache-dir C --progress plain --metadata-file m.json --iidfile id ' +
      '--cache-from type=local,src=a --cache-from type=local,src=b --cache-to type=local,dest=c --explain --diagnostics json ctx';
    const names = ['docker.io/library/app:latest', 'localhost:5000/app:1'];
    expect(options(argv.split(' '), { SOURCE_DATE_EPOCH: '7' })).toEqual({
      build: {
        context: 'ctx',
        file: 'D',
        target: 'release',
        platforms: ['wasi/wasm'],
        cacheDir: 'C',
        cacheFrom: [
          { type: 'local', src: 'a' },
          { type: 'local', src: 'b' },
        ],
        cacheTo: [{ type: 'local', dest: 'c', ignoreError: false }],
        explain: true,
        buildContexts: { b: './out', c: 'oci-layout://l:1' },
        names,
        outputs: [
          { ...parseOutputOption('type=oci,dest=a.tar'), names },
          { ...parseOutputOption('out'), names },
        ],
        noCache: true,
        epochSeconds: 7,
      },
      defaultOutput: false,
      progress: 'plain',
      quiet: false,
      diagnostics: 'json',
      metadataFile: 'm.json',
      iidFile: 'id',
    });
  });

  test('-t names the outputs that have no name of their own', () => {
    const { outputs } = options(['-t', 'a', '-o', 'type=oci,dest=1', '-o', 'type=oci,dest=2,name=b:2', '.']).build;
    expect(outputs.map((output) => output.names)).toEqual([['docker.io/library/a:latest'], ['docker.io/library/b:2']]);
  });

  test('the last of several values counts, and an empty one is none', () => {
    const { build } = options([
      '--target',
      'a',
      '--target',
      'b',
      '-f',
      'x',
      '-f',
      '',
      '--no-cache',
      '--no-cache=0',
      '.',
    ]);
    expect(build).toMatchObject({ target: 'b', noCache: false });
    expect(build).not.toHaveProperty('file');
  });

  test('a named context may have any name', () => {
    const { buildContexts } = options(['--build-context', '__proto__=x', '--build-context', 'a=b=c', '.']).build;
    expect(Object.entries(buildContexts!)).toEqual([
      ['__proto__', 'x'],
      ['a', 'b=c'],
    ]);
  });

  test.each<[string[], string[] | undefined]>([
    [[], undefined],
    [['--platform', 'linux/arm64'], ['linux/arm64']],
    [['--platform', 'local'], ['local']],
    [['--platform', ''], undefined],
    [
      ['--platform', 'wasi/wasm,linux/amd64', '--platform', 'linux/arm64'],
      ['wasi/wasm', 'linux/amd64', 'linux/arm64'],
    ],
  ])('platforms %j', (argv, platforms) => {
    expect(options([...argv, '.']).build.platforms).toEqual(platforms);
  });

  test('without -o, several platforms make an OCI archive: one for Docker alone cannot hold them', () => {
    const { build } = options(['--platform', 'wasi/wasm,linux/amd64', '.']);
    expect(build.outputs).toEqual([parseOutputOption('type=oci,dest=image.tar')]);
  });

  test('--push makes an image of its own, or pushes those that are outputs', () => {
    const outputs = (...argv: string[]) => options([...argv, '--push', '-t', 'a', '.']).build.outputs;
    const push = { insecure: false, byDigest: false };
    expect(outputs()).toMatchObject([{ type: 'image', push, names: ['docker.io/library/a:latest'] }]);
    expect(outputs('-o', 'type=oci,dest=x')).toMatchObject([{ type: 'oci' }, { type: 'image', push }]);
    expect(outputs('-o', 'type=image,registry.insecure=true,push-by-digest=true')).toMatchObject([
      { type: 'image', push: { insecure: true, byDigest: true } },
    ]);
    expect(outputs('-o', 'type=image')).toMatchObject([{ type: 'image', push }]);
  });

  test('--load loads the image, unless an output does', () => {
    const outputs = (...argv: string[]) => options([...argv, '--load', '.']).build.outputs;
    expect(outputs()).toMatchObject([{ type: 'docker', load: {} }]);
    expect(outputs('-o', 'type=docker,context=x')).toMatchObject([{ load: { context: 'x' } }]);
    expect(outputs('--push')).toMatchObject([{ type: 'image' }, { type: 'docker', load: {} }]);
  });

  test('labels and annotations', () => {
    const argv = ['--label', 'a=b=c', '--label', 'empty', '--label', 'a=d', '--annotation', 'k=v'];
    const more = ['--annotation', 'index,manifest-descriptor[linux/x86_64]:org.x=1:2=3', '.'];
    const { build } = options([...argv, ...more]);
    expect(build.labels).toEqual({ a: 'd', empty: '' });
    expect(build.annotations).toEqual([
      { level: 'manifest', key: 'k', value: 'v' },
      { level: 'index', key: 'org.x', value: '1:2=3' },
      { level: 'manifest-descriptor', platform: 'linux/amd64', key: 'org.x', value: '1:2=3' },
    ]);
  });

  test.each<[string[], Env, object]>([
    [[], {}, { progress: 'auto', quiet: false }],
    [['-q'], {}, { progress: 'quiet', quiet: true }],
    [['--progress', 'quiet'], {}, { progress: 'quiet', quiet: true }],
    [['-q', '--progress=auto'], { BUILDKIT_PROGRESS: 'plain' }, { progress: 'quiet', quiet: true }],
    [[], { BUILDKIT_PROGRESS: 'plain' }, { progress: 'plain', quiet: false }],
    [['--progress=tty'], { BUILDKIT_PROGRESS: 'plain' }, { progress: 'tty', quiet: false }],
    [[], { BUILDKIT_PROGRESS: '' }, { progress: 'auto', quiet: false }],
    [['--diagnostics=json'], {}, { progress: 'quiet', quiet: false }],
    [['--diagnostics=json', '--progress=rawjson'], {}, { progress: 'rawjson', quiet: false }],
    [['--diagnostics=json', '-q'], {}, { progress: 'quiet', quiet: true }],
  ])('progress %j %j', (argv, env, expected) => {
    expect(options([...argv, '.'], env)).toMatchObject(expected);
  });

  test('the epoch as a build argument, as reproducible builds with Docker spell it', () => {
    const argv = ['--build-arg', 'SOURCE_DATE_EPOCH=5', '.'];
    expect(options(argv, { SOURCE_DATE_EPOCH: '7' }).build.epochSeconds).toBe(5);
  });

  test('format belongs to check and llb', () => {
    expect(parseArgs(['llb', '.'])).toMatchObject({ options: { format: 'text' } });
    expect(parseArgs(['llb', '--format', 'dot', '-f', 'D', '.'])).toMatchObject({
      options: { format: 'dot', build: { file: 'D' } },
    });
    expect(mistakes(['--format', 'dot', '.'])).toEqual([
      'Usage: --format belongs to wbuild check and wbuild llb | for example: wbuild llb --format dot .',
    ]);
    expect(parseArgs(['check', '--format', 'sarif', '.'])).toMatchObject({
      kind: 'check',
      options: { format: 'sarif', build: { context: '.' } },
    });
    expect(parseArgs(['check', '.'])).toMatchObject({ kind: 'check', options: { format: 'text' } });
    expect(mistakes(['check', '--format', 'dot', '.'])[0]).toMatch(/--format/);
  });
});

describe('mistakes', () => {
  test.each<[string[], string]>([
    [['--tagert=x', '.'], 'Usage: unknown option --tagert | did you mean --target?'],
    [['--xyzzy', '.'], 'Usage: unknown option --xyzzy | wbuild --help lists the options'],
    [['-v'], 'Usage: unknown option -v | did you mean --version?'],
    [
      ['-o', 'type=oci,dest=./a/Dockerfile', 'a'],
      'Usage: "./a/Dockerfile" is the Dockerfile of this build, and would be written over | name another file',
    ],
    [['--check', '.'], 'Usage: wbuild has no --check: checking is a command of its own | use wbuild check'],
    [['check', '--json', '.'], 'Usage: --json belongs to wbuild verify | write --format json'],
    [
      ['--json', '.'],
      'Usage: --json belongs to wbuild verify | the digests come with --metadata-file FILE, errors and warnings with --diagnostics json',
    ],
    [['--a\x1b[2J', '.'], 'Usage: unknown option --a\\x1b[2J | wbuild --help lists the options'],
    [['.', '-f'], 'Usage: -f needs a value | wbuild --help lists the options'],
    [
      ['--no-cache=maybe', '.'],
      'Usage: --no-cache is either given or not: "maybe" is neither true nor false | write --no-cache',
    ],
    [
      ['--progress', 'plian', '.'],
      'Usage: --progress cannot be "plian" | did you mean plain? it is one of auto, tty, plain, quiet, rawjson',
    ],
    [['--diagnostics', 'xml', '.'], 'Usage: --diagnostics cannot be "xml" | it is one of text, json'],
    [
      ['llb', '--format', 'DOT', '.'],
      'Usage: --format cannot be "DOT" | did you mean dot? it is one of text, json, dot, mermaid, pb',
    ],
    [
      ['-q', '--progress', 'plain', '.'],
      'Usage: --quiet and --progress plain exclude one another | leave one of them out',
    ],
    [
      ['--build-context', 'x', '.'],
      'Usage: --build-context "x" is not NAME=VALUE | for example: --build-context assets=./public',
    ],
    [
      ['--build-context', '=x', '.'],
      'Usage: --build-context "=x" is not NAME=VALUE | for example: --build-context assets=./public',
    ],
    [['--label', '=x', '.'], 'Usage: --label "=x" has no key | for example: --label org.example.team=core'],
    [
      ['--annotation', 'k', '.'],
      'Usage: --annotation "k" is not KEY=VALUE | for example: --annotation index,manifest[linux/amd64]:org.example.team=core',
    ],
    [
      ['--annotation', 'org.x:y=z', '.'],
      'Usage: --annotation "org.x:y=z": "org.x" is no level | for example: --annotation index,manifest[linux/amd64]:org.example.team=core',
    ],
    [
      ['--annotation', 'indx:y=z', '.'],
      'InvalidAnnotation: --annotation "indx:y=z": there is no level "indx" | did you mean index? A level is one of manifest, index, manifest-descriptor, index-descriptor',
    ],
    [
      ['--annotation', 'a b=z', '.'],
      'InvalidAnnotation: --annotation "a b=z": the key "a b" has a blank in it | for example: --annotation index,manifest[linux/amd64]:org.example.team=core',
    ],
    [
      ['--annotation', 'manifest[linux/amd64/v1/x]:a=z', '.'],
      'InvalidAnnotation: an annotation is for [linux/amd64/v1/x]: "linux/amd64/v1/x" has too many parts | write os/arch or os/arch/variant, as linux/amd64',
    ],
    [
      ['-f', '-', '-'],
      'Usage: standard input cannot be the Dockerfile and a build context, or two contexts, at once | leave one on standard input (-) and put the other into a file or folder',
    ],
    [
      ['-o', '-', '-o', 'type=oci', '.'],
      'Usage: two outputs go to standard output | give each output a destination of its own',
    ],
    [
      ['-o', 'a', '-o', 'type=tar,dest=a', '.'],
      'Usage: two outputs go to "a" | give each output a destination of its own',
    ],
  ])('%j', (argv, text) => {
    expect(mistakes(argv)).toEqual([text]);
  });

  test('values that others check', () => {
    expect(mistakes(['-t', 'A:b:c', '.'])[0]).toMatch(/^InvalidReference: /);
    expect(mistakes(['-o', 'type=nope', '.'])[0]).toMatch(/^InvalidOutput: /);
    expect(mistakes(['.'], { SOURCE_DATE_EPOCH: 'x' })[0]).toMatch(/^InvalidEpoch: /);
    expect(mistakes(['.'], { BUILDKIT_PROGRESS: 'x' })[0]).toMatch(/^Usage: BUILDKIT_PROGRESS cannot be "x"/);
  });

  test('all that is wrong with the options is said at once', () => {
    expect(mistakes(['--squash', '--secret', 'id=a', '--fiel', 'x', '.'])).toEqual([
      'Usage: wbuild has no --squash: layers are those of the Dockerfile | copy everything with one COPY --from=STAGE / / in a last stage',
      'Usage: wbuild has no --secret: it only concerns RUN, and wbuild builds nothing that has a RUN | leave it out: the image is the same without it',
      'Usage: unknown option --fiel | did you mean --file?',
    ]);
  });
});

describe('options of buildx', () => {
  test.each([...FOREIGN].filter(([, { harmless }]) => harmless?.source !== '^'))(
    '--%s is refused by name',
    (name, option) => {
      const value = option.takes === 'value' ? ['some-value'] : [];
      const [text, ...more] = mistakes([`--${name}`, ...value, '.']);
      expect(text).toMatch(new RegExp(`^Usage: wbuild has no --${name}: \\S.* \\| \\S`));
      expect(more).toEqual([]);
    },
  );

  test.each([
    '--network=host',
    '--pull',
    '--pull=true',
    '--rm=false',
    '--force-rm',
    '--compress',
    '--push=false',
    '--load=false',
    '--provenance=false',
    '--sbom=false',
    '--attest=type=provenance,disabled=true',
    '--call=build',
    '--check=false',
  ])('%s changes nothing here, and passes', (option) => {
    expect(options([option, '.'])).toEqual(options(['.']));
  });

  test.each(['--sbom', '-D', '-m=1g'])('%s does not', (option) => {
    expect(mistakes([option, '.'])).toHaveLength(1);
  });
});

test('JSON diagnostics are wanted even by a command line that is wrong', () => {
  expect(wantsJsonDiagnostics(['--fiel', '--diagnostics', 'json'])).toBe(true);
  expect(wantsJsonDiagnostics(['--diagnostics=json', '--push'])).toBe(true);
  expect(wantsJsonDiagnostics(['-f', '--diagnostics=json', '.'])).toBe(false);
  expect(wantsJsonDiagnostics(['--', '--diagnostics=json'])).toBe(false);
});
