/**
 * Flags of an instruction: declared with a type, parsed, misspellings answered.
 * @see moby/buildkit frontend/dockerfile/instructions/bflag.go
 */
import type { Report, SourceRange } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import type { Instruction } from './document.js';

export type FlagType = 'string' | 'strings' | 'boolean';
export type FlagTable = Readonly<Record<string, FlagType>>;

/** The value of a flag, and where the flag stands. */
export interface FlagValue<T> {
  readonly value: T;
  readonly range: SourceRange;
}

export type FlagValues<T extends FlagTable> = {
  readonly [K in keyof T]?: FlagValue<
    T[K] extends 'strings' ? readonly string[] : T[K] extends 'boolean' ? boolean : string
  >;
};

/**
 * Reads the flags of an instruction by its table. Only flags that were given appear in the result.
 * Reports UnknownFlag and InvalidFlag, and gives undefined then.
 */
export function parseFlags<T extends FlagTable>(
  instruction: Instruction,
  table: T,
  report: Report,
): FlagValues<T> | undefined {
  const values = new Map<string, FlagValue<string | boolean | string[]>>();
  let ok = true;
  for (const flag of instruction.flags) {
    const error = (code: 'UnknownFlag' | 'InvalidFlag', message: string, hint: string) => {
      report({ code, severity: 'error', message, range: flag.range, hint });
      ok = false;
    };
    const at = flag.text.indexOf('=');
    const name = flag.text.slice(2, at < 0 ? undefined : at);
    const value = at < 0 ? undefined : flag.text.slice(at + 1);
    const type = Object.hasOwn(table, name) ? table[name] : undefined;
    const before = values.get(name);
    if (type === undefined)
      error('UnknownFlag', `${instruction.keyword.toUpperCase()} has no flag --${name}`, knownFlags(name, table));
    else if (before && type !== 'strings') error('InvalidFlag', `--${name} may stand only once`, 'remove one of them');
    else if (type === 'boolean') {
      const parsed = value === undefined ? true : BOOLEANS.get(value.toLowerCase());
      if (parsed === undefined)
        error('InvalidFlag', `--${name} is true or false, not ${JSON.stringify(value)}`, `write --${name}`);
      else values.set(name, { value: parsed, range: flag.range });
    } else if (value === undefined) error('InvalidFlag', `--${name} lacks its value`, `write --${name}=…`);
    else if (type === 'string') values.set(name, { value, range: flag.range });
    else if (before) (before.value as string[]).push(value);
    else values.set(name, { value: [value], range: flag.range });
  }
  return ok ? (Object.fromEntries(values) as FlagValues<T>) : undefined;
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

function knownFlags(name: string, table: FlagTable): string {
  const names = Object.keys(table);
  if (names.length === 0) return 'it takes no flags; write -- in front of an argument that begins with two dashes';
  const near = suggest(name, names);
  return near ? `did you mean --${near}?` : `it knows ${names.map((n) => `--${n}`).join(', ')}`;
}
