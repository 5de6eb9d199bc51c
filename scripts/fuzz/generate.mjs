// Random builds that know the language: what comes out is a parity case (see ../shared/parity/README.md) without `expect`.
// Names come from small pools, and sources are mostly picked from what is there, so that most builds succeed and meet each other's files.
import path from 'node:path';
import fc from 'fast-check';

const weighted = (...pairs) => fc.oneof(...pairs.map(([weight, arbitrary]) => ({ weight, arbitrary })));
const pick = (...values) => fc.constantFrom(...values);
const sometimes = (arbitrary, one, of) => weighted([of - one, fc.constant(undefined)], [one, arbitrary]);
const rarely = (of) => fc.nat(of - 1).map((n) => n === of - 1);
const at = (list, n) => list[n % list.length];

const LONG = 'long-'.repeat(24) + 'name';
const VERY_LONG = 'n'.repeat(240);
const name = weighted(
  [40, pick('a', 'b', 'c.txt', 'd', 'e', 'f.md')],
  [6, pick('.h', 'a-b', 'a.b', 'Z', '0', 'etc', 'x', 'usr', 'A', 'c.txt.md')],
  [3, pick('a b', 'ä', '日本', 'e\u0301', '😀', ' ', 'a\u00a0b')],
  [
    3,
    pick(
      'x[1]',
      's*r',
      'q?',
      '[a]',
      '-n',
      '$v',
      '#c',
      "it's",
      '"q"',
      'back\\slash',
      '~',
      '!n',
      'a:b',
      'a,b',
      'a=b',
      '<<E',
      '...',
      '{a}',
    ),
  ],
  [1, pick(LONG, VERY_LONG, 'a\tb', 'a\nb', '\u2028', 'ß'.repeat(60))],
);

const SECONDS = [0, 1, 999999999, 1500000000, 1600000000, 1700000000, 1700000001, 1749999999];
const mtime = weighted(
  [30, fc.constant(undefined)],
  [6, pick(...SECONDS)],
  [3, pick(0.5, 1600000000.25, 1700000000.999, 0.999999)],
  [2, pick(2147483647, 2147483648, 4294967296, 8589934591, 8589934592, 9000000000.5)],
  [2, pick(-1, -0.5, -1.25, -86400, -2147483648, -0.001)],
);
const fileMode = weighted(
  [20, fc.constant(undefined)],
  [8, pick('0600', '0755', '0444', '0000', '0777', '0640', '0711')],
  [3, pick('4755', '2755', '1644', '6711', '7777', '4644')],
  [1, fc.nat(0o7777).map((n) => n.toString(8).padStart(4, '0'))],
);
const content = weighted(
  [10, pick('', 'one\n', 'two\n', 'x', 'three\r\nlines\r\n', '\0\0')],
  [2, fc.string({ maxLength: 20 })],
  [1, fc.record({ bytes: pick(1, 511, 512, 513, 1024, 4096, 33000, 70001), seed: fc.nat(9) })],
);
const linkTarget = fc.record({ style: fc.nat(11), pick: fc.nat(30) });
const kind = weighted(
  [26, fc.record({ k: fc.constant('file'), content })],
  [7, fc.record({ k: fc.constant('dir') })],
  [7, fc.record({ k: fc.constant('symlink'), target: linkTarget })],
  [2, fc.record({ k: fc.constant('hardlink'), pick: fc.nat(30) })],
  [1, fc.record({ k: fc.constant('fifo') })],
);
const folderName = weighted([20, pick('d', 'e', 'p')], [3, name]);
const entryPath = fc.tuple(fc.array(folderName, { maxLength: 3 }), name).map(([folders, last]) => [...folders, last]);
const entry = fc.record({ path: entryPath, kind, mode: fileMode, mtime });
const entries = (maxLength) => fc.array(entry, { maxLength, minLength: 1, size: 'max' });

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nbob:x:1001:1002::/:/bin/sh\n# c\nalice:x:7:8\nbroken\n12:x:34:56::/:\n';
const GROUP = 'root:x:0:\nstaff:x:50:bob\nbob:x:1002:\n8:x:88:\n';

/** Raw entries → parity entries without conflicts, and the paths by kind. */
function layOut(raw, withUsers) {
  const out = new Map();
  const folders = new Set();
  const files = [];
  const add = (path, e) => {
    const parts = path.split('/');
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('/');
      if (out.has(parent) && !out.get(parent).dir) return false;
    }
    if (out.has(path) || (folders.has(path) && !e.dir)) return false;
    for (let i = 1; i < parts.length; i++) folders.add(parts.slice(0, i).join('/'));
    if (e.dir) folders.add(path);
    out.set(path, { path, ...e });
    return true;
  };
  if (withUsers) {
    add('etc/passwd', { text: PASSWD });
    add('etc/group', { text: GROUP });
  }
  for (const {
    path: parts,
    kind: { k, content: text, target, pick: n },
    mode,
    mtime: time,
  } of raw) {
    const path = parts.join('/');
    if (path.length > 700) continue;
    const base = { ...(mode && { mode }), ...(time !== undefined && { mtime: time }) };
    if (k === 'dir') add(path, { dir: true, ...base });
    else if (k === 'fifo') add(path, { fifo: true, ...base });
    else if (k === 'hardlink') files.length && add(path, { hardlink: at(files, n) });
    else if (k === 'symlink')
      add(path, { symlink: targetText(target, parts, [...out.keys()]), ...(time !== undefined && { mtime: time }) });
    else if (add(path, { ...(typeof text === 'string' ? { text } : { fill: text }), ...base })) files.push(path);
  }
  return [...out.values()];
}

function targetText({ style, pick: n }, parts, paths) {
  const other = paths.length ? at(paths, n) : 'a';
  const up = '../'.repeat(parts.length - 1);
  switch (style) {
    case 0:
      return 'gone';
    case 1:
      return '/gone/too';
    case 2:
      return parts.at(-1); // itself
    case 3:
      return '..';
    case 4:
      return '/';
    case 5:
      return `${up}../../${other}`;
    case 6:
      return `/${other}`;
    case 7:
      return `/../${other}/`;
    case 8:
      return '.';
    case 9:
      return `./${up}/./${other}`;
    default:
      return up + other;
  }
}

// ---- words

/** A way to write a word. */
const wording = weighted(
  [30, fc.constant({ w: 'plain' })],
  [2, fc.record({ w: pick('double', 'single', 'escaped', 'half'), at: fc.nat(8) })],
  [4, fc.record({ w: pick('default', 'default-', 'alternative', 'alternative+'), at: fc.nat(8), len: fc.nat(8) })],
  [1, fc.record({ w: fc.constant('undefined'), form: fc.nat(7) })],
  [1, fc.record({ w: fc.constant('path'), form: fc.nat(23) })],
);
const UNDEFINED = ['$U', '${U}', '${U:+zz}', '${U+zz}', '${U:-}', '$1', '$@', '${U#x}'];
const PATH_FORMS = [
  '${PATH#*:}',
  '${PATH##*:}',
  '${PATH%:*}',
  '${PATH%%:*}',
  '${PATH/bin/B}',
  '${PATH//s/_}',
  '${PATH##*/}',
  '${PATH%%/*}',
  '${PATH#/usr}',
  '${PATH#?}',
  '${PATH%?in}',
  '${PATH//\\//-}',
  '${PATH/:/}',
  '${PATH//\\:/$0}',
  '${PATH//*/q}',
  '${PATH:?m}',
  '${PATH?m}',
  '${U:?m}',
  '${U?m}',
  '${PATH',
  '${PATH:x}',
  '${U/a/b}',
  '${PATH%%*}',
  '${}',
];
const meta = (text, esc) => text.replace(/[$\\"' `]/g, (c) => esc + c);

function word(text, how, esc, json) {
  const i = Math.min(how.at ?? 0, text.length);
  const j = Math.min(i + (how.len ?? 0), text.length);
  const [before, middle, after] = [text.slice(0, i), text.slice(i, j), text.slice(j)];
  switch (how.w) {
    case 'double':
      return `"${text}"`;
    case 'single':
      return `'${text}'`;
    case 'escaped':
      return [...text].map((c) => (/[a-z\s]/i.test(c) ? c : esc + c)).join('');
    case 'half':
      return `${before}"${text.slice(i)}"`;
    case 'default':
      return `${before}\${U:-${middle}}${after}`;
    case 'default-':
      return `${before}\${U-${middle}}${after}`;
    case 'alternative':
      return `${before}\${PATH:+${middle}}${after}`;
    case 'alternative+':
      return `${before}\${PATH+${middle}}${after}`;
    case 'undefined':
      return text + UNDEFINED[how.form];
    case 'path':
      return text + PATH_FORMS[how.form];
    default:
      return json || /[$\\]/.test(text) ? meta(text, esc) : text;
  }
}

// ---- instructions

const source = fc.record({
  pick: fc.nat(40),
  style: weighted(
    [40, fc.constant('exact')],
    [6, fc.constant('dot')],
    [9, fc.constant('glob')],
    [4, fc.constant('parent')],
    [1, fc.constant('bogus')],
  ),
  form: fc.nat(15),
  before: weighted([24, fc.constant('')], [6, pick('/', './', '//', 'x/../', '../', '/./', '../../')]),
  after: weighted([24, fc.constant('')], [4, pick('/', '/.', '//', '/..', '/./')]),
  wording,
});
const DESTINATIONS = [
  '/',
  '/x',
  '/x/',
  '/x/y',
  '/x/y/',
  'x/',
  '.',
  './',
  '/x/.',
  '/x/..',
  '//x//y/',
  '../z',
  '/d',
  '/d/',
  '/a',
  '/a/',
  '/ä/',
  '/etc/',
  '/etc',
  '/b/c/d/e/f',
  '/A/',
  `/${LONG}/${LONG}/`,
  'x',
  'x/y',
  '..',
  '/a b/',
  '/x/../y',
  '/d/e/',
  '/e',
  '/usr/',
  '/l/',
  '/x//',
  '/.h',
  '',
];
const destination = fc.record({
  style: weighted([20, fc.constant('pool')], [6, fc.constant('existing')]),
  pick: fc.nat(60),
  slash: fc.boolean(),
  wording,
});
const OWNERS = [
  '1',
  '1:2',
  '0:0',
  '1000:1000',
  ':5',
  '5:',
  'bob',
  'bob:staff',
  'nobody',
  'alice:5',
  '2147483647',
  '2147483648:1',
  '4294967295',
  '${U:-7}',
  '01',
  'bob:nogroup',
  '12',
  '1:8',
  '0x10',
  '',
  ':',
  'root',
  '2097151:2097152',
  '-1',
  '1:2:3',
  'alice',
  '1:staff',
  '+5',
];
const OCTALS = ['755', '0755', '4755', '2755', '1755'];
const OTHER_OCTALS = ['0644', '0', '5', '07555', '0700', '111', '0444', '04711'];
const WRITABLE = ['7', '777', '0666', '1777', '0775', '07777', '2'];
const SYMBOLIC = [
  'u=rwX,go=rX',
  '+x',
  'g-w',
  'a=r',
  'u+s',
  '+t',
  'o=',
  'ug+rw',
  '-x',
  'a+X',
  'u=rw,u-w',
  'go-rwx',
  'g+s',
  'u-s,g-s',
  '+X',
  '=',
  'u+rwxst',
  'o+t',
  'a-t',
  'u=,g=r',
  'u=s',
  'g=u',
  'o=g',
  'g+u',
  'rw-',
  'u',
  'u+rw+x',
  '8',
  '10000',
  '0888',
  'a',
  'u=rwx,',
  '',
  '${M:-0711}',
  'z+x',
  'u+rx-w',
  'X',
];
const CALM_SYMBOLIC = SYMBOLIC.indexOf('a-t');
const CALM_OWNERS = OWNERS.indexOf('1:8');
const PATTERNS = [
  '*.txt',
  '**/*.txt',
  '*.md',
  'a',
  '**/a',
  'd',
  'd/*',
  '**',
  '*',
  '/a',
  'd/',
  '[a-c]',
  '?',
  'd/**',
  '**/d',
  '!a',
  './a',
  'a/../b',
  '**/b/**',
  '',
  '.',
  'x*',
  '${U:-a}',
  '[',
  'e',
  '.h',
];
const pattern = fc.record({ pool: fc.boolean(), pick: fc.nat(60), form: fc.nat(6) });

const copyFlags = (f) =>
  fc.record({
    chown: sometimes(fc.nat(OWNERS.length - 1), 1, 7),
    chmod: sometimes(
      weighted(
        [2, pick(...OCTALS)],
        [f.octal ? 4 : 0, pick(...OTHER_OCTALS)],
        [f.writable ? 2 : 0, pick(...WRITABLE)],
        [f.symbolic ? 5 : 0, pick(...SYMBOLIC)],
      ),
      1,
      5,
    ),
    link: sometimes(
      pick('--link', '--link', '--link', '--link=true', '--link=false', '--link=1', '--link=x', '--LINK'),
      1,
      6,
    ),
    parents: f.parents ? sometimes(fc.boolean(), 1, 6) : fc.constant(undefined),
    pivot: fc.boolean(),
    pivotForm: fc.nat(23),
    exclude: f.exclude ? sometimes(fc.array(pattern, { minLength: 1, maxLength: 2 }), 1, 7) : fc.constant(undefined),
    odd: sometimes(
      pick(
        '--foo',
        '--chmod',
        '--',
        '--from',
        '--from=',
        '--link --link',
        '--chown=1 --chown=2',
        '"--link"',
        '--chmod="0700"',
        "--chown='3:4'",
        '--checksum=x',
      ),
      1,
      70,
    ),
    order: fc.nat(5),
  });

const HEREDOC_NAMES = ['EOF', 'EOF', 'E', 'a', 'a.txt', 'x-y', 'ä', 'b', '/abs', 'd/e', '.', 'EOF2'];
const HEREDOC_LINES = [
  'hello',
  '',
  '$PATH',
  '${U:-x}',
  '\\$U',
  "it's",
  '\ttab',
  '\t\ttabs',
  ' blanks  ',
  '# c',
  'COPY x /y',
  '\\',
  '"$PATH"',
  'ä',
  'EOFX',
  '  EOF',
  '\\\\',
  '`',
  '${U:?m}',
  '${PATH##*/}',
  'FROM scratch',
  '<<EOF',
  '$',
  '${',
  "'$PATH'",
  '\\n',
  'end \\',
];
const heredoc = fc.record({
  name: pick(...HEREDOC_NAMES),
  quote: weighted([5, fc.constant('')], [2, pick("'", '"')]),
  dash: rarely(4),
  fd: rarely(20),
  lines: fc.array(pick(...HEREDOC_LINES), { maxLength: 4 }),
  tab: fc.boolean(),
  open: rarely(60),
});

const copy = (f) =>
  fc.record({
    i: fc.constant('COPY'),
    from: weighted(
      [20, fc.constant(undefined)],
      [9, fc.record({ k: fc.constant('stage'), pick: fc.nat(5), form: fc.nat(5) })],
      [3, fc.record({ k: fc.constant('context') })],
      [1, fc.record({ k: fc.constant('odd'), form: fc.nat(9) })],
    ),
    sources: weighted(
      [8, fc.array(source, { minLength: 1, maxLength: 1 })],
      [4, fc.array(source, { minLength: 2, maxLength: 3 })],
      [1, fc.constant([])],
    ),
    destination,
    json: rarely(5),
    flags: copyFlags(f),
    heredocs: weighted([9, fc.constant([])], [1, fc.array(heredoc, { minLength: 1, maxLength: 2 })]),
    style: fc.nat(40),
  });
const ENTRYPOINTS = [
  '["/a"]',
  '["/a", "b c"]',
  '[]',
  '',
  '/a b',
  '["/a",]',
  "['/a']",
  '[ "/\\u0061", "\\t\\"" ]',
  '$PATH ${U}',
  '["$PATH"]',
  '"/a" \'b\'',
  '["é","<&>","\\u2028"]',
  '[1]',
  '["a"] x',
  'a \\\\ b',
  '[""]',
  'exec a  b   c',
  '["/a" "b"]',
  '[null]',
  'é <&>',
  '["\\ud800"]',
  'a # b',
  '[["a"]]',
  '["/a"',
  '{"a":1}',
  '["a\\\\b"]',
  ' [ "x" , "y" ] ',
];
const entrypoint = fc.record({
  i: fc.constant('ENTRYPOINT'),
  text: weighted([6, pick('["/a"]', '["/x/y", "z"]', '/a b', '["a"]')], [4, pick(...ENTRYPOINTS)]),
  style: fc.nat(40),
});
const instruction = (f) =>
  weighted(
    [24, copy(f)],
    [4, entrypoint],
    [1, fc.record({ i: fc.constant('odd'), form: fc.nat(9), style: fc.nat(40) })],
  );
const ODD_LINES = [
  '',
  '# a comment',
  '  # indented',
  '\t',
  'FRO scratch',
  'COPY',
  'COPY a',
  'ENTRYPOINT',
  '\\',
  'copy --link',
];

const STAGE_NAMES = ['one', 'two', 'Build', 's3', 'x-y', 'a.b', 'out_1', 'scratch', 'stage', '1st', 'x-', 'ä', 'one'];
const stage = (f) =>
  fc.record({
    base: weighted(
      [8, fc.constant({ k: 'scratch' })],
      [4, fc.record({ k: fc.constant('stage'), pick: fc.nat(4), form: fc.nat(9) })],
      [1, fc.record({ k: fc.constant('odd'), form: fc.nat(15) })],
    ),
    name: sometimes(weighted([12, pick(...STAGE_NAMES.slice(0, 5))], [1, pick(...STAGE_NAMES)]), 3, 4),
    as: pick('AS', 'AS', 'as', 'As'),
    platform: sometimes(
      pick('linux/amd64', '$TARGETPLATFORM', '$BUILDPLATFORM', 'wasi/wasm', 'bad/', '${U:-linux/arm64}', ''),
      1,
      25,
    ),
    body: fc.array(instruction(f), { minLength: 0, maxLength: 5, size: 'max' }),
    style: fc.nat(40),
  });
const UNREACHED = [
  'FROM alpine:3.20 AS unreached\nRUN make\nCOPY nothing /x',
  'FROM rust AS unreached\nRUN <<E\ncargo build\nE\nWORKDIR /w',
  'FROM scratch AS unreached\nLABEL a=b\nENV c=d\nCOPY gone /',
  'FROM $NOPE AS unreached\nVOLUME /x',
  'FROM scratch AS unreached\nADD --chown=x:y http://x/ /\nCMD ["x"]\nHEALTHCHECK NONE\nONBUILD COPY a b\nSTOPSIGNAL 9\nSHELL ["x"]\nUSER u\nEXPOSE 80',
];
/** ARG stands before any FROM. */
const GLOBAL_ARGS = ['ARG V=alpine\nFROM $V AS unreached\nRUN make', 'ARG V\nFROM ${V:-x} AS unreached\nARG V\nCMD $V'];
const ODD_BASES = [
  'SCRATCH',
  'Scratch',
  '$U',
  '${U:-scratch}',
  'scratch extra',
  '',
  'extra',
  'pick-${TARGETARCH}',
  '${TARGETOS:+scratch}',
  'scratch AS',
  'scratch as a b',
  '0',
  '"scratch"',
  "'scratch'",
  'scr${U}atch',
  '--platform=$U scratch',
];
const ODD_FROMS = ['7', '$U', '00', '+0', '-1', 'scratch', 'gone!', 'Extra', '"extra"', 'extra '];

const ignorePattern = fc.record({ negated: rarely(4), pool: fc.boolean(), pick: fc.nat(60), form: fc.nat(9) });
const IGNORES = [
  '*',
  '**',
  '*.txt',
  '*.md',
  '**/*.txt',
  'd',
  'd/',
  'd/*',
  '/a',
  './b',
  'a/../b',
  '# comment',
  '',
  '  a  ',
  '**/a',
  '**/d/**',
  'e/**',
  '[a-c]*',
  '?',
  '.*',
  'Dockerfile',
  '.dockerignore',
  '..',
  '.',
  '../a',
  'd/e/../a',
  '\\a',
  '*/*',
  '*/a',
  '[^a]',
  '**/.h',
  'd/**/a',
  'nothing',
  'a b',
  'Z',
];

const EPOCHS = [1, 1500000000, 1600000000, 1700000000, 1700000001, 1750000000, 1699999999];
const PLATFORMS = [
  'linux/amd64',
  'linux/arm64',
  'linux/arm/v7',
  'linux/arm',
  'linux/amd64/v2',
  'linux/386',
  'wasip1/wasm',
  'plan9/amd64',
  'linux/riscv64',
  'linux/arm64/v8',
  'darwin/arm64',
  'linux/arm/v6',
  'linux/s390x',
  'linux/x86_64',
  'linux/aarch64',
];

/** What a build is drawn from; `features` says what the daemon knows (see fuzz.mjs). */
const raw = (f) =>
  fc.record({
    calm: rarely(4).map((wild) => !wild),
    context: entries(14),
    users: rarely(4),
    ignore: sometimes(fc.array(ignorePattern, { minLength: 1, maxLength: 4 }), 1, 6),
    ignoreName: weighted([5, fc.constant('.dockerignore')], [1, fc.constant('Dockerfile.dockerignore')]),
    ignoreEol: pick('\n', '\n', '\n', '\r\n'),
    named: sometimes(entries(6), 1, 4),
    namedIgnore: sometimes(fc.array(ignorePattern, { minLength: 1, maxLength: 2 }), 1, 6),
    namedAs: sometimes(fc.nat(3), 1, 8),
    apart: rarely(8),
    stages: fc.array(stage(f), { minLength: 1, maxLength: 4 }),
    unreached: sometimes(pick(...UNREACHED, ...GLOBAL_ARGS), 1, 14),
    target: sometimes(fc.record({ pick: fc.nat(5), form: fc.nat(9) }), 1, 6),
    platform: weighted([5, fc.constant('wasi/wasm')], [3, pick(...PLATFORMS)]),
    epoch: weighted([3, fc.constant(0)], [2, pick(...EPOCHS)]),
    eol: weighted([12, fc.constant('\n')], [1, fc.constant('\r\n')]),
    bom: rarely(25),
    directive: sometimes(
      pick(
        '# escape=`',
        '# escape=\\',
        '#escape = `',
        '# check=skip=all',
        '# check=error=true',
        '# unknown=x',
        '# ESCAPE=`',
        '# escape=x',
        '# check=skip=StageNameCasing',
        '# just a comment',
        '#',
      ),
      1,
      10,
    ),
    lastEol: fc.nat(5).map((n) => n !== 5),
  });

export const caseArbitrary = (features) => raw(features).map((r) => render(r.calm ? calm(r) : r));

/** Most builds should succeed: the same draw without what is there to be refused. */
function calm(r) {
  const plain = (how) =>
    ['half', 'single', 'double'].includes(how.w) || (how.w === 'path' && how.form > 16) ? { w: 'plain' } : how;
  const copyOf = (i) => ({
    ...i,
    from: i.from?.k === 'odd' ? undefined : i.from?.form === 1 ? { ...i.from, form: 2 } : i.from,
    sources: i.sources.map((s) => ({
      ...s,
      // of the context's root --parents keeps nothing, which is refused
      style: s.style === 'bogus' || (s.style === 'dot' && i.flags.parents !== undefined) ? 'exact' : s.style,
      before: s.before === 'x/../' ? '' : s.before,
      after: s.after === '/..' ? '' : s.after,
      wording: s.wording.w === 'path' ? { w: 'plain' } : plain(s.wording),
    })),
    destination: { ...i.destination, apart: true, wording: plain(i.destination.wording) },
    flags: {
      ...i.flags,
      odd: undefined,
      link: /=x|=1|LINK/.test(i.flags.link ?? '') ? '--link' : i.flags.link,
      chmod: SYMBOLIC.indexOf(i.flags.chmod) > CALM_SYMBOLIC ? 'a+X' : i.flags.chmod,
      chown: i.flags.chown > CALM_OWNERS ? 1 : i.flags.chown,
    },
    heredocs: i.heredocs.map((h) => ({
      ...h,
      open: false,
      fd: false,
      lines: h.lines.filter((l) => !l.includes('?m') && l !== '${'),
    })),
  });
  const entrypointOf = (i) => (['[1]', '[null]', '[["a"]]'].includes(i.text) ? { ...i, text: '["/a"]' } : i);
  const odd = (i) => (i.form > 3 ? { ...i, form: 1 } : i);
  const names = r.stages.map((s) => s.name);
  const ownName = (name, i) => (name !== undefined && names.indexOf(name) < i ? `${name}${i}` : name);
  return {
    ...r,
    stages: r.stages.map((s, i) => ({
      ...s,
      base: s.base.k === 'odd' ? { k: 'scratch' } : s.base.k === 'stage' ? { ...s.base, form: 3 } : s.base,
      name: ownName(STAGE_NAMES.indexOf(s.name) > 8 ? 'one' : s.name, i),
      platform: s.platform === 'bad/' ? undefined : s.platform,
      body: s.body.map((i) => (i.i === 'COPY' ? copyOf(i) : i.i === 'odd' ? odd(i) : entrypointOf(i))),
    })),
    target: r.target && { ...r.target, form: Math.max(2, r.target.form) },
    directive: /error=true|escape=x/.test(r.directive ?? '') ? '#' : r.directive,
  };
}

/** A path as the root of a context sees it: without `.`, empty names and `..`, which ends at the root. */
const clean = (p) => path.posix.join('/', p, '.').replace(/^\/|\/$/g, '');

function render(r) {
  const context = layOut(r.context, r.users);
  const named = r.named && layOut(r.named, false).filter((e) => e.path !== '.dockerignore');
  const esc = /^# ?escape ?= ?`$/i.test(r.directive ?? '') ? '`' : '\\';
  const lines = [];
  if (r.directive) lines.push(r.directive);
  let index = 0;
  if (r.unreached) {
    lines.push(r.unreached);
    index++;
  }
  const stages = [];
  for (const s of r.stages) {
    const me = { name: s.name, index: index++, paths: [] };
    const base = baseText(s.base, stages, me, Boolean(named));
    lines.push(
      styled(
        `FROM ${s.platform !== undefined ? `--platform=${s.platform} ` : ''}${base}${s.name ? ` ${s.as} ${s.name}` : ''}`,
        s.style,
        esc,
      ),
    );
    for (const i of s.body) lines.push(...instructionText(i, { stages, me, context, named, esc }));
    stages.push(me);
  }
  let text = lines.join('\n') + (r.lastEol ? '\n' : '');
  if (r.eol !== '\n') text = text.replaceAll('\n', r.eol);
  if (r.bom) text = '\ufeff' + text;
  const all = [...context];
  let ignoreInDir;
  if (r.ignore) {
    const ignore = {
      path: r.ignoreName,
      text: r.ignore.map((p) => ignoreText(p, context)).join(r.ignoreEol) + r.ignoreEol,
    };
    if (r.apart && r.ignoreName !== '.dockerignore') ignoreInDir = ignore;
    else all.push(ignore);
  }
  const target = targetName(r.target, stages);
  return {
    dockerfile: text,
    context: all.filter((e) => e.path !== 'Dockerfile'),
    ...(r.apart && { dockerfileDir: ignoreInDir ? [ignoreInDir] : [] }),
    ...(named && { contexts: namedContexts(r, named, stages) }),
    platform: r.platform,
    ...(target !== undefined && { target }),
    epoch: r.epoch,
  };
}

/** `extra`, and maybe one in the place of a stage. */
function namedContexts({ namedIgnore, namedAs }, entries, stages) {
  const text = namedIgnore?.map((p) => ignoreText(p, entries)).join('\n');
  const extra = text === undefined ? entries : [...entries, { path: '.dockerignore', text: `${text}\n` }];
  const stage = namedAs === undefined ? undefined : at(stages, namedAs).name;
  // an image of this name is not asked for
  return stage === undefined || stage === 'scratch' ? { extra } : { extra, [stage.toLowerCase()]: extra };
}

function targetName(t, stages) {
  if (!t) return undefined;
  const { name, index } = at(stages, t.pick);
  if (t.form === 0) return 'gone';
  if (t.form === 1) return String(index);
  if (t.form === 2) return name?.toUpperCase();
  return name;
}

function baseText(base, stages, me, hasNamed) {
  if (base.k === 'stage' && stages.length > 0) {
    const from = at(stages, base.pick);
    if (from.name === undefined) return 'scratch';
    me.paths.push(...from.paths);
    return base.form === 0
      ? from.name.toUpperCase()
      : base.form === 1
        ? `\${U:-${from.name}}`
        : base.form === 3
          ? from.name.toLowerCase()
          : from.name;
  }
  if (base.k === 'odd') {
    const text = ODD_BASES[base.form];
    return text === 'extra' && !hasNamed ? 'scratch' : text;
  }
  return 'scratch';
}

/** A line as people may write it. */
function styled(text, style, esc) {
  const space = text.indexOf(' ');
  switch (style) {
    case 0:
      return `  ${text}`;
    case 1:
      return `\t${text.slice(0, space).toLowerCase()}${text.slice(space)}`;
    case 2:
      return `${text} `;
    case 3:
      return text.replace(/ /, ` ${esc}\n  `);
    case 4:
      return text.replace(/ (?=[^ ]*$)/, ` ${esc}\n# comment\n`);
    case 5:
      return text.replace(/ (?=[^ ]*$)/, ` ${esc}  \n\n   `);
    case 6:
      return text.replace(/ /, '\t \t');
    case 7:
      return `${text}\n\n# comment ${esc}`;
    case 8:
      return text.replace(/(.)$/, `${esc}\n$1`);
    case 9:
      return text.replace(/ (?=[^ ]*$)/, '  ');
    default:
      return text;
  }
}

function instructionText(i, scope) {
  const { esc } = scope;
  if (i.i === 'ENTRYPOINT') return [styled(`ENTRYPOINT ${i.text}`, i.style, esc)];
  if (i.i === 'odd') return [ODD_LINES[i.form]];
  return copyText(i, scope);
}

function copyText(i, { stages, me, context, named, esc }) {
  const flags = [];
  let from = context;
  let known = context.map((e) => e.path);
  if (i.from?.k === 'stage' && stages.length > 0) {
    from = at(stages, i.from.pick);
    known = from.paths;
    flags.push(
      `--from=${i.from.form === 0 || from.name === undefined ? from.index : i.from.form === 1 ? from.name.toUpperCase() : from.name}`,
    );
  } else if (i.from?.k === 'context' && named) {
    from = named;
    known = named.map((e) => e.path);
    flags.push('--from=extra');
  } else if (i.from?.k === 'odd') {
    flags.push(`--from=${ODD_FROMS[i.from.form]}`);
  }
  if (from === context || from === named) known = [...known, ...throughLinks(from)];
  known = withParents(known);
  const { chown, chmod, link, parents, pivot, pivotForm, exclude, odd, order } = i.flags;
  if (chown !== undefined) flags.push(`--chown=${OWNERS[chown]}`);
  if (chmod !== undefined) flags.push(`--chmod=${chmod}`);
  if (link) flags.push(link);
  if (parents !== undefined) flags.push(parents ? '--parents' : '--parents=true');
  for (const e of exclude ?? []) {
    const text = patternText(e, known, PATTERNS);
    flags.push(`--exclude=${/\s/.test(text) ? 'a' : text}`);
  }
  if (odd) flags.push(odd);
  if (order % 2) flags.reverse();

  const sources = i.sources.map((s) => ({
    text: sourceText(s, known, parents !== undefined && pivot ? pivotForm : undefined),
    how: s.wording,
  }));
  const last = i.destination;
  let to =
    last.style === 'existing' && me.paths.length > 0 ? `/${at(me.paths, last.pick)}` : at(DESTINATIONS, last.pick);
  if (last.style === 'existing' && last.slash && !to.endsWith('/')) to += '/';
  if (last.apart && /[a-z]$/.test(to) && last.pick % 4 !== 0) to += me.paths.length;
  const words = [...sources, { text: to, how: last.wording }];
  const json = i.json || words.some(({ text }) => text === '' || (/[\s'"]/.test(text) && i.style !== 20));
  const heredocs = json ? [] : i.heredocs;
  if (sources.length === 0 && heredocs.length === 0) return ['# nothing to copy'];
  note(me, sources, heredocs, to, known, known.length && i.flags.parents);
  const head = `COPY ${flags.map((f) => `${f} `).join('')}`;
  if (json) {
    const list = words.map(({ text, how }) => JSON.stringify(word(text, how, '\\', true)));
    return [styled(`${head}[${list.join(i.style % 2 ? ', ' : ',')}]`, i.style, esc)];
  }
  const written = words.map(({ text, how }) => word(text, how, esc, false));
  const openers = heredocs.map((h) => `${h.fd ? '3' : ''}<<${h.dash ? '-' : ''}${h.quote}${h.name}${h.quote}`);
  const line = styled(
    `${head}${[...written.slice(0, -1), ...openers, written.at(-1)].join(' ')}`,
    heredocs.length && i.style > 2 ? 99 : i.style,
    esc,
  );
  const bodies = heredocs.flatMap((h) => [...h.lines, ...(h.open ? [] : [(h.dash && h.tab ? '\t' : '') + h.name])]);
  return [line, ...bodies];
}

/** What the stage will hold, roughly: later sources and destinations are picked from it. */
function note(me, sources, heredocs, to, known) {
  const dest = clean(to);
  const folder = to.endsWith('/') || to.endsWith('/.') || dest === '' || sources.length + heredocs.length > 1;
  const join = (...parts) => clean(parts.join('/'));
  for (const { text } of sources) {
    const from = clean(text);
    const inside = known.filter((p) => p.startsWith(`${from}/`) || from === '');
    if (inside.length > 0)
      for (const p of inside.slice(0, 12)) me.paths.push(join(dest, from === '' ? p : p.slice(from.length + 1)));
    else if (known.includes(from)) me.paths.push(folder ? join(dest, from.split('/').at(-1)) : dest);
  }
  for (const h of heredocs) me.paths.push(folder ? join(dest, h.name) : dest);
  me.paths = [...new Set(me.paths.filter((p) => p !== ''))].slice(-40);
}

/** What a tree holds by paths that lead through its links. */
function throughLinks(entries) {
  const found = [];
  for (const { path: link, symlink } of entries) {
    if (symlink === undefined) continue;
    const end = clean(symlink.startsWith('/') ? symlink : `${path.posix.dirname(link)}/${symlink}`);
    const below = entries.filter((e) => e.path.startsWith(`${end}/`) && !e.path.startsWith(`${link}/`));
    found.push(...below.slice(0, 3).map((e) => `${link}${e.path.slice(end.length)}`));
  }
  return found.filter((p) => p.length < 700);
}

function withParents(paths) {
  const out = new Set(paths);
  for (const p of paths) for (let i = p.indexOf('/'); i > 0; i = p.indexOf('/', i + 1)) out.add(p.slice(0, i));
  return [...out].filter(Boolean).sort();
}

/** With --parents: where the part of the path begins that is kept. */
function pivotText(parts, form, cut) {
  const [head, tail] = [parts.slice(0, cut).join('/'), parts.slice(cut).join('/')];
  const above = parts.length > 2 ? parts.slice(0, -1).join('/') : head;
  const forms = [
    `./${head}/./${tail}`,
    `/${head}/./${tail}/`,
    `${head}/././${tail}`,
    `${head}//./${tail}`,
    `${head}/.//${tail}`,
    `${above}/./*`,
    `${head}/./**/${parts.at(-1)}`,
    `${head}/./**`,
    `${head.slice(0, 1)}*/./${tail}`,
    `*/./${tail}`,
    `${head}/./${tail}/..`,
    `/./${head}/${tail}`,
    `${head}/${tail}/./.`,
    `../${head}/./${tail}`,
    `${head}/./${tail.slice(0, 1)}*`,
    `${head}/./?*/*`,
  ];
  return forms[form] ?? `${head}/./${tail}`;
}

function sourceText({ pick: n, style, form, before, after }, known, pivotForm) {
  const path = known.length > 0 ? at(known, n) : '.';
  const parts = path.split('/');
  const last = parts.at(-1);
  const folder = parts
    .slice(0, -1)
    .map((p) => `${p}/`)
    .join('');
  switch (style) {
    case 'dot':
      return ['.', './', '/', '.', '/.', '*', './*', '..'][form % 8];
    case 'bogus':
      return ['gone', 'gone/*', 'a/gone', '[', 'a[', '/gone/../a', '*.gone', '\\'][form % 8];
    case 'parent':
      return `${folder || '.'}${after}`;
    case 'glob': {
      const globs = [
        `${folder}*`,
        `${folder}?${last.slice(1)}`,
        `${folder}${last.slice(0, 1)}*`,
        `${folder}*${last.slice(-1)}`,
        `*/${last}`,
        `**/${last}`,
        `${folder}[a-z]*`,
        `${folder}[^a]*`,
        '*/*',
        `${folder}**`,
        `${folder}[!a]*`,
        '*.txt',
        `${folder}[[]*`,
        '**/*.txt',
        `${folder}${last}*`,
        '?',
      ];
      return before + globs[form % globs.length];
    }
    default:
      if (pivotForm !== undefined && parts.length > 1)
        return pivotText(parts, pivotForm, 1 + (form % (parts.length - 1)));
      return before + path + after;
  }
}

function patternText({ pool, pick: n, form }, known, texts) {
  if (pool || known.length === 0) return at(texts, n);
  const path = at(known, n);
  const last = path.split('/').at(-1);
  return [path, `**/${last}`, `${path}/*`, `${path}/**`, `*/${last}`, `${last.slice(0, 1)}*`, `/${path}`][form % 7];
}

function ignoreText(p, context) {
  const text = patternText(p, withParents(context.map((e) => e.path)), IGNORES);
  return (p.negated ? '!' : '') + text.replace(/[\r\n]/g, '?');
}
