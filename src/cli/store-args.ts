/** The command lines of what looks after the store: cache, images, save, rmi, tag. */
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import { formatReference, parseReference } from '../oci/reference.js';
import { defaultStoreFolder } from '../store/open-store.js';
import { quote } from '../util/text.js';
import { type OptionTable, type Takes, tokenize } from './argv.js';
import { lacksOption, usage } from './collect.js';
import type { Env } from './io.js';

export type StoreCommand = { readonly cacheDir: string } & (
  | { readonly kind: 'cache-ls' | 'cache-du' | 'cache-verify' | 'images'; readonly json: boolean }
  | {
      readonly kind: 'cache-prune';
      readonly json: boolean;
      readonly all: boolean;
      readonly olderThanMs?: number;
      readonly maxSize?: number;
    }
  | { readonly kind: 'save'; readonly image: string; readonly type: 'docker' | 'oci'; readonly output?: string }
  /** As typed: names or IDs. */
  | { readonly kind: 'rmi'; readonly names: readonly string[] }
  | { readonly kind: 'tag'; readonly source: string; readonly target: string }
);

export const STORE_WORDS = ['cache', 'images', 'save', 'rmi', 'tag'] as const;
export type StoreWord = (typeof STORE_WORDS)[number];

/** What `wbuild save --type` makes. */
export const SAVE_TYPES = ['docker', 'oci'] as const;

export const CACHE_WORDS = ['ls', 'du', 'prune', 'verify'] as const;

/** Each with the options of its own; all have --cache-dir and --help. */
const OPTIONS: Readonly<Record<string, Readonly<Record<string, Takes>>>> = {
  'cache ls': { json: 'nothing' },
  'cache du': { json: 'nothing' },
  'cache verify': { json: 'nothing' },
  'cache prune': { json: 'nothing', all: 'nothing', 'older-than': 'value', 'max-size': 'value' },
  images: { json: 'nothing' },
  save: { output: 'value', type: 'value' },
  rmi: {},
  tag: {},
};

const SHORT = new Map([
  ['o', 'output'],
  ['a', 'all'],
  ['h', 'help'],
]);

/**
 * A command line that begins with one of {@link STORE_WORDS}; `help` when that is asked for.
 * @throws BuildError `Usage`, `InvalidReference`
 */
export function parseStoreArgs([word, ...argv]: readonly string[], env: Env): StoreCommand | 'help' {
  const verb = word === 'cache' ? argv[0] : undefined;
  if (word === 'cache' && (verb === undefined || /^(-h|--help|help)$/.test(verb))) return 'help';
  const name = word === 'cache' ? `cache ${verb}` : String(word);
  const own = OPTIONS[name];
  if (!own) {
    const near = suggest(verb ?? '', CACHE_WORDS);
    const hint = near ? `did you mean wbuild cache ${near}?` : `it is one of ${CACHE_WORDS.join(', ')}`;
    throw new BuildError(usage(`wbuild cache has no ${quote(verb ?? '')}`, hint));
  }
  const line = readLine(name, own, word === 'cache' ? argv.slice(1) : argv);
  if (line.values.has('help')) return 'help';
  const cacheDir = line.values.get('cache-dir') ?? defaultStoreFolder(env);
  return { cacheDir, ...commandOf(name, line) };
}

interface Line {
  readonly name: string;
  readonly values: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
}

function storeTable(own: Readonly<Record<string, Takes>>): OptionTable {
  const long = new Map<string, Takes>([...Object.entries(own), ['cache-dir', 'value'], ['help', 'nothing']]);
  return { long, short: new Map([...SHORT].filter(([, option]) => long.has(option))) };
}

/** What each command takes, by its words: `cache prune`. */
export const STORE_TABLES: ReadonlyMap<string, OptionTable> = new Map(
  Object.entries(OPTIONS).map(([name, own]) => [name, storeTable(own)]),
);

function readLine(name: string, own: Readonly<Record<string, Takes>>, argv: readonly string[]): Line {
  const table = storeTable(own);
  const values = new Map<string, string>();
  const operands: string[] = [];
  const wrong: Diagnostic[] = [];
  for (const token of tokenize(argv, table)) {
    if (token.kind === 'operand') operands.push(token.text);
    else if (token.kind === 'option') values.set(token.name, token.value);
    else if (token.kind === 'no-value') wrong.push(usage(`${token.as} needs a value`, seeHelp(name)));
    else wrong.push(lacksOption(token.as, name, table, seeHelp(name)));
  }
  if (wrong.length > 0) throw new BuildError(wrong);
  return { name, values, operands };
}

type Bare<T> = T extends unknown ? Omit<T, 'cacheDir'> : never;

function commandOf(name: string, line: Line): Bare<StoreCommand> {
  const { values, operands } = line;
  const json = isSet(values, 'json');
  switch (name) {
    case 'save': {
      const [image] = expect(line, 1, 'an image');
      const output = values.get('output');
      return { kind: 'save', image: image!, type: typeOf(values.get('type')), ...(output !== undefined && { output }) };
    }
    case 'rmi':
      if (operands.length === 0) expect(line, 1, 'an image');
      return { kind: 'rmi', names: operands };
    case 'tag': {
      const [source, target] = expect(line, 2, 'an image and its new name');
      return { kind: 'tag', source: source!, target: normal(target!) };
    }
    case 'cache prune': {
      expect(line, 0, '');
      const [age, size] = [values.get('older-than'), values.get('max-size')];
      return {
        kind: 'cache-prune',
        json,
        all: isSet(values, 'all'),
        ...(age !== undefined && { olderThanMs: parseAge(age) }),
        ...(size !== undefined && { maxSize: parseSize(size) }),
      };
    }
    default:
      expect(line, 0, '');
      return { kind: name.replace(' ', '-') as 'cache-ls' | 'cache-du' | 'cache-verify' | 'images', json };
  }
}

function expect({ name, operands }: Line, count: number, what: string): readonly string[] {
  if (operands.length === count) return operands;
  const needs = count === 0 ? 'takes no argument' : `needs ${what}`;
  const given = operands.length === 0 ? '' : `, and got ${operands.map(quote).join(' ')}`;
  throw new BuildError(usage(`wbuild ${name} ${needs}${given}`, seeHelp(name)));
}

function isSet(values: ReadonlyMap<string, string>, name: string): boolean {
  return values.get(name) === 'true';
}

function typeOf(text = 'docker'): 'docker' | 'oci' {
  const found = SAVE_TYPES.find((type) => type === text);
  if (found) return found;
  throw new BuildError(usage(`--type cannot be ${quote(text)}`, 'it is docker or oci'));
}

function normal(name: string): string {
  return formatReference(parseReference(name));
}

function seeHelp(name: string): string {
  return `wbuild ${name.split(' ')[0]} --help shows how it is used`;
}

const AGES: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90s`, `30m`, `12h`, `7d`, `2w` → milliseconds. @throws BuildError `Usage` */
export function parseAge(text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * AGES[unit!]! * 1000;
  throw new BuildError(usage(`--older-than ${quote(text)} is no age`, 'for example 7d, 12h or 30m'));
}

const SIZES: readonly string[] = ['B', 'KB', 'MB', 'GB', 'TB'];

/** `500MB`, `2GB` (powers of 1000, as Docker has it), `2GiB`, or bytes. @throws BuildError `Usage` */
export function parseSize(text: string): number {
  const [, count, unit = 'B', binary] = /^(\d+(?:\.\d+)?) ?(?:([KMGT])(i)?)?B?$/i.exec(text) ?? [];
  if (count !== undefined) {
    const power = Math.max(0, SIZES.indexOf(`${unit.toUpperCase()}B`));
    return Math.floor(Number(count) * (binary ? 1024 : 1000) ** power);
  }
  throw new BuildError(usage(`--max-size ${quote(text)} is no size`, 'for example 2GB, 500MB or 1GiB'));
}
