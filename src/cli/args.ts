/** argv → a typed command. Pure: what it needs of the environment is given. */
import { type AttestOptions, attestsAny, attestsOf } from '../attest/options.js';
import type { BuildOptions, OutputSpec } from '../build/build-options.js';
import { LEVELS, type Level } from '../compare/levels.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import { formatReference, parseReference } from '../oci/reference.js';
import { quote } from '../util/text.js';
import { parseAnnotation } from './annotation-option.js';
import { parseBool, type Token, tokenize } from './argv.js';
import { parseAttests } from './attest-option.js';
import { type BuilderCommand, parseBuilderArgs, remoteOptions } from './builder-args.js';
import { parseCacheFrom, parseCacheTo } from './cache-option.js';
import { COMMANDS, collect, onlyOperand, TABLE, usage, type Values } from './collect.js';
import { COMPARE_WORDS, type CompareCommand, parseCompareArgs } from './compare-args.js';
import { parseEpoch, parseTimestamp, type Timestamp } from './epoch.js';
import type { Env } from './io.js';
import { parseOutputOption } from './output-option.js';
import { PROGRESS_MODES, type ProgressMode } from './progress-mode.js';
import { parseRegistryArgs, REGISTRY_WORDS, type RegistryCommand } from './registry-args.js';
import { parseRunArgs, type RunCommand } from './run-args.js';
import { SHELLS, type Shell } from './shells.js';
import { parseStoreArgs, STORE_WORDS, type StoreCommand } from './store-args.js';
import { checkStreams, spareDockerfile } from './use-of-files.js';
import { parseVersionArgs, type VersionCommand } from './version-args.js';

export const DIAGNOSTICS_FORMATS = ['text', 'json'] as const;
export type DiagnosticsFormat = (typeof DIAGNOSTICS_FORMATS)[number];

export const LLB_FORMATS = ['text', 'json', 'dot', 'mermaid', 'pb'] as const;
export type LlbFormat = (typeof LLB_FORMATS)[number];

export const CHECK_FORMATS = ['text', 'json', 'sarif', 'github'] as const;
export type CheckFormat = (typeof CHECK_FORMATS)[number];

/** What of the build the command line decides; streams, signal and listeners come from the command. */
export type BuildInputs = Omit<BuildOptions, 'env' | 'stdin' | 'stdout' | 'emit' | 'report' | 'signal'>;

export interface BuildCommandOptions {
  readonly build: BuildInputs;
  /** No -o was given: the output is image.tar, and the user is told how to load it. */
  readonly defaultOutput: boolean;
  readonly progress: ProgressMode;
  /** -q: print the image ID on standard output, and nothing else. */
  readonly quiet: boolean;
  readonly diagnostics: DiagnosticsFormat;
  /** --timestamp, which timestamp.ts turns into the epoch of the build. */
  readonly timestamp?: Timestamp;
  /** What there is to say before the build begins. */
  readonly notes?: readonly Diagnostic[];
  readonly metadataFile?: string;
  readonly iidFile?: string;
}

export interface LlbOptions extends BuildCommandOptions {
  readonly format: LlbFormat;
}

export interface CheckCommandOptions extends BuildCommandOptions {
  readonly format: CheckFormat;
}

export interface VerifyCommandOptions extends BuildCommandOptions {
  /** One of the two, or both. */
  readonly against?: string;
  readonly perturb: boolean;
  readonly required?: Level;
  readonly json: boolean;
}

export const HELP_TOPICS = [
  'wbuild',
  'check',
  'llb',
  'verify',
  'builder',
  'run',
  ...COMPARE_WORDS,
  ...STORE_WORDS,
  ...REGISTRY_WORDS,
  'completion',
  'version',
] as const;
export type HelpTopic = (typeof HELP_TOPICS)[number];

/** Every word that a command line may begin with. */
const WORDS: readonly string[] = ['build', 'help', ...HELP_TOPICS.slice(1)];

export type Command =
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | ({ readonly kind: 'version' } & VersionCommand)
  | { readonly kind: 'completion'; readonly shell: Shell }
  | { readonly kind: 'build'; readonly options: BuildCommandOptions }
  | { readonly kind: 'check'; readonly options: CheckCommandOptions }
  | { readonly kind: 'llb'; readonly options: LlbOptions }
  | { readonly kind: 'verify'; readonly options: VerifyCommandOptions }
  | { readonly kind: 'store'; readonly options: StoreCommand }
  | { readonly kind: 'compare'; readonly options: CompareCommand }
  | { readonly kind: 'registry'; readonly options: RegistryCommand }
  | { readonly kind: 'run'; readonly options: RunCommand }
  | { readonly kind: 'builder'; readonly options: BuilderCommand };

export const DEFAULT_OUTPUT = 'type=docker,dest=image.tar';

/**
 * A command line (without `node wbuild`) → the command, checked as far as it can be without looking at the disk.
 * The command word is the first argument or none: `wbuild .` builds, and a folder called build is `./build`.
 * @throws BuildError with every mistake found: `Usage`, or `InvalidOutput`, `InvalidReference`, `InvalidEpoch` for their values.
 */
export function parseArgs(argv: readonly string[], env: Env = {}): Command {
  const storeWord = STORE_WORDS.find((name) => name === argv[0]);
  if (storeWord) {
    const options = parseStoreArgs(argv, env);
    return options === 'help' ? helpCommand(storeWord) : { kind: 'store', options };
  }
  const registryWord = REGISTRY_WORDS.find((name) => name === argv[0]);
  if (registryWord) {
    const options = parseRegistryArgs(argv, env);
    return options === 'help' ? helpCommand(registryWord) : { kind: 'registry', options };
  }
  if (argv[0] === 'builder') {
    const options = parseBuilderArgs(argv.slice(1), env);
    return options === 'help' ? helpCommand('builder') : { kind: 'builder', options };
  }
  if (argv[0] === 'version') {
    const options = parseVersionArgs(argv.slice(1));
    return options === 'help' ? helpCommand('version') : { kind: 'version', ...options };
  }
  if (argv[0] === 'completion') return completionCommand(argv.slice(1));
  if (argv[0] === 'run') {
    const options = parseRunArgs(argv.slice(1), env);
    return options === 'help' ? helpCommand('run') : { kind: 'run', options };
  }
  const compareWord = COMPARE_WORDS.find((name) => name === argv[0]);
  if (compareWord) {
    const options = parseCompareArgs(argv, env);
    return options === 'help' ? helpCommand(compareWord) : { kind: 'compare', options };
  }
  const word = COMMANDS.find((name) => name === argv[0]);
  const tokens = tokenize(word ? argv.slice(1) : argv, TABLE);
  const has = (name: string) => tokens.some((token) => token.kind === 'option' && token.name === name);

  if (word === 'help') return helpCommand(knownWord(argv[1]));
  if (has('help')) return helpCommand(word);
  if (has('version')) return { kind: 'version', json: false };
  const { values, operands } = collect(tokens, word);
  const context = onlyOperand(operands, word, { words: WORDS, swallowed: swallowed(argv, tokens) });
  const options = buildCommandOptions(values, context, env);
  const format = last(values, 'format');
  if (word === 'check')
    return { kind: 'check', options: { ...options, format: choice('--format', format, CHECK_FORMATS) ?? 'text' } };
  if (word === 'llb')
    return { kind: 'llb', options: { ...options, format: choice('--format', format, LLB_FORMATS) ?? 'text' } };
  if (word === 'verify') return { kind: 'verify', options: verifyOptions(values, options) };
  return { kind: 'build', options };
}

function completionCommand(argv: readonly string[]): Command {
  if (argv.includes('--help') || argv.includes('-h')) return helpCommand('completion');
  const [shell, ...more] = argv;
  if (shell === undefined || more.length > 0)
    throw new BuildError(usage('wbuild completion needs a shell', `it is one of ${SHELLS.join(', ')}`));
  return { kind: 'completion', shell: choice('the shell', shell, SHELLS)! };
}

function verifyOptions(values: Values, options: BuildCommandOptions): VerifyCommandOptions {
  const against = last(values, 'against');
  const perturb = isSet(values, 'perturb');
  if (!against && !perturb) {
    throw new BuildError(
      usage(
        'wbuild verify needs --against, the image that the rebuild is compared with, or --perturb',
        'for example: wbuild verify --against image.tar .',
      ),
    );
  }
  const { type } = options.build.outputs[0]!;
  if (type !== 'oci' && type !== 'docker' && type !== 'image')
    throw new BuildError(
      usage(
        `wbuild verify compares images, and type=${type} is none`,
        'it writes nothing: -o says how layers are stored',
      ),
    );
  const required = choice('--require', last(values, 'require'), LEVELS);
  return {
    ...options,
    ...(against && { against }),
    perturb,
    json: isSet(values, 'json'),
    ...(required && { required }),
  };
}

/** Whether `--diagnostics json` stands on a command line, for a mistake in that very line. */
export function wantsJsonDiagnostics(argv: readonly string[]): boolean {
  return tokenize(argv, TABLE).some((t) => t.kind === 'option' && t.name === 'diagnostics' && t.value === 'json');
}

/** The word behind `wbuild help`. */
function knownWord(word: string | undefined): string | undefined {
  if (word === undefined || word.startsWith('-') || WORDS.includes(word)) return word;
  const near = suggest(word, WORDS, { caseInsensitive: true });
  const hint = near ? `did you mean wbuild help ${near}?` : 'wbuild --help lists the commands';
  throw new BuildError(usage(`there is no command ${quote(word)}`, hint));
}

/** The option whose value is the last word, where that may have been meant for the context: `--sbom .`. */
function swallowed(argv: readonly string[], tokens: readonly Token[]): string | undefined {
  const token = tokens.at(-1);
  const [before, value] = argv.slice(-2);
  if (token?.kind !== 'option' || token.value !== value || token.as !== before) return undefined;
  if (!/^\.\.?(?:\/|$)/.test(value)) return undefined;
  return `${token.as} takes a value, and took ${quote(value)}`;
}

function helpCommand(topic: string | undefined): Command {
  return { kind: 'help', topic: HELP_TOPICS.find((t) => t === topic) ?? 'wbuild' };
}

function buildCommandOptions(values: Values, context: string, env: Env): BuildCommandOptions {
  const names = (values.get('tag') ?? []).map((text) => formatReference(parseReference(text)));
  const platforms = (values.get('platform') ?? []).flatMap((text) => text.split(',')).filter((text) => text !== '');
  const push = isSet(values, 'push');
  const load = isSet(values, 'load');
  const attest = parseAttests({
    attest: values.get('attest') ?? [],
    provenance: last(values, 'provenance'),
    sbom: last(values, 'sbom'),
  });
  const given = values.get('output') ?? (push || load ? [] : [defaultOutput(platforms, attest)]);
  const outputs = loaded(pushed(given.map(parseOutputOption), push), load).map((output) => named(output, names));
  const buildContexts = Object.fromEntries((values.get('build-context') ?? []).map(namedContext));
  const file = last(values, 'file');
  const target = last(values, 'target');
  const annotations = (values.get('annotation') ?? []).flatMap(parseAnnotation);
  const cacheDir = last(values, 'cache-dir');
  const metadataFile = last(values, 'metadata-file');
  const timestamp = last(values, 'timestamp');
  const iidFile = last(values, 'iidfile');
  const diagnostics = choice('--diagnostics', last(values, 'diagnostics'), DIAGNOSTICS_FORMATS) ?? 'text';
  const builder = remoteOptions(values, env);
  checkStreams(outputs, [context, file, ...Object.values(buildContexts)]);
  spareDockerfile({ context, file }, [...outputs.map((o) => o.dest), iidFile, metadataFile]);
  return {
    build: {
      context,
      ...(file && { file }),
      ...(target && { target }),
      ...(platforms.length > 0 && { platforms }),
      ...(annotations.length > 0 && { annotations }),
      ...(attest && { attest }),
      ...(values.has('label') && { labels: Object.fromEntries(values.get('label')!.map(parseLabel)) }),
      ...(cacheDir && { cacheDir }),
      ...(builder ? { builder } : caches(values)),
      ...(isSet(values, 'explain') && { explain: true }),
      buildContexts,
      names,
      outputs,
      noCache: isSet(values, 'no-cache'),
      epochSeconds: timestamp === undefined ? parseEpoch(epochText(values, env)) : 0,
    },
    ...(timestamp !== undefined && { timestamp: parseTimestamp(timestamp) }),
    defaultOutput: !values.has('output') && !push && !load,
    ...progress(values, env, diagnostics),
    diagnostics,
    ...(metadataFile && { metadataFile }),
    ...(iidFile && { iidFile }),
  };
}

function caches(values: Values): Pick<BuildInputs, 'cacheFrom' | 'cacheTo'> {
  const [from, to] = [values.get('cache-from'), values.get('cache-to')];
  return { ...(from && { cacheFrom: from.map(parseCacheFrom) }), ...(to && { cacheTo: to.map(parseCacheTo) }) };
}

/** Docker passes the variable on as a build argument, and one that is given as such wins; --timestamp wins over both. */
function epochText(values: Values, env: Env): string | undefined {
  return last(values, 'build-arg')?.slice('SOURCE_DATE_EPOCH='.length) ?? env.SOURCE_DATE_EPOCH;
}

/** -t names every output that has no name= of its own. */
function named(output: OutputSpec, names: readonly string[]): OutputSpec {
  return output.names.length > 0 ? output : { ...output, names };
}

function namedContext(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals > 0 && equals < text.length - 1) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new BuildError(
    usage(`--build-context ${quote(text)} is not NAME=VALUE`, 'for example: --build-context assets=./public'),
  );
}

/** An archive for Docker: of several platforms, and with attestations, an OCI archive, which is all that can hold them. */
function defaultOutput(platforms: readonly string[], attest: AttestOptions = {}): string {
  const attested = attestsAny(attestsOf(attest, { type: 'docker' }, platforms.length));
  return platforms.length > 1 || attested ? 'type=oci,dest=image.tar' : DEFAULT_OUTPUT;
}

/** --push pushes every image that is an output, and makes one where there is none, as in buildx. */
function pushed(outputs: readonly OutputSpec[], push: boolean): readonly OutputSpec[] {
  if (!push) return outputs;
  const images = outputs.filter(({ type }) => type === 'image');
  if (images.length === 0) return [...outputs, parseOutputOption('type=image,push=true')];
  const how = { insecure: false, byDigest: false };
  return outputs.map((output) => (output.type === 'image' ? { push: how, ...output } : output));
}

/** --load loads the image, unless an output does. */
function loaded(outputs: readonly OutputSpec[], load: boolean): readonly OutputSpec[] {
  return !load || outputs.some((output) => output.load) ? outputs : [...outputs, parseOutputOption('type=docker')];
}

/** `key=value`; a key alone has the empty value, as in buildx. */
function parseLabel(text: string): [string, string] {
  const equals = text.indexOf('=');
  const key = equals < 0 ? text : text.slice(0, equals);
  if (key !== '') return [key, equals < 0 ? '' : text.slice(equals + 1)];
  throw new BuildError(usage(`--label ${quote(text)} has no key`, 'for example: --label org.example.team=core'));
}

/** -q, --progress, BUILDKIT_PROGRESS, in this order. JSON diagnostics have standard error for themselves unless progress is asked for. */
function progress(
  values: Values,
  env: Env,
  diagnostics: DiagnosticsFormat,
): { progress: ProgressMode; quiet: boolean } {
  const asked = choice('--progress', last(values, 'progress'), PROGRESS_MODES);
  if (isSet(values, 'quiet') && asked !== undefined && asked !== 'auto' && asked !== 'quiet') {
    throw new BuildError(usage(`--quiet and --progress ${asked} exclude one another`, 'leave one of them out'));
  }
  const fromEnv = choice('BUILDKIT_PROGRESS', env.BUILDKIT_PROGRESS || undefined, PROGRESS_MODES);
  const mode = isSet(values, 'quiet') ? 'quiet' : (asked ?? fromEnv ?? 'auto');
  const silent = asked === undefined && diagnostics === 'json';
  return { progress: silent ? 'quiet' : mode, quiet: mode === 'quiet' };
}

function choice<T extends string>(as: string, value: string | undefined, choices: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((text) => text === value);
  if (found) return found;
  const near = suggest(value, choices, { caseInsensitive: true });
  const hint = `${near ? `did you mean ${near}? ` : ''}it is one of ${choices.join(', ')}`;
  throw new BuildError(usage(`${as} cannot be ${quote(value)}`, hint));
}

function last(values: Values, name: string): string | undefined {
  return values.get(name)?.at(-1);
}

function isSet(values: Values, name: string): boolean {
  return parseBool(last(values, name) ?? 'false') ?? false;
}
