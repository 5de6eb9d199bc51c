/**
 * The patterns of `${name#pattern}`, `${name%pattern}` and `${name/pattern/text}`: `?` is one character, `*` any number of them,
 * `\` takes the meaning from `*`, `?` and `\`. BuildKit makes regular expressions of them; a table of states gives the same
 * answers in time that grows with text times pattern, whatever the pattern.
 * @see moby/buildkit frontend/dockerfile/shell/lex.go (convertShellPatternToRegex)
 */

type Token = { readonly kind: 'char'; readonly char: string } | { readonly kind: 'one' } | { readonly kind: 'any' };

/** Removes the shortest (or longest) match of the pattern from the front, or the end, of the value. */
export function trimMatch(
  value: string,
  pattern: string,
  options: { from: 'start' | 'end'; longest: boolean },
): string {
  const tokens = parsePattern(options.from === 'end' ? reversePattern(pattern) : pattern);
  const chars = Array.from(value);
  if (options.from === 'end') chars.reverse();
  const ends = matchEnds(chars, 0, tokens);
  const end = options.longest ? ends.at(-1) : ends[0];
  if (end === undefined) return value;
  const kept = chars.slice(end);
  if (options.from === 'end') kept.reverse();
  return kept.join('');
}

/**
 * Replaces the first match (or every one) of the pattern; a match is the longest at its place.
 * Undefined when the result would have more than `most` characters.
 */
export function replaceMatch(
  value: string,
  pattern: string,
  replacement: string,
  options: { all: boolean; most: number },
): string | undefined {
  const tokens = parsePattern(pattern);
  const chars = Array.from(value);
  let out = '';
  let at = 0;
  let lastEnd = -1;
  while (at <= chars.length) {
    if (out.length + replacement.length > options.most) return undefined;
    const end = matchEnds(chars, at, tokens).at(-1);
    if (end !== undefined && !(end === at && at === lastEnd)) {
      const matched = chars.slice(at, end).join('');
      out += options.all ? expandTemplate(replacement, matched) : replacement;
      if (!options.all) return out + chars.slice(end).join('');
      lastEnd = end;
      if (end > at) {
        at = end;
        continue;
      }
    }
    if (at < chars.length) out += chars[at];
    at++;
  }
  return out;
}

/** Replacing all goes through Go's regexp templates, in which `$0` is the match, other `$name` are empty and `$$` is a dollar sign. */
function expandTemplate(template: string, matched: string): string {
  return template.replace(/\$(\$|\{\w+\}|\w+)/g, (_, name: string) => {
    if (name === '$') return '$';
    return /^\{?0+\}?$/.test(name) ? matched : '';
  });
}

/** Every end of a match that starts at `start`, ascending. */
function matchEnds(chars: readonly string[], start: number, tokens: readonly Token[]): number[] {
  const ends: number[] = [];
  let states = close(new Set([0]), tokens);
  for (let at = start; ; at++) {
    if (states.has(tokens.length)) ends.push(at);
    if (at === chars.length || states.size === 0) return ends;
    const next = new Set<number>();
    for (const state of states) {
      const token = tokens[state];
      if (token === undefined) continue;
      if (token.kind === 'any') {
        if (chars[at] !== '\n') next.add(state);
      } else if (token.kind === 'one' ? chars[at] !== '\n' : chars[at] === token.char) next.add(state + 1);
    }
    states = close(next, tokens);
  }
}

/** A `*` may match nothing. */
function close(states: Set<number>, tokens: readonly Token[]): Set<number> {
  for (const state of states) if (tokens[state]?.kind === 'any') states.add(state + 1);
  return states;
}

/** Turned around, an escape still in front of what it escapes; one at the very end escapes what stood before it, as in BuildKit. */
function reversePattern(pattern: string): string {
  const pieces = pattern.match(/\\[\s\S]|[\s\S]/gu) ?? [];
  return pieces.reverse().join('');
}

function parsePattern(pattern: string): Token[] {
  const tokens: Token[] = [];
  const chars = Array.from(pattern.replace(/^\ufeff/, '')); // Go's scanner drops a byte order mark in front
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === '*') {
      if (tokens.at(-1)?.kind !== 'any') tokens.push({ kind: 'any' });
    } else if (char === '?') tokens.push({ kind: 'one' });
    else if (char !== '\\') tokens.push({ kind: 'char', char });
    else {
      const next = chars[i + 1];
      if (next === '}' || next === '/') continue; // escaped for ${}, not for the pattern
      if (next !== '*' && next !== '?' && next !== '\\') throw new Error(`invalid escape '\\${next ?? ''}'`);
      tokens.push({ kind: 'char', char: next });
      i++;
    }
  }
  return tokens;
}
