/** Splits a command line the way Docker's does (pflag): --name value, --name=value, -nvalue, -n=value, grouped short flags, `--`. */

/** Whether an option is followed by a value or stands alone (it may still be given one: `--no-cache=false`). */
export type Takes = 'value' | 'nothing';

export type Token =
  /** `as` is the option as it was typed, for messages. A flag that stands alone has the value `true`. */
  | { readonly kind: 'option'; readonly name: string; readonly as: string; readonly value: string }
  | { readonly kind: 'operand'; readonly text: string }
  | { readonly kind: 'unknown'; readonly as: string }
  | { readonly kind: 'no-value'; readonly as: string };

export interface OptionTable {
  readonly long: ReadonlyMap<string, Takes>;
  /** Short letter → long name. */
  readonly short: ReadonlyMap<string, string>;
}

/**
 * Arguments → tokens; options and operands mix freely until `--`. A lone `-` is an operand, and may be a value.
 * After an unknown option nobody knows whether the next word is its value, so the caller must not trust the operands then.
 */
export function tokenize(argv: readonly string[], table: OptionTable): Token[] {
  const tokens: Token[] = [];
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      tokens.push(...rest.map((text): Token => ({ kind: 'operand', text })));
      break;
    }
    if (word.startsWith('--')) tokens.push(longOption(word, rest, table));
    else if (word.startsWith('-') && word !== '-') tokens.push(...shortOptions(word, rest, table));
    else tokens.push({ kind: 'operand', text: word });
  }
  return tokens;
}

function longOption(word: string, rest: string[], table: OptionTable): Token {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const as = `--${name}`;
  const takes = table.long.get(name);
  if (takes === undefined) return { kind: 'unknown', as };
  return option(name, as, equals < 0 ? undefined : word.slice(equals + 1), { takes, rest });
}

/** `-qf FILE` is `-q -f FILE`: letters up to the first that takes a value, which is what is left of the word, or the next one. */
function shortOptions(word: string, rest: string[], table: OptionTable): Token[] {
  const tokens: Token[] = [];
  for (let i = 1; i < word.length; i++) {
    const letter = String.fromCodePoint(word.codePointAt(i)!);
    const as = `-${letter}`;
    const name = table.short.get(letter);
    const takes = name === undefined ? undefined : table.long.get(name);
    if (name === undefined || takes === undefined) return [...tokens, { kind: 'unknown', as }];
    const tail = word.slice(i + 1);
    if (tail.startsWith('=')) return [...tokens, option(name, as, tail.slice(1), { takes, rest })];
    if (takes === 'value') return [...tokens, option(name, as, tail === '' ? undefined : tail, { takes, rest })];
    tokens.push({ kind: 'option', name, as, value: 'true' });
  }
  return tokens;
}

function option(name: string, as: string, given: string | undefined, next: { takes: Takes; rest: string[] }): Token {
  const value = given ?? (next.takes === 'nothing' ? 'true' : next.rest.shift());
  return value === undefined ? { kind: 'no-value', as } : { kind: 'option', name, as, value };
}

/** Go's strconv.ParseBool, which Docker's flags use; undefined when the text is neither. */
export function parseBool(text: string): boolean | undefined {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false;
  return undefined;
}
