/**
 * Whether Node's zlib gives pako's bytes: known-answer tests, since the zlibs in use differ (upstream, Chromium's, zlib-ng), and so might a
 * later version of any.
 *
 * A short one, over text and noise on which those differ, runs before the first piece of every build. A long one, over megabytes of several
 * kinds of data, runs beside the first layer on Node's threads, and its answer is awaited before the layer gets its name; it is remembered
 * for a week by what it depends on ({@link machine}). So a wrong zlib costs the time of one layer, and never a wrong byte.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { constants } from 'node:zlib';
import { nodeDeflate, nodeDeflateSync } from './node-zlib.js';

/** Remembers that a check was passed. */
export interface CheckMemory {
  has(key: string): Promise<boolean>;
  add(key: string): Promise<void>;
}

/** What pako makes of {@link shortProbe}, and of {@link longProbe} as a chain, by level: the first half of the SHA-256. */
export const ANSWERS: readonly (readonly [short: string, long: string])[] = [
  ['cae70b36e8b93792b8a8b5104bae8435', 'ae7f8854a8a6d28b22cba040c1036807'],
  ['47086228149be3c9dd0c499c8eada569', '940be737d205a8f1777704b46dc6e936'],
  ['ea7a9efe6b2164c7584c7de617b30c2b', 'ee8346b604aeac8ebedd1ae6e1024bd8'],
  ['f9d7f6856f47490954340d659b061467', '546d602e132bed72546ca944069e54b8'],
  ['5852118052d660365885b50bd6dbe92b', '8b53962864d76d42515243668e81074d'],
  ['353d3e2049c60e06e92ef63d2e4d7fc5', 'a067d719124830977fc64a4f55b91c1c'],
  ['f069f59762ba6f24cac9de617f32d23d', '070b1d5a95dbe6fab0c29ea719451e8d'],
  ['596baf5d26209633a7f9633064f3245d', '29ffe54b752f282c6b1765266acf1055'],
  ['8433b731f48654441b8c612d75a0ff75', 'ca56a3882dbb9561b200473f609880d7'],
  ['8433b731f48654441b8c612d75a0ff75', '660c7362a20b6f077cc7873e9a01f64b'],
];

const PROCESSORS = '/proc/cpuinfo';

const short = new Map<number, boolean>();
const long = new Map<number, Promise<boolean>>();

/** The short test: whether this zlib may be used, until the long one says more. */
export function seemsPinned(level: number): boolean {
  const known = short.get(level);
  if (known !== undefined) return known;
  const out = nodeDeflateSync(shortProbe(), level);
  const passed = digestOf([out]) === ANSWERS[level]?.[0];
  short.set(level, passed);
  return passed;
}

/** The long test, or the memory of it. */
export function isPinned(level: number, memory: CheckMemory | undefined): Promise<boolean> {
  const known = long.get(level);
  if (known) return known;
  const check = checkLong(level, memory);
  long.set(level, check);
  return check;
}

async function checkLong(level: number, memory: CheckMemory | undefined): Promise<boolean> {
  const key = `zlib level ${level} ${machine()}`;
  if (await memory?.has(key)) return true;
  const outs: Buffer[] = [];
  for (const piece of longProbe()) outs.push(await nodeDeflate(piece, level));
  if (digestOf(outs) !== ANSWERS[level]?.[1]) return false;
  await memory?.add(key);
  return true;
}

/**
 * What the answer depends on, as far as the system says it: the zlib that Node was compiled with; every file of which the process runs code, since
 * distributions link zlib apart from Node, and a package that replaces it leaves Node as it is; the processor with its abilities, which choose
 * among implementations and may differ on virtual machines of one processor.
 * @param read a file of /proc, which throws where there is none
 */
export function machine(read: (file: string) => string = readProc): string {
  const maps = attempt(() => read('/proc/self/maps'));
  const code = new Set([...maps.matchAll(/^\S+ ..x. \S+ \S+ \d+ +(\/.*)$/gm)].map(([, file]) => file!));
  const files = [...code].sort().map((file) => attempt(() => stateOf(file)));
  const [first] = attempt(() => read(PROCESSORS)).split('\n\n');
  const lines = first!.match(/^(?:model name|flags|Features)\s*:.*$/gm);
  const processor = lines ?? [cpus()[0]?.model]; // Node's list costs more, the more processors there are
  const { ZLIB_VERNUM } = constants as Record<string, unknown>;
  return [arch(), ...processor, ZLIB_VERNUM, ...files].join(' | ');
}

function stateOf(file: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/** A file of /proc; of the list of processors, which may be long, its beginning with the first of them. */
function readProc(file: string): string {
  if (file !== PROCESSORS) return readFileSync(file, 'latin1');
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(16 * 1024);
    return bytes.toString('latin1', 0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

/** What cannot be had is left out: the rest must do. */
function attempt(work: () => string): string {
  try {
    return work();
  } catch {
    return '';
  }
}

/** The SHA-256 of buffers one after another, 32 hex digits of it. */
export function digestOf(buffers: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const bytes of buffers) hash.update(bytes);
  return hash.digest('hex').slice(0, 32);
}

/** Bytes that look random and are the same everywhere: AES in counter mode, which costs nothing beside what is done with them. */
function noiseOf(size: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** Bytes on which the zlibs in use differ: words in pseudo-random order, so that matching has choices, and a run of noise. */
export function shortProbe(): Buffer {
  const words = 'the quick brown fox jumps over lazy dogs wasm module layer image blob digest'.split(' ');
  const choices = noiseOf(8000);
  let text = '';
  for (let i = 0; i < choices.length; i++) text += `${words[choices[i]! % words.length]} `;
  return Buffer.concat([Buffer.from(text), choices.subarray(0, 4096), Buffer.from(text.slice(0, 10_000))]);
}

/** Two megabytes: text, tables of numbers, code-like bytes, a tar of small files, noise, zeros, repeats near and far, and mixtures. */
export function* longProbe(): Generator<Buffer> {
  const noise = noiseOf(256 * 1024);
  const text = shortProbe();
  yield Buffer.alloc(192 * 1024, text);
  yield tableOf(noise.subarray(0, 32 * 1024));
  yield tarOf(text);
  const code = Buffer.from(noise.subarray(0, 32 * 1024));
  for (let i = 0; i < code.length; i++) code[i] = i % 3 === 0 ? 0x20 + (code[i]! & 3) : code[i]! & 15;
  yield code;
  yield mixtureOf(text, noise);
  yield noise;
  yield Buffer.alloc(1024 * 1024);
  yield Buffer.alloc(96 * 1024, noise.subarray(0, 33_000)); // a repeat from just beyond the window
  yield Buffer.alloc(300, 'ab');
  yield Buffer.alloc(1, 'x');
  yield Buffer.alloc(0);
}

/** Numbers that grow, between small ones. */
function tableOf(noise: Buffer): Buffer {
  const table = Buffer.alloc(noise.length);
  for (let at = 0, value = 0; at < table.length; at += 4) {
    value += noise[at]!;
    table.writeUInt32LE(at % 16 === 12 ? value : noise[at]! & 31, at);
  }
  return table;
}

function tarOf(text: Buffer): Buffer {
  const files = Buffer.alloc(128 * 1024);
  for (let at = 0, n = 0; at + 2048 <= files.length; at += 2048, n++) {
    files.write(`usr/share/app/file-${n}.txt`, at, 'latin1');
    files.write('0000644\x000000000\x000000000\x0000000002000\x0000000000000\x00', at + 100, 'latin1');
    text.copy(files, at + 512, (n * 131) % 20_000, ((n * 131) % 20_000) + 1024);
  }
  return files;
}

/** Stretches of one and of the other, of all lengths. */
function mixtureOf(a: Buffer, b: Buffer): Buffer {
  const mixed = Buffer.alloc(256 * 1024);
  for (let at = 0, n = 0; at < mixed.length; n++) {
    const source = n % 2 === 0 ? a : b;
    const from = (b.readUInt16LE(4 * n) * 3) % (source.length / 2);
    at += Math.max(1, source.copy(mixed, at, from, from + 1 + (b.readUInt16LE(4 * n + 2) >> 2)));
  }
  return mixed;
}
