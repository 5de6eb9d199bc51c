/**
 * The regular expressions that moby makes of patterns, as far as patterns can make any, with the meaning that Go gives them.
 *
 * An expression is a list of steps that are walked along the path once, so that time grows with path times expression whatever it is.
 * @see https://pkg.go.dev/regexp/syntax
 */
import { PatternError } from './glob.js';

/** What one part of an expression takes. */
export type Step =
  | { readonly kind: 'char'; readonly test: (char: string) => boolean }
  /** Any number of what `test` accepts. */
  | { readonly kind: 'repeat'; readonly test: (char: string) => boolean }
  /** `**` before something: nothing, or anything that ends with a slash. */
  | { readonly kind: 'directories' }
  /** Takes nothing, but holds only between certain characters ('' at an end). */
  | { readonly kind: 'assertion'; readonly holds: (before: string, after: string) => boolean };

const NOT_NEWLINE = (char: string) => char !== '\n';

/** `**` before something, as an expression. */
export const DIRECTORIES = '(.*/)?';

/**
 * The steps of an expression: characters, escapes, brackets, repetition of one of those, assertions, and `**`. Nothing else comes of a pattern.
 * A backslash of the pattern reaches the expression, so that what it means there counts: `\\d` is a digit and `\\b` the edge of a word.
 * @throws PatternError, with `pattern`, where Go refuses the expression
 */
export function parseExpression(expression: string, pattern: string): Step[] {
  const steps: Step[] = [];
  const chars = Array.from(expression.replace(/^\ufeff/, '')); // Go's scanner drops a byte order mark
  const bad = () => new PatternError(pattern);
  for (let i = 0; i < chars.length; ) {
    const c = chars[i]!;
    if (c === '(') {
      steps.push({ kind: 'directories' });
      i += DIRECTORIES.length;
      continue;
    }
    const holds = c === '^' ? ASSERTIONS.A : c === '\\' ? ASSERTIONS[chars[i + 1] ?? ''] : undefined;
    if (holds) {
      i += c === '^' ? 1 : 2;
      steps.push({ kind: 'assertion', holds });
      continue;
    }
    if (c === '\\' && chars[i + 1] === 'Q') {
      const end = quotedEnd(chars, i + 2);
      for (const char of chars.slice(i + 2, end)) steps.push({ kind: 'char', test: (other) => other === char });
      i = end + 2;
      continue;
    }
    let test: (char: string) => boolean;
    if (c === '.') [test, i] = [NOT_NEWLINE, i + 1];
    else if (c === '\\') ({ test, end: i } = readEscape(chars, i + 1, bad));
    else if (c === '[') ({ test, end: i } = readClass(chars, i + 1, bad));
    else [test, i] = [(char) => char === c, i + 1];
    const repeated = chars[i] === '*';
    if (repeated) i++;
    steps.push({ kind: repeated ? 'repeat' : 'char', test });
  }
  return steps;
}

const isWord = (char: string) => /^[0-9A-Za-z_]$/.test(char);

const ASSERTIONS: Readonly<Record<string, (before: string, after: string) => boolean>> = {
  A: (before) => before === '',
  z: (_, after) => after === '',
  b: (before, after) => isWord(before) !== isWord(after),
  B: (before, after) => isWord(before) === isWord(after),
};

/** Where the text behind `\\Q` ends: at `\\E`, or with the expression. */
function quotedEnd(chars: readonly string[], start: number): number {
  const end = chars.findIndex((c, i) => i >= start && c === '\\' && chars[i + 1] === 'E');
  return end < 0 ? chars.length : end;
}

type Test = { test: (char: string) => boolean; end: number };

/** What stands behind a backslash, by the rules of Go's regular expressions. */
function readEscape(chars: readonly string[], start: number, bad: () => Error): Test {
  const c = chars[start];
  if (c === undefined) throw bad();
  const end = start + 1;
  const is = (char: string, at = end): Test => ({ test: (other) => other === char, end: at });
  const classes: Readonly<Record<string, RegExp>> = { d: /^[0-9]$/, w: /^[0-9A-Za-z_]$/, s: /^[\t\n\f\r ]$/ };
  const control: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
  const lower = c.toLowerCase();
  const named = classes[lower];
  if (named) return { test: (char) => named.test(char) === (c === lower), end };
  if (control[c]) return is(control[c]);
  if (lower === 'p') {
    const category = chars[end] ?? '';
    if (!/^[CLMNPSZ]$/.test(category)) throw bad();
    // Go's C is control, format, surrogate and private use; JavaScript's has what is not assigned as well
    const letters = new RegExp(category === 'C' ? '^[\\p{Cc}\\p{Cf}\\p{Co}]$' : `^\\p{${category}}$`, 'u');
    return { test: (char) => letters.test(char) === (c === 'p'), end: end + 1 };
  }
  const digits = chars.slice(start, start + 4).join('');
  const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(digits)?.[0];
  if (octal) return is(String.fromCodePoint(Number.parseInt(octal, 8)), start + octal.length);
  const hex = /^x[0-9A-Fa-f]{2}/.test(digits) ? digits.slice(1, 3) : undefined;
  if (hex) return is(String.fromCodePoint(Number.parseInt(hex, 16)), start + 3);
  if (/^[0-9A-Za-z]$/.test(c)) throw bad();
  return is(c);
}

/** The inside of brackets, from `start` on: ranges and escapes, `^` negates; POSIX names such as [:alpha:]. */
function readClass(chars: readonly string[], start: number, bad: () => Error): Test {
  let i = start;
  const negated = chars[i] === '^';
  if (negated) i++;
  const tests: ((char: string) => boolean)[] = [];
  /** One character, or what an escape stands for. */
  const one = (): string | ((char: string) => boolean) => {
    const c = chars[i++];
    if (c === undefined) throw bad();
    if (c !== '\\') return c;
    const next = chars[i];
    if (next !== undefined && !/^[0-9A-Za-z]$/.test(next)) {
      i++;
      return next;
    }
    const escape = readEscape(chars, i, bad);
    const plain = chars.slice(i, escape.end).join('');
    i = escape.end;
    const set = /^[dDwWsSpP]/.test(plain);
    return set ? escape.test : (CODES.find((char) => escape.test(char)) ?? escape.test);
  };
  for (let first = true; first || chars[i] !== ']'; first = false) {
    const posix = /^\[:(\^?)(\w+):\]/.exec(chars.slice(i, i + 16).join(''));
    const named = posix ? POSIX[posix[2]!] : undefined;
    if (posix && named) {
      i += posix[0].length;
      tests.push((char) => named.test(char) === (posix[1] === ''));
      continue;
    }
    const lo = one();
    if (chars[i] === '-' && chars[i + 1] !== ']' && chars[i + 1] !== undefined && typeof lo === 'string') {
      i++;
      const hi = one();
      if (typeof hi !== 'string' || hi.codePointAt(0)! < lo.codePointAt(0)!) throw bad();
      tests.push((char) => char.codePointAt(0)! >= lo.codePointAt(0)! && char.codePointAt(0)! <= hi.codePointAt(0)!);
    } else tests.push(typeof lo === 'string' ? (char) => char === lo : lo);
  }
  return { test: (char) => tests.some((t) => t(char)) !== negated, end: i + 1 };
}

/** What octal and hexadecimal escapes can stand for. */
const CODES = Array.from({ length: 512 }, (_, code) => String.fromCodePoint(code));

const POSIX: Readonly<Record<string, RegExp>> = {
  alnum: /^[0-9A-Za-z]$/,
  alpha: /^[A-Za-z]$/,
  ascii: /^[\0-\x7f]$/,
  blank: /^[\t ]$/,
  cntrl: /^[\0-\x1f\x7f]$/,
  digit: /^[0-9]$/,
  graph: /^[!-~]$/,
  lower: /^[a-z]$/,
  print: /^[ -~]$/,
  punct: /^[!-/:-@[-`{-~]$/,
  space: /^[\t\n\v\f\r ]$/,
  upper: /^[A-Z]$/,
  word: /^[0-9A-Za-z_]$/,
  xdigit: /^[0-9A-Fa-f]$/,
};

/**
 * Whether an expression is that of a path. Walks all states along the path at once. State 2k: before step k; 2k+1: inside the directories of step k.
 * @param above it is enough that what stands before one of the slashes matches
 */
export function matchesExpression(
  steps: readonly Step[],
  path: string,
  { above = false }: { readonly above?: boolean } = {},
): boolean {
  const goal = 2 * steps.length;
  const chars = Array.from(path);
  let current = new StateSet(goal + 1);
  let next = new StateSet(goal + 1);
  current.add(0);
  for (let i = 0; ; i++) {
    const [before, char] = [chars[i - 1] ?? '', chars[i] ?? ''];
    // assertions hold for what comes next: in a directory above nothing does
    if (above && char === '/' && close(next.copy(current), steps, before, '').has(goal)) return true;
    close(current, steps, before, char);
    if (i === chars.length) return current.has(goal);
    next.clear();
    for (const state of current.states) {
      const at = state - (state % 2);
      const step = steps[at / 2];
      if (step === undefined || step.kind === 'assertion') continue;
      if (step.kind === 'directories') {
        if (char === '/') next.add(at + 2);
        if (NOT_NEWLINE(char)) next.add(at + 1);
      } else if (step.test(char)) next.add(step.kind === 'repeat' ? state : at + 2);
    }
    if (next.states.length === 0) return false;
    [current, next] = [next, current];
  }
}

/** Adds what is reached without taking a character, between the two that are given. */
function close(set: StateSet, steps: readonly Step[], before: string, after: string): StateSet {
  for (const state of set.states) {
    const step = state % 2 === 0 ? steps[state / 2] : undefined;
    const passes =
      step?.kind === 'repeat' ||
      step?.kind === 'directories' ||
      (step?.kind === 'assertion' && step.holds(before, after));
    if (passes) set.add(state + 2);
  }
  return set;
}

/** Small numbers, each once. What is added while `states` is walked is walked as well. */
class StateSet {
  readonly states: number[] = [];
  readonly #member: Uint8Array;

  constructor(size: number) {
    this.#member = new Uint8Array(size);
  }

  has(state: number): boolean {
    return this.#member[state] === 1;
  }

  add(state: number): void {
    if (this.#member[state] === 1) return;
    this.#member[state] = 1;
    this.states.push(state);
  }

  clear(): void {
    for (const state of this.states) this.#member[state] = 0;
    this.states.length = 0;
  }

  copy(from: StateSet): this {
    this.clear();
    for (const state of from.states) this.add(state);
    return this;
  }
}
