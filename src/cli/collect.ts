/** The words of a command line → option values and the one operand, with everything that is wrong with them said at once. */
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import { quote } from '../util/text.js';
import { type OptionTable, parseBool, type Takes, type Token } from './argv.js';
import { FOREIGN, FOREIGN_SHORT } from './foreign-options.js';

/** Every option of wbuild's own. */
export const OPTIONS: ReadonlyMap<string, Takes> = new Map<string, Takes>([
  ['file', 'value'],
  ['tag', 'value'],
  ['output', 'value'],
  ['push', 'nothing'],
  ['load', 'nothing'],
  ['platform', 'value'],
  ['target', 'value'],
  ['label', 'value'],
  ['annotation', 'value'],
  ['attest', 'value'],
  ['provenance', 'value'],
  ['sbom', 'value'],
  ['build-context', 'value'],
  ['timestamp', 'value'],
  ['no-cache', 'nothing'],
  ['cache-dir', 'value'],
  ['cache-from', 'value'],
  ['cache-to', 'value'],
  ['explain', 'nothing'],
  ['builder', 'value'],
  ['tlscacert', 'value'],
  ['tlscert', 'value'],
  ['tlskey', 'value'],
  ['tlsservername', 'value'],
  ['progress', 'value'],
  ['quiet', 'nothing'],
  ['metadata-file', 'value'],
  ['iidfile', 'value'],
  ['diagnostics', 'value'],
  ['format', 'value'],
  ['against', 'value'],
  ['require', 'value'],
  ['perturb', 'nothing'],
  ['json', 'nothing'],
  ['help', 'nothing'],
  ['version', 'nothing'],
]);

const SHORT: ReadonlyMap<string, string> = new Map([
  ['f', 'file'],
  ['t', 'tag'],
  ['o', 'output'],
  ['q', 'quiet'],
  ['h', 'help'],
]);

export const TABLE: OptionTable = {
  long: new Map([...[...FOREIGN].map(([name, { takes }]) => [name, takes] as const), ...OPTIONS]),
  short: new Map([...FOREIGN_SHORT, ...SHORT]),
};

/** Options that not every command has, with those that do, and an example. */
const ONLY: Readonly<Record<string, { readonly words: readonly string[]; readonly example: string }>> = {
  format: { words: ['check', 'llb'], example: 'wbuild llb --format dot .' },
  ...Object.fromEntries(
    ['against', 'require', 'perturb', 'json'].map((name) => [
      name,
      { words: ['verify'], example: 'wbuild verify --against image.tar .' },
    ]),
  ),
};

export const COMMANDS = ['build', 'check', 'llb', 'verify', 'help'] as const;
export type CommandWord = (typeof COMMANDS)[number];

/** The values of the options as typed, in their order; the last one counts where only one can. */
export type Values = ReadonlyMap<string, readonly string[]>;

/** Sorts tokens into values and operands, and says everything that is wrong with them at once. */
export function collect(tokens: readonly Token[], word: CommandWord | undefined) {
  const values = new Map<string, string[]>();
  const operands: string[] = [];
  const wrong: Diagnostic[] = [];
  for (const token of tokens) {
    if (token.kind === 'operand') operands.push(token.text);
    else if (token.kind === 'unknown') wrong.push(unknownOption(token.as));
    else if (token.kind === 'no-value') wrong.push(usage(`${token.as} needs a value`, seeHelp(word)));
    else if (!belongs(token.name, word)) wrong.push(foreignTo(token, word));
    else {
      const problem = OPTIONS.has(token.name) ? badBool(token) : refusal(token);
      if (problem) wrong.push(problem);
      else values.set(token.name, [...(values.get(token.name) ?? []), token.value]);
    }
  }
  if (wrong.length > 0) throw new BuildError(wrong);
  return { values, operands };
}

function belongs(option: string, word: CommandWord | undefined): boolean {
  const only = ONLY[option];
  return only === undefined || only.words.includes(word ?? 'build');
}

/** Where machines read what a command says that has no --json. */
const MACHINES: Readonly<Record<string, string>> = {
  check: 'write --format json',
  llb: 'write --format json',
  build: 'the digests come with --metadata-file FILE, errors and warnings with --diagnostics json',
};

function foreignTo({ name, as }: Token & { kind: 'option' }, word: CommandWord | undefined): Diagnostic {
  const { words, example } = ONLY[name]!;
  const commands = words.map((word) => `wbuild ${word}`).join(' and ');
  const own = name === 'json' ? MACHINES[word ?? 'build'] : undefined;
  return usage(`${as} belongs to ${commands}`, own ?? `for example: ${example}`);
}

/** The options of wbuild's own that a command takes. */
export function tableOf(word: 'build' | 'check' | 'llb' | 'verify'): OptionTable {
  return { long: new Map([...OPTIONS].filter(([name]) => belongs(name, word))), short: SHORT };
}

function badBool(token: Token & { kind: 'option' }): Diagnostic | undefined {
  if (TABLE.long.get(token.name) === 'value' || parseBool(token.value) !== undefined) return undefined;
  return usage(
    `${token.as} is either given or not: ${quote(token.value)} is neither true nor false`,
    `write ${token.as}`,
  );
}

/** What there is to say against an option of buildx; nothing if the value means what wbuild does anyway. */
function refusal(token: Token & { kind: 'option' }): Diagnostic | undefined {
  const foreign = FOREIGN.get(token.name)!;
  if (foreign.harmless?.test(token.value)) return undefined;
  return usage(`wbuild has no ${token.as}: ${foreign.why}`, foreign.instead);
}

function unknownOption(as: string): Diagnostic {
  const near = /^-v$/i.test(as) ? 'version' : nearOption(as, TABLE);
  return usage(
    `unknown option ${quote(as).slice(1, -1)}`,
    near ? `did you mean --${near}?` : 'wbuild --help lists the options',
  );
}

function nearOption(as: string, { long }: OptionTable): string | undefined {
  return as.startsWith('--') ? suggest(as.slice(2), long.keys(), { caseInsensitive: true }) : undefined;
}

/** An option that a command lacks. `hint` is for one that is like none that it has. */
export function lacksOption(as: string, command: string, table: OptionTable, hint: string): Diagnostic {
  const near = nearOption(as, table);
  return usage(`wbuild ${command} has no option ${quote(as).slice(1, -1)}`, near ? `did you mean --${near}?` : hint);
}

/** The one operand, CONTEXT; Docker's words when it is missing. */
export function onlyOperand(
  operands: readonly string[],
  word: CommandWord | undefined,
  { words, swallowed }: { readonly words: readonly string[]; readonly swallowed: string | undefined },
): string {
  const name = word ? `wbuild ${word}` : 'wbuild';
  const [context, ...more] = operands;
  if (context === undefined)
    throw new BuildError(
      usage(
        `"${name}" requires 1 argument: the build context`,
        `${swallowed ? `${swallowed}; ` : ''}${missingContext(word)}`,
      ),
    );
  if (context === '')
    throw new BuildError(usage('the build context is an empty word', `for the current folder: ${name} .`));
  if (more.length === 0) return context;
  const count = `"${name}" requires 1 argument, the build context, but there are ${operands.length}: ${operands.map(quote).join(' ')}`;
  const near = word ? undefined : (words.find((c) => operands.includes(c)) ?? suggest(context, words));
  throw new BuildError(usage(count, near ? `did you mean wbuild ${near}? The command comes first` : seeHelp(word)));
}

function missingContext(word: CommandWord | undefined): string {
  const folder = word ? `; for a folder called ${word}: wbuild ./${word}` : '';
  return `for the current folder: wbuild ${word ?? 'build'} .${folder}`;
}

function seeHelp(word: CommandWord | undefined): string {
  return `wbuild ${word === 'llb' || word === 'check' || word === 'verify' ? `${word} ` : ''}--help lists the options`;
}

/** One mistake in a command line. */
export function usage(message: string, hint: string): Diagnostic {
  return { code: 'Usage', severity: 'error', message, hint };
}
