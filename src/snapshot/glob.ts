/**
 * Wildcards in COPY sources: Go's filepath.Match, and which paths of a tree match.
 * @see https://pkg.go.dev/path/filepath#Match, moby/buildkit vendor/github.com/tonistiigi/fsutil/copy/copy.go (ResolveWildcards)
 */
import { hasWildcards, joinPath, pathElements } from '../util/go-path.js';
import { decodeText, encodeText, hasRawBytes } from '../util/text.js';
import { type DirectoryNode, sortedEntries } from './file-tree.js';
import { lookup, resolvePath, TreeError } from './tree-editor.js';

/** A malformed pattern, such as an unclosed bracket. */
export class PatternError extends Error {
  constructor(
    readonly pattern: string,
    message = `syntax error in pattern ${JSON.stringify(pattern)}`,
  ) {
    super(message);
  }
}

type Token =
  | { readonly kind: 'byte'; readonly byte: number }
  | { readonly kind: 'one' }
  | { readonly kind: 'star' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

/** A pattern, compiled. */
export class Glob {
  readonly #tokens: readonly Token[];

  /** @throws PatternError when the pattern is malformed */
  constructor(pattern: string) {
    this.#tokens = parse(pattern);
  }

  /**
   * Whether the whole name matches; `*` and `?` match no slash, but brackets do. A star is tried shortest first and, on a mismatch, only the
   * latest one is moved on, so that no pattern takes more than name times pattern.
   *
   * As in Go, names are bytes and a star ends at any of them: `*??` matches `€`, the star one byte of it and each `?` another.
   */
  match(name: string): boolean {
    const bytes = encodeText(name);
    let at = 0;
    let token = 0;
    let star = -1;
    let starAt = 0;
    while (at < bytes.length || token < this.#tokens.length) {
      const t = this.#tokens[token];
      if (t?.kind === 'star') {
        star = token++;
        starAt = at;
        continue;
      }
      const width = t && at < bytes.length ? matchWidth(t, bytes, at) : 0;
      if (width > 0) {
        token++;
        at += width;
        continue;
      }
      if (star < 0 || starAt >= bytes.length || bytes[starAt] === SLASH) return false;
      token = star + 1;
      at = ++starAt;
    }
    return true;
  }
}

const SLASH = 0x2f;

/** What Go decodes a byte to that begins no character. */
const RUNE_ERROR = 0xfffd;

/** How many bytes at `at` a token takes; 0 when it does not match. */
function matchWidth(token: Exclude<Token, { kind: 'star' }>, bytes: Uint8Array, at: number): number {
  if (token.kind === 'byte') return bytes[at] === token.byte ? 1 : 0;
  if (token.kind === 'one' && bytes[at] === SLASH) return 0;
  const { code, width } = runeAt(bytes, at);
  if (token.kind === 'one') return width;
  return token.ranges.some(([lo, hi]) => lo <= code && code <= hi) === token.negated ? 0 : width;
}

/** The character at `at`; a byte that begins none counts as one of its own. */
function runeAt(bytes: Uint8Array, at: number): { code: number; width: number } {
  const byte = bytes[at]!;
  if (byte < 0x80) return { code: byte, width: 1 };
  const code = decodeText(bytes.subarray(at, at + 4)).codePointAt(0)!;
  if (code >= 0xdc00 && code <= 0xdfff) return { code: RUNE_ERROR, width: 1 };
  return { code, width: code < 0x800 ? 2 : code < 0x10000 ? 3 : 4 };
}

function parse(pattern: string): Token[] {
  const chars = Array.from(pattern);
  const tokens: Token[] = [];
  const bad = () => new PatternError(pattern);
  const literal = (char: string): void => {
    for (const byte of encodeText(char)) tokens.push({ kind: 'byte', byte });
  };
  let i = 0;
  const classChar = (): number => {
    let c = chars[i];
    if (c === undefined || c === '-' || c === ']') throw bad();
    if (c === '\\') c = chars[++i];
    if (c === undefined || hasRawBytes(c)) throw bad();
    i++;
    if (i === chars.length) throw bad(); // the bracket must still be closed
    return c.codePointAt(0)!;
  };
  while (i < chars.length) {
    const c = chars[i++]!;
    if (c === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (c === '?') tokens.push({ kind: 'one' });
    else if (c === '\\') {
      if (i === chars.length) throw bad();
      literal(chars[i++]!);
    } else if (c === '[') {
      const negated = chars[i] === '^';
      if (negated) i++;
      const ranges: (readonly [number, number])[] = [];
      while (!(chars[i] === ']' && ranges.length > 0)) {
        const lo = classChar();
        if (chars[i] !== '-') ranges.push([lo, lo]);
        else {
          i++;
          ranges.push([lo, classChar()]);
        }
      }
      i++;
      tokens.push({ kind: 'class', negated, ranges });
    } else literal(c);
  }
  return tokens;
}

/**
 * The paths that a source names: itself, or what its wildcards match, in walking order; below a matched directory nothing more
 * is tried. Links in the part before the first wildcard are followed, so the paths may lie elsewhere.
 * @param options unread: wildcards that cannot be understood match nothing
 * @throws PatternError, TreeError
 */
export function resolveWildcards(
  tree: DirectoryNode,
  source: string,
  { unread = false }: { readonly unread?: boolean } = {},
): string[] {
  const elements = pathElements(source);
  const first = elements.findIndex(hasWildcards);
  if (first < 0) return [source];
  const base = resolvePath(tree, `/${elements.slice(0, first).join('/')}`);
  const start = lookup(tree, pathElements(base));
  if (start === undefined) throw new TreeError('not-found', base, `${base} does not exist`);
  const glob = parseGlob(elements.slice(first).join('/'), unread);
  if (!glob) return [];
  const found: string[] = [];
  const walk = (directory: DirectoryNode, prefix: string) => {
    for (const [name, node] of sortedEntries(directory)) {
      const path = prefix + name;
      if (glob.match(path)) found.push(joinPath(base, path));
      else if (node.type === 'directory') walk(node, `${path}/`);
    }
  };
  if (start.type === 'directory') walk(start, '');
  return found;
}

function parseGlob(text: string, unread: boolean): Glob | undefined {
  try {
    return new Glob(text);
  } catch (error) {
    if (unread && error instanceof PatternError) return undefined;
    throw error;
  }
}
