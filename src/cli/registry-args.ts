/** The command lines of what talks to registries: push, pull, login, logout. */
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { formatReference, parseReference } from '../oci/reference.js';
import { defaultStoreFolder } from '../store/open-store.js';
import { quote } from '../util/text.js';
import { type OptionTable, type Takes, tokenize } from './argv.js';
import { lacksOption, usage } from './collect.js';
import type { Env } from './io.js';
import { PROGRESS_MODES, type ProgressMode } from './progress-mode.js';

interface Transfer {
  /** Normalised. */
  readonly name: string;
  readonly cacheDir: string;
  readonly insecure: boolean;
  readonly progress: ProgressMode;
  /** -q: print the digest on standard output, and nothing else. */
  readonly quiet: boolean;
}

export interface LoginCommand {
  readonly domain: string;
  /** Asked for where it is missing. */
  readonly username?: string;
  /** `stdin`: it is read from there. Asked for where it is missing. */
  readonly password?: { readonly from: 'stdin' } | { readonly from: 'argument'; readonly text: string };
  readonly insecure: boolean;
}

export type RegistryCommand =
  | ({ readonly kind: 'push' } & Transfer)
  | ({ readonly kind: 'pull'; readonly platform?: string } & Transfer)
  | ({ readonly kind: 'login' } & LoginCommand)
  | { readonly kind: 'logout'; readonly domain: string };

export const REGISTRY_WORDS = ['push', 'pull', 'login', 'logout'] as const;
export type RegistryWord = (typeof REGISTRY_WORDS)[number];

const TRANSFER: Readonly<Record<string, Takes>> = {
  insecure: 'nothing',
  'cache-dir': 'value',
  progress: 'value',
  quiet: 'nothing',
};

const OPTIONS: Readonly<Record<RegistryWord, Readonly<Record<string, Takes>>>> = {
  push: TRANSFER,
  pull: { ...TRANSFER, platform: 'value' },
  login: { username: 'value', 'password-stdin': 'nothing', password: 'value', insecure: 'nothing' },
  logout: {},
};

const SHORT = new Map([
  ['q', 'quiet'],
  ['u', 'username'],
  ['p', 'password'],
  ['h', 'help'],
]);

/**
 * A command line that begins with one of {@link REGISTRY_WORDS}; `help` when that is asked for.
 * @throws BuildError `Usage`, `InvalidReference`
 */
export function parseRegistryArgs([word, ...argv]: readonly string[], env: Env): RegistryCommand | 'help' {
  const kind = word as RegistryWord;
  const { values, operands } = readLine(kind, argv);
  if (values.has('help')) return 'help';
  const insecure = values.get('insecure') === 'true';
  if (kind === 'logout') return { kind, domain: onlyDomain(kind, operands) };
  if (kind === 'login') {
    const [username, text] = [values.get('username'), values.get('password')];
    const piped = values.get('password-stdin') === 'true';
    const example = 'for example: wbuild login -u USER --password-stdin HOST < FILE';
    if (piped && text !== undefined) wrong('--password and --password-stdin exclude one another', example);
    if ((piped || text !== undefined) && !username) wrong('wbuild login needs -u USER with a password', example);
    if (text === '') wrong('--password is empty', example);
    return {
      kind,
      domain: onlyDomain(kind, operands),
      ...(username && { username }),
      ...(piped && { password: { from: 'stdin' } }),
      ...(text !== undefined && { password: { from: 'argument', text } }),
      insecure,
    };
  }
  const [name, ...more] = operands;
  if (name === undefined || more.length > 0) {
    const given = operands.length === 0 ? '' : `, and got ${operands.map(quote).join(' ')}`;
    wrong(`wbuild ${kind} needs an image${given}`, seeHelp(kind));
  }
  const quiet = values.get('quiet') === 'true';
  const transfer: Transfer = {
    name: formatReference(parseReference(name)),
    cacheDir: values.get('cache-dir') ?? defaultStoreFolder(env),
    insecure,
    progress: quiet ? 'quiet' : modeOf(values.get('progress') ?? (env.BUILDKIT_PROGRESS || 'auto')),
    quiet,
  };
  const platform = values.get('platform');
  return kind === 'push' ? { kind, ...transfer } : { kind, ...transfer, ...(platform && { platform }) };
}

/** What a command of {@link REGISTRY_WORDS} takes. */
export function registryTable(word: RegistryWord): OptionTable {
  const long = new Map<string, Takes>([...Object.entries(OPTIONS[word]), ['help', 'nothing']]);
  return { long, short: new Map([...SHORT].filter(([, option]) => long.has(option))) };
}

function readLine(word: RegistryWord, argv: readonly string[]) {
  const table = registryTable(word);
  const values = new Map<string, string>();
  const operands: string[] = [];
  const mistakes: Diagnostic[] = [];
  for (const token of tokenize(argv, table)) {
    if (token.kind === 'operand') operands.push(token.text);
    else if (token.kind === 'option') values.set(token.name, token.value);
    else if (token.kind === 'no-value') mistakes.push(usage(`${token.as} needs a value`, seeHelp(word)));
    else mistakes.push(lacksOption(token.as, word, table, seeHelp(word)));
  }
  if (mistakes.length > 0) throw new BuildError(mistakes);
  return { values, operands };
}

/** The registry, docker.io when none is named; https:// in front and a path behind are left out, as docker login does. */
function onlyDomain(word: RegistryWord, operands: readonly string[]): string {
  const [text = 'docker.io', ...more] = operands;
  if (more.length > 0)
    wrong(`wbuild ${word} takes one registry, and got ${operands.map(quote).join(' ')}`, seeHelp(word));
  const host = text.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  if (/^(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?$/.test(host))
    return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
  return wrong(`${quote(text)} is no registry`, 'write HOST or HOST:PORT');
}

function modeOf(text: string): ProgressMode {
  const found = PROGRESS_MODES.find((mode) => mode === text);
  return found ?? wrong(`--progress cannot be ${quote(text)}`, `it is one of ${PROGRESS_MODES.join(', ')}`);
}

function seeHelp(word: RegistryWord): string {
  return `wbuild ${word} --help shows how it is used`;
}

function wrong(message: string, hint: string): never {
  throw new BuildError(usage(message, hint));
}
