/**
 * The patterns of ignore files, --exclude and --parents, by moby's rules: later lines win, `!` takes back, `**` crosses slashes, a
 * pattern that matches a directory matches all below it.
 *
 * moby makes regular expressions of them; what those make of odd input is kept (pattern-expression.ts).
 * @see moby/patternmatcher patternmatcher.go
 */
import { cleanPath } from '../util/go-path.js';
import { trimSpace } from '../util/text.js';
import { Glob, PatternError } from './glob.js';
import { DIRECTORIES, matchesExpression, parseExpression, type Step } from './pattern-expression.js';

/** Which patterns matched a directory: handed down to what is below it. */
export type ParentMatches = readonly boolean[];

/** One pattern of a set. */
export interface Pattern {
  /** Cleaned, without `!`. */
  readonly text: string;
  readonly negated: boolean;
  /** Its index in the list that the set was made from. */
  readonly index: number;
}

interface Compiled extends Pattern {
  readonly type: 'exact' | 'prefix' | 'suffix' | 'states';
  readonly steps: readonly Step[];
}

const NO_PARENT: ParentMatches = [];

/** A list of patterns that decide together. */
export class PatternSet {
  readonly patterns: readonly Pattern[];
  readonly #compiled: readonly Compiled[];
  readonly hasNegations: boolean;

  /** @throws PatternError for a pattern that moby refuses: an unclosed bracket, a lone `!` */
  constructor(lines: readonly string[]) {
    const compiled: Compiled[] = [];
    for (const [index, line] of lines.entries()) {
      const trimmed = trimSpace(line);
      if (trimmed === '') continue;
      const clean = cleanPath(trimmed);
      if (clean === '!') throw new PatternError(clean, 'illegal exclusion pattern: "!"');
      const negated = clean.startsWith('!');
      const text = negated ? clean.slice(1) : clean;
      new Glob(text); // for its syntax check
      compiled.push({ text, negated, index, ...compile(text) });
    }
    this.#compiled = compiled;
    this.patterns = compiled;
    this.hasNegations = compiled.some((p) => p.negated);
  }

  /**
   * Whether a path matches, given what its directory matched ([] at the top or where that is not known, in which case the
   * directories above are tried too).
   */
  match(
    path: string,
    parent: ParentMatches = NO_PARENT,
  ): { readonly matched: boolean; readonly matches: ParentMatches } {
    const matches: boolean[] = new Array(this.#compiled.length).fill(false);
    let matched = false;
    for (const [i, pattern] of this.#compiled.entries()) {
      let match = parent[i] ?? false;
      if (!match) {
        // a plain pattern can add nothing once something matched, and an exception takes back only what matched
        if (pattern.negated !== matched) continue;
        match = parent.length === 0 ? matchAny(pattern, path) : matchOne(pattern, path);
      }
      matches[i] = match;
      if (match) matched = !pattern.negated;
    }
    return { matched, matches };
  }

  /** The pattern that decides a path on its own, for messages: the last one that matches it or a directory above it. */
  deciding(path: string): Pattern | undefined {
    return this.#compiled.findLast((p) => matchAny(p, path));
  }
}

function matchOne({ type, text, steps }: Compiled, path: string): boolean {
  switch (type) {
    case 'exact':
      return path === text;
    case 'prefix':
      return path.startsWith(text.slice(0, -2));
    case 'suffix': {
      const suffix = text.slice(2);
      return path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
    }
    case 'states':
      return matchesExpression(steps, path);
  }
}

/** Whether a path or a directory above it (all that stands before one of its slashes) matches, in one walk along the path. */
function matchAny(pattern: Compiled, path: string): boolean {
  const { type, text, steps } = pattern;
  switch (type) {
    case 'exact':
      return path === text || path.startsWith(`${text}/`);
    case 'prefix':
      return matchOne(pattern, path); // a directory with this prefix gives it to what is below
    case 'suffix': {
      const suffix = text.slice(2);
      const above = path.includes(`${suffix}/`) || (suffix.startsWith('/') && path.startsWith(`${suffix.slice(1)}/`));
      return above || matchOne(pattern, path);
    }
    case 'states':
      return matchesExpression(steps, path, { above: true });
  }
}

/**
 * moby's translation, character by character and blind to brackets: a `*` inside them becomes an expression that ends them. The
 * four ways to match are its own shortcuts, and differ from its expressions in corners.
 */
function compile(text: string): Pick<Compiled, 'type' | 'steps'> {
  let expression = '';
  let type: Compiled['type'] = 'exact';
  const chars = Array.from(text);
  for (let i = 0, round = 0; i < chars.length; round++) {
    const c = chars[i++]!;
    if (c === '*' && chars[i] === '*') {
      i++;
      if (chars[i] === '/') i++;
      if (i < chars.length) {
        expression += DIRECTORIES;
        type = 'states';
      } else if (type === 'exact') type = 'prefix';
      else {
        expression += '.*';
        type = 'states';
      }
      if (round === 0) type = 'suffix';
    } else if (c === '*') {
      expression += '[^/]*';
      type = 'states';
    } else if (c === '?') {
      expression += '[^/]';
      type = 'states';
    } else if ('.+()|{}$'.includes(c)) expression += `\\${c}`;
    else if (c === '\\') {
      expression += `\\${chars[i++] ?? ''}`;
      type = 'states';
    } else {
      if (c === '[' || c === ']') type = 'states';
      expression += c;
    }
  }
  return { type, steps: type === 'states' ? parseExpression(expression, text) : [] };
}
