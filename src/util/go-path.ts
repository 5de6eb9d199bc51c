/** Slash paths as Go's package path has them; the rules by which BuildKit cleans sources and destinations. */

/** Go's `path.Clean`: no empty, `.` or inner `..` elements; `` is `.`. */
export function cleanPath(path: string): string {
  if (path === '') return '.';
  const rooted = path.startsWith('/');
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') out.push(part);
    else if (out.length > 0 && out.at(-1) !== '..') out.pop();
    else if (!rooted) out.push('..');
  }
  const joined = out.join('/');
  return rooted ? `/${joined}` : joined || '.';
}

/** Go's `path.Join`: empty elements are left out, the rest is cleaned. */
export function joinPath(...parts: readonly string[]): string {
  const filled = parts.filter((p) => p !== '');
  return filled.length === 0 ? '' : cleanPath(filled.join('/'));
}

/** Go's `path.Base`. */
export function baseName(path: string): string {
  if (path === '') return '.';
  const trimmed = path.replace(/\/+$/, '');
  return trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1);
}

/** The elements of a path that is clean and below `/`: `/a/b` → a, b. */
export function pathElements(path: string): string[] {
  return cleanPath(`/${path}`)
    .split('/')
    .filter((p) => p !== '');
}

/** Go's filepath.Match wildcards; a backslash hides the character behind it. */
export function hasWildcards(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (name[i] === '\\') i++;
    else if ('*?['.includes(name[i]!)) return true;
  }
  return false;
}
