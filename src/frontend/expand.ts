/**
 * Quotes, escapes and variables in a word, as BuildKit's shell lexer treats them.
 * Written by hand, not as a grammar: an unquoted heredoc may hold megabytes, which this walks once, and nesting, quotes
 * and escapes change meaning with the operator they stand in.
 * @see moby/buildkit frontend/dockerfile/shell/lex.go
 */

import { isPrintable } from '../util/printable.js';
import { isSpace } from '../util/text.js';
import { replaceMatch, trimMatch } from './glob-trim.js';

/** Variables by name. */
export type Env = ReadonlyMap<string, string>;

export const EMPTY_ENV: Env = new Map();

export interface ExpandOptions {
  readonly escape: string;
  /** Quotes stay in the result. */
  readonly rawQuotes?: boolean;
  /** Escapes stay in the result. */
  readonly rawEscapes?: boolean;
  /** Quotes are ordinary characters (heredocs). */
  readonly ignoreQuotes?: boolean;
  /** A variable that is not set stays as it is written. */
  readonly keepUnset?: boolean;
}

/** What is wrong with an expansion; the caller knows the place. */
export class ExpansionError extends Error {}

/** How deep `${a:-${b:-…` may nest. BuildKit has no limit but the memory for its stack; ours is the stack of JavaScript, a tenth of which this takes. */
const MAX_DEPTH = 1000;

/**
 * What replacements may make of a word, in characters. `${PATH//?/…}` writes its text for each character of PATH, so that nested a few times it
 * makes gigabytes of a line. BuildKit takes what fits into memory. One that is not nested cannot come near this.
 */
const MIN_ALLOWANCE = 2 ** 20;
const ALLOWANCE_PER_CHAR = 128;

/**
 * Expands one word.
 * @throws ExpansionError for a malformed expansion, an unmatched quote, or `${X?}` of an unset variable
 */
export function expandWord(word: string, env: Env, options: ExpandOptions): string {
  return new Expander(word, env, options).run('');
}

/** Expands a text and splits it at blanks that are not quoted. */
export function expandWords(text: string, env: Env, options: ExpandOptions): string[] {
  const words = new WordBuffer();
  new Expander(text, env, options, words).run('');
  return words.finish();
}

/** The names that a word mentions, whether set or not. */
export function mentionedVariables(word: string, options: ExpandOptions): Set<string> {
  const expander = new Expander(word, EMPTY_ENV, options);
  try {
    expander.run('');
  } catch {
    // a malformed word mentions what was read so far
  }
  return expander.mentioned;
}

class Expander {
  readonly #source: string;
  readonly #env: Env;
  readonly #options: ExpandOptions;
  #at = 0;
  #depth = 0;
  #rawEscapes: boolean;
  /** How many characters replacements may still make. */
  #allowance: number;
  /** Collects the words of the outermost text, where somebody wants them. */
  readonly #words: WordBuffer | undefined;
  readonly mentioned = new Set<string>();

  constructor(source: string, env: Env, options: ExpandOptions, words?: WordBuffer) {
    // Go's scanner drops a byte order mark in front, and reads a byte that is no UTF-8 as U+FFFD.
    const clean = source.startsWith('\ufeff') ? source.slice(1) : source;
    this.#source = clean.toWellFormed();
    this.#env = env;
    this.#options = options;
    this.#rawEscapes = options.rawEscapes ?? false;
    this.#allowance = MIN_ALLOWANCE + ALLOWANCE_PER_CHAR * source.length;
    this.#words = words;
  }

  #peek(): string {
    return this.#source[this.#at] ?? '';
  }

  #nextChar(): string {
    return this.#source[this.#at++] ?? '';
  }

  /** Up to `stop` ('' is the end of the text), which is eaten. */
  run(stop: string): string {
    const out: string[] = [];
    const words = this.#depth === 0 ? this.#words : undefined;
    while (this.#at < this.#source.length) {
      const ch = this.#peek();
      if (stop !== '' && ch === stop) {
        this.#at++;
        return out.join('');
      }
      if (ch === '$') {
        const value = this.#dollar();
        out.push(value);
        words?.addSplitting(value);
      } else if (ch === '<' || (!this.#options.ignoreQuotes && (ch === "'" || ch === '"'))) {
        const piece = ch === '<' ? this.#lessThan() : ch === "'" ? this.#singleQuoted() : this.#doubleQuoted();
        out.push(piece);
        words?.addWhole(piece);
      } else if (ch === this.#options.escape) {
        this.#at++;
        if (this.#rawEscapes) {
          out.push(ch);
          words?.addWhole(ch);
        }
        const next = this.#nextChar();
        out.push(next);
        words?.addWhole(next);
      } else {
        const from = this.#at;
        while (this.#at < this.#source.length && !this.#isSpecial(this.#peek(), stop)) this.#at++;
        const piece = this.#source.slice(from, this.#at);
        out.push(piece);
        words?.addSplitting(piece);
      }
    }
    if (stop !== '') throw new ExpansionError(`unexpected end of statement while looking for matching ${stop}`);
    return out.join('');
  }

  #isSpecial(ch: string, stop: string): boolean {
    if (ch === '$' || ch === '<') return true;
    if (ch === "'" || ch === '"') return !this.#options.ignoreQuotes;
    return ch === this.#options.escape || (stop !== '' && ch === stop);
  }

  /** `<<` takes the blanks behind it along, so that `<< EOF` stays one word. */
  #lessThan(): string {
    this.#at++;
    if (this.#peek() !== '<') return '<';
    const from = this.#at++;
    while (/^[\t\r ]$/.test(this.#peek())) this.#at++;
    return `<${this.#source.slice(from, this.#at)}`;
  }

  #singleQuoted(): string {
    const end = this.#source.indexOf("'", this.#at + 1);
    if (end < 0) {
      this.#at = this.#source.length; // the rest is read: within ${} it is the brace that is missed
      throw new ExpansionError('unexpected end of statement while looking for matching single-quote');
    }
    const inner = this.#source.slice(this.#at + 1, end);
    this.#at = end + 1;
    return this.#options.rawQuotes ? `'${inner}'` : inner;
  }

  #doubleQuoted(): string {
    const out: string[] = [];
    this.#at++;
    for (;;) {
      const ch = this.#peek();
      if (ch === '') throw new ExpansionError('unexpected end of statement while looking for matching double-quote');
      if (ch === '"') {
        this.#at++;
        return this.#options.rawQuotes ? `"${out.join('')}"` : out.join('');
      }
      if (ch === '$') {
        out.push(this.#dollar());
        continue;
      }
      this.#at++;
      if (ch !== this.#options.escape) {
        out.push(ch);
        continue;
      }
      if (this.#rawEscapes) out.push(ch);
      const next = this.#peek();
      if (next === '') continue; // an escape at the end of the text is dropped
      if (next === '"' || next === '$' || next === this.#options.escape) out.push(this.#nextChar());
      else out.push(ch);
    }
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      if (name === '') return '$';
      return this.#lookup(name) ?? (this.#options.keepUnset ? `$${name}` : '');
    }
    this.#at++;
    if (this.#peek() === '') throw new ExpansionError("syntax error: missing '}'");
    if ('{}:'.includes(this.#peek())) throw new ExpansionError('syntax error: bad substitution');
    const name = this.#name();
    let operator = this.#nextCodePoint();
    if (operator === '}') return this.#lookup(name) ?? (this.#options.keepUnset ? `\${${name}}` : '');
    if (operator === '/') return this.#replacement(name);
    const nullIsUnset = operator === ':';
    if (nullIsUnset) operator = this.#nextCodePoint();
    const modifier = nullIsUnset ? `:${operator}` : operator;
    const trims = operator === '#' || operator === '%';
    const known = nullIsUnset || trims || '+-?'.includes(operator);
    if (!known || operator === '' || (nullIsUnset && trims)) {
      if (nullIsUnset && !trims) this.#until('}', false); // BuildKit reads on first, and complains of a missing brace before all else
      throw new ExpansionError(`unsupported modifier (${modifier}) in substitution`);
    }
    const word = this.#until('}', trims);
    const value = this.#lookup(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}${modifier}${word}}`;
    return this.#apply(operator, { name, word, value, nullIsUnset, modifier });
  }

  #apply(
    operator: string,
    part: { name: string; word: string; value: string | undefined; nullIsUnset: boolean; modifier: string },
  ): string {
    const { name, word, value } = part;
    const missing = value === undefined || (part.nullIsUnset && value === '');
    switch (operator) {
      case '-':
        return missing ? word : value;
      case '+':
        return missing ? '' : word;
      case '?':
        if (!missing) return value;
        throw new ExpansionError(
          `${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`,
        );
      case '#':
      case '%': {
        const longest = word.startsWith(operator);
        const pattern = longest ? word.slice(1) : word;
        const from = operator === '#' ? 'start' : 'end';
        return this.#pattern(pattern, () => trimMatch(value ?? '', pattern, { from, longest }));
      }
      default:
        throw new ExpansionError(`unsupported modifier (${part.modifier}) in substitution`);
    }
  }

  #replacement(name: string): string {
    const all = this.#peek() === '/';
    if (all) this.#at++;
    const pattern = this.#until('/', true);
    const text = this.#until('}', true);
    const value = this.#lookup(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}/${pattern}/${text}}`;
    const replaced = this.#pattern(pattern, () =>
      replaceMatch(value ?? '', pattern, text, { all, most: this.#allowance }),
    );
    if (replaced === undefined) throw new ExpansionError('the text that replacements make is too long');
    this.#allowance -= replaced.length;
    return replaced;
  }

  #pattern<T>(pattern: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw new ExpansionError(`invalid pattern (${pattern}) in substitution: ${(error as Error).message}`);
    }
  }

  /** A nested word up to `stop`, with escapes kept where a pattern reads them. */
  #until(stop: '}' | '/', rawEscapes: boolean): string {
    const before = this.#rawEscapes;
    if (this.#depth === MAX_DEPTH) throw new ExpansionError(`\${…} is nested more than ${MAX_DEPTH} levels deep`);
    this.#depth++;
    this.#rawEscapes = rawEscapes;
    try {
      return this.run(stop);
    } catch (error) {
      if (this.#at >= this.#source.length)
        throw new ExpansionError(stop === '/' ? "syntax error: missing '/' in ${}" : "syntax error: missing '}'");
      throw error;
    } finally {
      this.#depth--;
      this.#rawEscapes = before;
      this.#words?.forget();
    }
  }

  #lookup(name: string): string | undefined {
    this.mentioned.add(name);
    return this.#env.get(name);
  }

  /** Letters, digits and _; digits alone when it starts with one; one of the shell's special parameters. */
  #name(): string {
    const first = this.#peek();
    const digits = /^\p{Nd}+/u.exec(this.#source.slice(this.#at, this.#at + 64));
    if (digits && isPrintable(digits[0].codePointAt(0)!)) {
      let name = '';
      while (/^\p{Nd}$/u.test(this.#codePoint())) name += this.#nextCodePoint();
      return name;
    }
    if (first !== '' && '@*#?-$!'.includes(first)) return this.#nextChar();
    let name = '';
    for (let ch = this.#codePoint(); ch !== '' && isNameChar(ch); ch = this.#codePoint()) name += this.#nextCodePoint();
    return name;
  }

  #codePoint(): string {
    const code = this.#source.codePointAt(this.#at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #nextCodePoint(): string {
    const ch = this.#codePoint();
    this.#at += ch.length;
    return ch;
  }
}

/** Letters of the Unicode that Go has (see printable.ts), so that no Node version matters. */
function isNameChar(ch: string): boolean {
  return ch === '_' || (/^[\p{L}\p{Nd}]$/u.test(ch) && isPrintable(ch.codePointAt(0)!));
}

/** Collects words: blanks separate, unless they come whole. */
class WordBuffer {
  readonly #words: string[] = [];
  #word: string[] = [];
  #length = 0;

  addSplitting(text: string): void {
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      if (!isSpace(text[i]!)) continue;
      this.addWhole(text.slice(from, i));
      this.#flush();
      from = i + 1;
    }
    this.addWhole(text.slice(from));
  }

  addWhole(text: string): void {
    if (text === '') return;
    this.#word.push(text);
    this.#length += text.length;
  }

  /** BuildKit has one buffer for all levels: a nested word (`a${X:-b}`) takes what the word around it has so far. */
  forget(): void {
    this.#word = [];
    this.#length = 0;
  }

  finish(): string[] {
    this.#flush();
    return this.#words;
  }

  #flush(): void {
    if (this.#length === 0) return;
    this.#words.push(this.#word.join(''));
    this.#word = [];
    this.#length = 0;
  }
}
