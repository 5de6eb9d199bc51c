/**
 * Sources that BuildKit takes for a URL or a repository, which COPY refuses; anything else is a path, however odd.
 * @see moby/buildkit frontend/dockerfile/dfgitutil/git_ref.go (ParseGitRef), dockerfile2llb/convert_copy.go (isHTTPSource), Go's net/url
 */

/** What a source is once its variables are expanded; undefined for a path. */
export function remoteKind(source: string): 'url' | 'repository' | undefined {
  if (isRepository(source)) return 'repository';
  return /^https?:\/\//.test(source) ? 'url' : undefined;
}

function isRepository(source: string): boolean {
  if (/^\.\.?\//.test(source)) return false;
  // an old form of a repository, now a path; a query is judged all the same
  if (source.startsWith('github.com/')) return isUrl(source) && !isGoodQuery(queryOf(source));
  const protocol = /^([a-zA-Z0-9]+):\/\//.exec(source)?.[1]?.toLowerCase();
  if (protocol === undefined) {
    const scp = /^[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:[^\n]*?(?:\?([^\n]*?))?(?:#[^\n]*)?$/.exec(source);
    return scp !== null && !/;|%(?![0-9a-fA-F]{2})/.test(scp[1] ?? '');
  }
  if (!['http', 'https', 'git', 'ssh'].includes(protocol) || !isUrl(source)) return false;
  return !protocol.startsWith('http') || /\.(?:g|%67)(?:i|%69)(?:t|%74)$/i.test(pathOf(source));
}

const ESCAPES = /%(?![0-9a-fA-F]{2})/;

/** Whether Go can read a URL: no control characters, whole escapes, a host of the characters a host may have. */
function isUrl(text: string): boolean {
  if (/[\0-\x1f\x7f]/.test(text)) return false;
  const [before, fragment = ''] = cut(text, '#');
  const authority = /^[a-zA-Z0-9]+:\/\/([^/?]*)/.exec(before)?.[1] ?? '';
  if (ESCAPES.test(fragment) || ESCAPES.test(cut(before, '?')[0])) return false;
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  if (at >= 0 && !/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(authority.slice(0, at))) return false;
  if (!(host.startsWith('[') ? /\](?::\d*)?$/ : /^[^:]*$|:\d*$/).test(host)) return false;
  return /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"%]|[^\0-\x7f])*$/.test(host) && !/%(?!25)[0-7]/.test(host);
}

function pathOf(url: string): string {
  const path = cut(cut(url, '#')[0], '?')[0].replace(/^[a-zA-Z0-9]+:\/\/[^/]*/, '');
  return path.replace(/%2e/gi, '.');
}

function queryOf(url: string): string {
  return cut(cut(url, '#')[0], '?')[1] ?? '';
}

const QUERY: Readonly<Record<string, RegExp>> = {
  ref: /./,
  tag: /./,
  branch: /./,
  subdir: /./,
  checksum: /./,
  commit: /./,
  'keep-git-dir': /^(?:|1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/,
  submodules: /^(?:|1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/,
  mtime: /^(?:checkout|commit)$/,
  'fetch-by-commit': /^(?:|1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/,
};

/** Only keys that are known, each once, with a value that fits; not tag, branch and ref side by side. */
function isGoodQuery(query: string): boolean {
  const values = new Map<string, string>();
  for (const part of query.split('&')) {
    if (part === '' || /;|%(?![0-9a-fA-F]{2})/.test(part)) continue; // left out, as url.Query does
    const [key, value = ''] = cut(part.replaceAll('+', ' '), '=').map((t) => t && unescape(t));
    if (values.has(key!) || !(Object.hasOwn(QUERY, key!) && QUERY[key!]!.test(value))) return false;
    values.set(key!, value);
  }
  return ['ref', 'tag', 'branch'].filter((key) => values.has(key)).length < 2;
}

function unescape(text: string): string {
  return Buffer.from(
    text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'utf8',
  ).toString();
}

function cut(text: string, at: string): [string, string?] {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}
