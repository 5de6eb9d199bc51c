// The builds whose digests are promised: the cases of testdata/build, and some that are too large or too odd to be kept as files.
import fs from 'node:fs';
import path from 'node:path';

const MTIME = 1_700_000_000;

/**
 * Lays every build out below a folder.
 * @param withLarge whether those that take an emulated processor minutes are wanted
 * @returns [{ name, dir, argv, env, stdin, forms (beside those of every build) }] in byte order of the names
 */
export function layOutCorpus(testdata, to, { withLarge }) {
  const kept = fs
    .readdirSync(path.join(testdata, 'build'))
    .map((name) => layOutCase(path.join(testdata, 'build', name), to));
  const wanted = Object.entries(MADE).filter(([, { large = false }]) => withLarge || !large);
  const made = wanted.map(([name, { files, argv, env = {}, forms = [] }]) => {
    const dir = path.join(to, name);
    for (const [file, spec] of Object.entries(files())) write(path.join(dir, file), spec);
    settle(dir, () => undefined);
    return { name, dir, argv, env, stdin: undefined, forms };
  });
  return [...kept, ...made].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As testdata/README.md says. */
function layOutCase(from, to) {
  const name = path.basename(from);
  const dir = path.join(to, name);
  const lines = (file) => {
    const text = fs.existsSync(path.join(from, file)) ? fs.readFileSync(path.join(from, file), 'utf8') : '';
    return text.split('\n').filter((line) => line !== '' && line[0] !== '#');
  };
  fs.cpSync(from, dir, { recursive: true, verbatimSymlinks: true });
  fs.mkdirSync(path.join(dir, 'context'), { recursive: true });
  settle(dir, () => {
    for (const line of lines('setup')) {
      const [verb, first, second] = line.split(' ');
      if (verb === 'mode') fs.chmodSync(path.join(dir, second), Number.parseInt(first, 8));
      else if (verb === 'folder') {
        fs.mkdirSync(path.join(dir, first), { recursive: true });
        fs.chmodSync(path.join(dir, first), 0o755); // whatever the umask
      } else if (verb === 'hardlink') fs.linkSync(path.join(dir, first), path.join(dir, second));
      else throw new Error(`testdata: setup does not know: ${line}`);
    }
  });
  const words = lines('arguments');
  const argv = words.length > 0 ? words : ['-f', 'Dockerfile', 'context'];
  const env = Object.fromEntries(lines('environment').map((line) => line.split(/=(.*)/s).slice(0, 2)));
  const stdin = fs.existsSync(path.join(from, 'stdin')) ? fs.readFileSync(path.join(from, 'stdin')) : undefined;
  return { name, dir, argv, env, stdin, forms: [] };
}

/** Modes and times that do not depend on who laid it out; `then` may change modes. */
function settle(dir, then) {
  const all = entriesBelow(dir);
  for (const file of all) {
    const stat = fs.lstatSync(file);
    if (!stat.isSymbolicLink()) fs.chmodSync(file, stat.isDirectory() || stat.mode & 0o100 ? 0o755 : 0o644);
  }
  then();
  for (const file of entriesBelow(dir).reverse()) fs.lutimesSync(file, MTIME, MTIME);
}

/** Paths as bytes, since names may be no text; folders before what they hold. */
function entriesBelow(dir) {
  const found = [];
  const walk = (folder) => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const file = Buffer.concat([folder, Buffer.from('/'), entry.name]);
      found.push(file);
      if (entry.isDirectory()) walk(file);
    }
  };
  walk(Buffer.from(dir));
  return found;
}

function write(file, spec) {
  const at = Buffer.from(file, 'latin1'); // names below are bytes
  fs.mkdirSync(Buffer.from(path.dirname(file), 'latin1'), { recursive: true });
  if (typeof spec === 'object' && 'link' in spec) fs.symlinkSync(spec.link, at);
  else fs.writeFileSync(at, spec);
}

/** Bytes that do not compress, the same everywhere (a linear congruential generator). */
function noise(size, seed) {
  const bytes = Buffer.alloc(size);
  let state = seed >>> 0;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const words = (count, seed) =>
  Array.from(
    noise(count, seed),
    (byte) => `${['wasm', 'layer', 'image', 'blob', 'digest'][byte % 5]}${byte % 11}`,
  ).join(' ');

const utf8 = (text) => Buffer.from(text).toString('latin1');

const MADE = {
  // entries that fit a piece of 1 MiB, that fill it, that need several; text and noise
  'pieces-of-compression': {
    forms: ['gzip-9', 'zstd-12'],
    argv: ['--platform', 'wasi/wasm', '.'],
    files: () => ({
      Dockerfile: 'FROM scratch\nCOPY data /data/\nCOPY data/text-1m /again\n',
      'data/exact': noise(1024 * 1024 - 512, 1),
      'data/noise-2m': noise(2 * 1024 * 1024 + 77, 2),
      'data/text-1m': words(180_000, 3),
      'data/zeros': Buffer.alloc(1_200_000),
      'data/empty': '',
    }),
  },
  // large enough for a thread for each of eight workers, and for one that hashes; most of it is quick to compress
  'large-layer': {
    large: true,
    argv: ['--platform', 'wasi/wasm', '.'],
    files: () => ({
      Dockerfile: 'FROM scratch\nCOPY data /data/\n',
      'data/noise': noise(3 * 1024 * 1024 + 5, 4),
      'data/text': words(300_000, 5),
      'data/zeros': Buffer.alloc(64 * 1024 * 1024),
    }),
  },
  'many-files': {
    argv: ['--platform', 'linux/amd64', '.'],
    files: () => ({
      Dockerfile: 'FROM scratch\nCOPY --exclude=*/*7 tree /\nCOPY tree/*/1? /flat/\n',
      ...Object.fromEntries(
        Array.from({ length: 400 }, (_, i) => [
          `tree/${(i * 7919) % 40}/${i % 53}-${(i * 31) % 1000}`,
          words(i % 90, i),
        ]),
      ),
    }),
  },
  // what sorts, folds or spells differently in some locale, and what tar has no plain field for
  'names-of-all-kinds': {
    argv: ['--platform', 'linux/amd64', '-t', 'example/i:1', '.'],
    files: () => ({
      Dockerfile:
        'FROM scratch AS I\nCOPY ["n", "/n/"]\nFROM i\nCOPY --chmod=u=rwX,go=rX n/[A-Z]* /upper/\nENTRYPOINT title\n',
      ...Object.fromEntries(
        [
          'I',
          'i',
          utf8('İ'),
          utf8('ı'),
          utf8('ß'),
          utf8('ä'),
          utf8('a\u0308'),
          'a',
          'a-b',
          'a.b',
          'a/c',
          'Z',
          'z',
          '_',
          utf8('日本'),
          '\xff\xfe',
        ].map((name, i) => [`n/${name === 'a' ? 'aa' : name}`, `${i}\n`]),
      ),
      [`n/${'long'.repeat(24)}/${'name'.repeat(30)}`]: 'long\n',
      [`n/${'l'.repeat(101)}`]: { link: 't'.repeat(150) },
    }),
  },
  'platforms-labels-annotations': {
    argv: [
      ...['--platform', 'wasi/wasm,linux/arm/v6,linux/arm64', '--label', 'I=i', '--label', 'b=<&>'],
      ...['--annotation', 'manifest:org.example.title=x', '--annotation', 'index:org.example.index=y', '.'],
    ],
    env: { SOURCE_DATE_EPOCH: '1650000000' },
    files: () => ({
      Dockerfile: 'FROM scratch\nCOPY a /\nCOPY <<EOF /$TARGETARCH/\nhello\nEOF\nENTRYPOINT ["/a"]\n',
      a: 'a\n',
    }),
  },
};

/** The names of those that are only laid out where large ones are wanted. */
export const LARGE = Object.keys(MADE).filter((name) => MADE[name].large);
