/**
 * Every command with its options and what their values are: the tables that the parsers use, in one list, for shell completion and for the test
 * that the help leaves nothing out.
 */
import { LEVELS } from '../compare/levels.js';
import { CHECK_FORMATS, DIAGNOSTICS_FORMATS, type HelpTopic, LLB_FORMATS } from './args.js';
import type { OptionTable } from './argv.js';
import { ATTEST_TYPES } from './attest-option.js';
import { BUILDER_VERBS, builderTable } from './builder-args.js';
import { tableOf } from './collect.js';
import { COMPARE_TABLE } from './compare-args.js';
import { OUTPUT_TYPES } from './output-option.js';
import { PROGRESS_MODES } from './progress-mode.js';
import { REGISTRY_WORDS, registryTable } from './registry-args.js';
import { RUN_TABLE } from './run-args.js';
import { SHELLS } from './shells.js';
import { SAVE_TYPES, STORE_TABLES } from './store-args.js';
import { VERSION_TABLE } from './version-args.js';

/** What may be typed for a value or an operand. */
export type Kind =
  | { readonly kind: 'text' | 'file' | 'folder' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] };

export interface CommandLine {
  /** `build`, `cache prune`. */
  readonly words: string;
  readonly topic: HelpTopic;
  readonly table: OptionTable;
  readonly operand: Kind;
}

const TEXT: Kind = { kind: 'text' };
const FILE: Kind = { kind: 'file' };
const FOLDER: Kind = { kind: 'folder' };
const NO_OPTIONS: OptionTable = { long: new Map([['help', 'nothing']]), short: new Map([['h', 'help']]) };

const choice = (choices: readonly string[]): Kind => ({ kind: 'choice', choices });

const STORE_TOPICS: Readonly<Record<string, HelpTopic>> = { images: 'images', save: 'save', rmi: 'rmi', tag: 'tag' };

/** All of them, in the order in which the help names them. */
export const COMMAND_LINES: readonly CommandLine[] = [
  ...(['build', 'check', 'llb', 'verify'] as const).map((words) => {
    return { words, topic: words === 'build' ? 'wbuild' : words, table: tableOf(words), operand: FOLDER } as const;
  }),
  ...(['diff', 'inspect'] as const).map((words) => ({ words, topic: words, table: COMPARE_TABLE, operand: FILE })),
  { words: 'run', topic: 'run', table: RUN_TABLE, operand: FILE },
  ...[...STORE_TABLES].map(([words, table]) => ({
    words,
    topic: STORE_TOPICS[words] ?? 'cache',
    table,
    operand: TEXT,
  })),
  ...REGISTRY_WORDS.map((words) => ({ words, topic: words, table: registryTable(words), operand: TEXT })),
  ...BUILDER_VERBS.map((verb): CommandLine => {
    return { words: `builder ${verb}`, topic: 'builder', table: builderTable(verb), operand: choice(['docker']) };
  }),
  { words: 'completion', topic: 'completion', table: NO_OPTIONS, operand: choice(SHELLS) },
  { words: 'version', topic: 'version', table: VERSION_TABLE, operand: TEXT },
];

/** The first words: `cache` once, and `help`, which has every other one behind it. */
export const FIRST_WORDS: readonly string[] = [
  ...new Set([...COMMAND_LINES.map(({ words }) => words.split(' ')[0]!), 'help']),
];

const FILES = ['file', 'iidfile', 'metadata-file', 'against', 'tlscacert', 'tlscert', 'tlskey'];

/** Values by option: lists of the parser, and for the rest what is commonest. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  progress: PROGRESS_MODES,
  diagnostics: DIAGNOSTICS_FORMATS,
  require: LEVELS,
  type: SAVE_TYPES,
  output: OUTPUT_TYPES.map((type) => `type=${type}`),
  attest: ATTEST_TYPES.map((type) => `type=${type}`),
  provenance: ['mode=max', 'mode=min', 'true', 'false'],
  sbom: ['true', 'false'],
  platform: ['wasi/wasm', 'linux/amd64', 'linux/arm64'],
  timestamp: ['git', 'now'],
  builder: ['local', 'docker'],
  'cache-to': ['type=local,dest='],
  'cache-from': ['type=local,src='],
};

/** What the value of an option is. */
export function valueKind(words: string, option: string): Kind {
  if (option === 'format') return choice(words === 'llb' ? LLB_FORMATS : CHECK_FORMATS);
  if (FILES.includes(option) || (words === 'save' && option === 'output')) return FILE;
  if (option === 'cache-dir' || option === 'dir') return FOLDER;
  return CHOICES[option] ? choice(CHOICES[option]) : TEXT;
}
