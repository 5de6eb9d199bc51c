import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync, crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { compressibleText, kindsOfBytes } from '../test/compressible.js';
import { compressPieces } from './build-layer.js';
import { LAYER_VERSION } from './codec.js';
import {
  combineCrc32,
  crc32,
  DEFAULT_LEVEL,
  GZIP_HEADER,
  type GzipOptions,
  gzipCodec,
  gzipTrailer,
  pakoDeflater,
  slowCrc32,
  workersFor,
} from './gzip.js';
import { nodeDeflate } from './node-zlib.js';
import { isPinned, machine, seemsPinned } from './zlib-check.js';
import { zstdCodec } from './zstd.js';

const SIZES = [0, 1, 63, 4096, 65_535, 65_536, 700_000];

/** Kinds of data on which compressors behave differently. */
const KINDS: Readonly<Record<string, (size: number) => Buffer>> = {
  zeros: (size) => Buffer.alloc(size),
  text: (size) => Buffer.alloc(size, compressibleText()),
  noise: (size) => noise(size),
  'a tar of small files': (size) =>
    Buffer.alloc(size, Buffer.concat([Buffer.alloc(512, 'header'), noise(300), Buffer.alloc(212)])),
  'far repeats': (size) => Buffer.alloc(size, noise(40_000)),
};

function noise(size: number): Buffer {
  const out = Buffer.alloc(size);
  let seed = 7;
  for (let i = 0; i < size; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    out[i] = seed >>> 24;
  }
  return out;
}

async function gzip(
  pieces: readonly Buffer[],
  { level = DEFAULT_LEVEL, engine = 'fastest', workers = 0 }: Partial<GzipOptions> = {},
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const codec = await gzipCodec({ level, engine, workers });
  try {
    for await (const chunk of compressPieces(toAsync(pieces), codec)) chunks.push(chunk);
    expect(await codec.confirm()).toBe(true);
  } finally {
    await codec.close();
  }
  return Buffer.concat(chunks);
}

async function* toAsync<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const nodeDeflater = (level: number) => (piece: Uint8Array) => nodeDeflate(piece, level);
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('bytes are those of every machine', async () => {
  expect(hashOf(await gzip([compressibleText()]))).toBe(
    '5e2d2a69f5210a1f38938b5d92d8c67d37b4f8ad1644ff2e6365747f17bec12d',
  );
});

describe("Node's zlib gives pako's bytes", () => {
  test('so the fast path is taken here', () => {
    for (let level = 0; level <= 9; level++) expect(seemsPinned(level)).toBe(true);
  });

  test.each(Object.keys(KINDS))('%s, of every size', async (kind) => {
    const [fast, reference] = [nodeDeflater(DEFAULT_LEVEL), await pakoDeflater(DEFAULT_LEVEL)];
    for (const size of SIZES) {
      const piece = KINDS[kind]!(size);
      expect(hashOf(await fast(piece))).toBe(hashOf(await reference(piece)));
    }
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('level %d', async (level) => {
    const [fast, reference] = [nodeDeflater(level), await pakoDeflater(level)];
    for (const kind of Object.values(KINDS)) {
      const piece = kind(40_000);
      expect(hashOf(await fast(piece))).toBe(hashOf(await reference(piece)));
    }
  });
});

describe('the long test', () => {
  test('passes, once for all the builds that remember it', async () => {
    const keys = new Set<string>();
    const memory = { has: async (key: string) => keys.has(key), add: async (key: string) => void keys.add(key) };
    expect(await isPinned(4, memory)).toBe(true);
    expect([...keys]).toEqual([expect.stringMatching(/^zlib level 4 /)]);
  });

  test('is remembered for the files that the process runs, and for the abilities of the processor', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'zlib-check-'));
    try {
      const library = path.join(folder, 'libz.so.1');
      const write = (text: string) => {
        fs.writeFileSync(`${library}.new`, text);
        fs.renameSync(`${library}.new`, library); // as package managers do
      };
      const proc = (flags: string) => (file: string) =>
        file === '/proc/cpuinfo'
          ? `processor\t: 0\nflags\t\t: ${flags}\n`
          : `7f00-7f10 r--p 0 fd:00 11 ${folder}/data\n7f10-7f20 r-xp 1000 fd:00 12   ${library}\n7f20-7f30 rw-p 0 00:00 0\n`;
      write('zlib');
      const before = machine(proc('sse2 avx2'));
      expect(machine(proc('sse2 avx2'))).toBe(before);
      expect(machine(proc('sse2'))).not.toBe(before);
      write('zlib-ng');
      expect(machine(proc('sse2 avx2'))).not.toBe(before);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  test('is remembered where the system says nothing of that', () => {
    const none = () => {
      throw new Error('no /proc');
    };
    expect(machine(none)).toBe(machine(none));
    expect(machine()).toBe(machine());
  });
});

test('the bytes are the same with any number of workers, and with the reference', async () => {
  const pieces = [...Object.values(KINDS).map((kind) => kind(300_000)), Buffer.alloc(5, 'x'), ...kindsOfBytes()];
  const expected = hashOf(await gzip(pieces));
  for (const workers of [1, 2, 4, 8]) expect(hashOf(await gzip(pieces, { workers }))).toBe(expected);
  expect(hashOf(await gzip(pieces, { workers: 2, engine: 'reference' }))).toBe(expected);
  expect(hashOf(await gzip(pieces, { engine: 'reference' }))).toBe(expected);
});

test('codecs are named by compression, level and the version of layers: what one name compressed serves another layer', async () => {
  for (const level of [0, 9]) {
    const codec = await gzipCodec({ level, engine: 'fastest', workers: 0 });
    expect(codec.name).toBe(`gzip${level}-${LAYER_VERSION}`);
    await codec.close();
  }
  const levels = await Promise.all([0, 1, 19].map((level) => zstdCodec({ level, workers: 0 })));
  expect(levels.map(({ name }) => name)).toEqual([1, 1, 19].map((level) => `zstd${level}-${LAYER_VERSION}`));
});

test('threads of our own are started where they pay', () => {
  const MIB = 1024 * 1024;
  expect(workersFor(1024 * MIB, 2, 'fastest')).toBe(0);
  expect(workersFor(4 * MIB, 64, 'fastest')).toBe(0);
  expect(workersFor(1024 * MIB, 8, 'fastest')).toBe(8);
  expect(workersFor(1024 * MIB, 2, 'reference')).toBe(2);
});

describe('pieces make one member', () => {
  const pieces = [KINDS.text!(70_000), Buffer.alloc(0), KINDS.noise!(10), KINDS.zeros!(2 * 1024 * 1024)];
  const whole = Buffer.concat(pieces);

  test('that zlib reads', async () => {
    for (const some of [[], [Buffer.alloc(0)], pieces.slice(0, 1), pieces]) {
      expect(gunzipSync(await gzip(some)).equals(Buffer.concat(some))).toBe(true);
    }
  });

  test('and a strict reader, to its last byte', async () => {
    const code =
      'import sys,zlib\nd=zlib.decompressobj(31)\nout=d.decompress(sys.stdin.buffer.read())+d.flush()\nassert d.eof and not d.unused_data\nsys.stdout.buffer.write(out)';
    const python = spawnSync('python3', ['-c', code], { input: await gzip(pieces), maxBuffer: 1e8 });
    if (python.error) return; // no python here
    expect(String(python.stderr)).toBe('');
    expect(python.stdout.equals(whole)).toBe(true);
  });

  test('a change moves the bytes of its own piece and of the trailer alone', async () => {
    const changed = [...pieces];
    changed[2] = Buffer.alloc(10, 'x');
    const [a, b] = [await gzip(pieces), await gzip(changed)];
    const first = (await gzip(pieces.slice(0, 2))).length - 10; // without the end and the trailer
    expect(b.subarray(0, first).equals(a.subarray(0, first))).toBe(true);
    const last = (await nodeDeflater(DEFAULT_LEVEL)(pieces[3]!)).length;
    const tail = (bytes: Buffer) => bytes.subarray(-last - 10, -10);
    expect(tail(b).equals(tail(a))).toBe(true);
  });

  test('an error of a piece or of a deflater comes through, and nothing runs on', async () => {
    let running = 0;
    const slow = async (piece: Uint8Array) => {
      running++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      if (piece[0] === 1) throw new Error('deflate');
      return piece;
    };
    const codec = { header: GZIP_HEADER, trailer: gzipTrailer, compress: slow, width: 4 };
    const drain = async (source: AsyncIterable<Uint8Array>) => {
      for await (const _ of compressPieces(source, codec));
    };
    const ones = Array.from({ length: 6 }, (_, i) => Buffer.of(i));
    await expect(drain(toAsync(ones))).rejects.toThrow('deflate');
    expect(running).toBe(0);
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.of(0);
      throw new Error('read');
    }
    await expect(drain(failing())).rejects.toThrow('read');
    expect(running).toBe(0);
  });
});

describe('crc32', () => {
  test.each([
    ['', 0],
    ['123456789', 0xcbf43926],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ])('of %j', (text, crc) => {
    expect(crc32(Buffer.from(text))).toBe(crc);
    expect(slowCrc32(Buffer.from(text), 0)).toBe(crc);
  });

  test('goes on where it was, in both ways', () => {
    const bytes = noise(5000);
    const parts = [bytes.subarray(0, 1), bytes.subarray(1, 1000), bytes.subarray(1000)];
    expect(parts.reduce((crc, part) => slowCrc32(part, crc), 0)).toBe(crc32(bytes));
    expect(parts.reduce((crc, part) => crc32(part, crc), 0)).toBe(crc32(bytes));
    if (typeof zlibCrc32 === 'function') expect(slowCrc32(bytes, 0)).toBe(zlibCrc32(bytes));
  });
});

test('checksums of two stretches make that of both', () => {
  const bytes = noise(70_000);
  for (const at of [0, 1, 2, 255, 4096, 65_535, 65_536, 69_999, 70_000]) {
    const [a, b] = [bytes.subarray(0, at), bytes.subarray(at)];
    expect(combineCrc32(crc32(a), crc32(b), b.length)).toBe(crc32(bytes));
  }
});

test('no bytes change no checksum, however often', () => {
  for (let i = 0; i < 5; i++) expect(crc32(Buffer.alloc(0), 123)).toBe(123);
  expect(slowCrc32(Buffer.alloc(0), 123)).toBe(123);
});

test('the trailer has the length modulo 2^32', () => {
  expect(gzipTrailer(0xffffffff, 2 ** 32 + 5).toString('hex')).toMatch(/ffffffff05000000$/);
});
