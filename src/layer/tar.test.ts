import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { extract } from 'tar-stream';
import { decodeText } from '../util/text.js';
import { BLOCK_SIZE, END_OF_ARCHIVE, encodeHeader, HeaderWriter, padding, type TarHeader } from './tar.js';

const header = (h: Partial<TarHeader> = {}): Buffer =>
  encodeHeader({ path: 'f', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, ...h });

/** A field of the last block of a header, up to its first NUL. */
const field = (bytes: Buffer, at: number, length: number) =>
  bytes
    .subarray(-BLOCK_SIZE)
    .toString('latin1', at, at + length)
    .replace(/\0.*$/s, '');

const name = (bytes: Buffer) => field(bytes, 0, 100);
const prefix = (bytes: Buffer) => field(bytes, 345, 155);

/** The PAX records in front of a header, and the name of their entry; undefined where there are none. */
function pax(bytes: Buffer): { name: string; records: string } | undefined {
  if (bytes.length === BLOCK_SIZE) return undefined;
  expect(bytes.toString('latin1', 156, 157)).toBe('x');
  const size = Number.parseInt(bytes.toString('latin1', 124, 135), 8);
  return {
    name: bytes.toString('latin1', 0, 100).replace(/\0.*$/s, ''),
    records: String(bytes.subarray(512, 512 + size)),
  };
}

describe('the block of an entry', () => {
  test('is that of Go, byte by byte', () => {
    const bytes = header({ path: 'dir/app.wasm', mode: 0o755, uid: 1000, gid: 8, size: 123, mtime: 1_700_000_000 });
    const expected = Buffer.alloc(512);
    expected.write('dir/app.wasm', 0);
    expected.write('0000755\0', 100);
    expected.write('0001750\0', 108);
    expected.write('0000010\0', 116);
    expected.write('00000000173\0', 124);
    expected.write('14524770400\0', 136);
    expected.write('0', 156);
    expected.write('ustar\x0000', 257);
    expected.write('0000000\x000000000\0', 329);
    expected.write('        ', 148);
    const sum = expected.reduce((a, b) => a + b, 0);
    expected.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    expect(bytes.equals(expected)).toBe(true);
  });

  test.each([
    ['file', '0'],
    ['hardlink', '1'],
    ['symlink', '2'],
    ['char', '3'],
    ['block', '4'],
    ['directory', '5'],
    ['fifo', '6'],
  ] as const)('%s is type %s', (type, flag) => {
    expect(field(header({ type }), 156, 1)).toBe(flag);
  });

  test('device numbers, link target, all twelve bits', () => {
    const bytes = header({ type: 'char', major: 1, minor: 0o777, linkname: 'to', mode: 0o7777 });
    expect([field(bytes, 329, 8), field(bytes, 337, 8), field(bytes, 157, 100), field(bytes, 100, 8)]).toEqual([
      '0000001',
      '0000777',
      'to',
      '0007777',
    ]);
  });
});

const long = (n: number, char = 'n') => char.repeat(n);

describe('names', () => {
  test.each<[string, string, string, string]>([
    ['100 bytes fit', long(100), '', long(100)],
    ['101 bytes are cut at a slash', `${long(50)}/${long(50)}`, long(50), long(50)],
    [
      'the cut is the last that leaves a prefix of 155',
      `${long(100)}/${long(54)}/${long(99)}`,
      `${long(100)}/${long(54)}`,
      long(99),
    ],
    ['a directory is not cut at its own slash', `${long(60)}/${long(60)}/`, long(60), `${long(60)}/`],
    ['155 and 100', `${long(155)}/${long(100)}`, long(155), long(100)],
  ])('%s', (_rule, path, inPrefix, inName) => {
    const bytes = header({ path });
    expect(pax(bytes)).toBeUndefined();
    expect([prefix(bytes), name(bytes)]).toEqual([inPrefix, inName]);
  });

  test.each<[string, string, string]>([
    ['101 bytes without a slash', long(101), `111 path=${long(101)}\n`],
    ['a prefix of 156', `${long(156)}/f`, `168 path=${long(156)}/f\n`],
    ['a last part of 101', `d/${long(101)}`, `113 path=d/${long(101)}\n`],
    ['a slash at the front alone', `/${long(100)}`, `111 path=/${long(100)}\n`],
    ['letters beyond ASCII', 'é', '11 path=é\n'],
  ])('%s need PAX', (_what, path, records) => {
    const bytes = header({ path });
    expect(pax(bytes)?.records).toBe(records);
    expect(prefix(bytes)).toBe('');
  });

  test('the length of a record counts its own digits', () => {
    expect(pax(header({ path: `${long(88)}é` }))?.records).toBe(`99 path=${long(88)}é\n`);
    expect(pax(header({ path: `${long(89)}é` }))?.records).toBe(`101 path=${long(89)}é\n`);
  });

  test('the entry of the records, and the plain name, are ASCII and at most 100 bytes', () => {
    expect(pax(header({ path: 'dé/fü' }))?.name).toBe('d/PaxHeaders.0/f');
    expect(name(header({ path: 'dé/fü' }))).toBe('d/f');
    expect(pax(header({ path: `é/${long(99, 'd')}/${long(20)}` }))?.name).toBe(`/${long(99, 'd')}`);
    expect(name(header({ path: `${long(99)}//é` }))).toBe(long(99)); // a cut that ends in a slash loses it
  });

  test('bytes that are no UTF-8 go into the record as they are', () => {
    const path = decodeText(Buffer.from([0x61, 0xff]));
    const bytes = header({ path });
    expect(bytes.includes(Buffer.from([...Buffer.from('11 path=a'), 0xff, 0x0a]))).toBe(true);
    expect(name(bytes)).toBe('a');
  });
});

describe('other fields that ustar cannot hold', () => {
  test.each<[string, Partial<TarHeader>, string | undefined]>([
    ['the largest uid', { uid: 0o7777777 }, undefined],
    ['a larger one', { uid: 0o7777777 + 1 }, '15 uid=2097152\n'],
    ['gid and uid, sorted by name', { uid: 2 ** 31, gid: 2 ** 21 }, '15 gid=2097152\n18 uid=2147483648\n'],
    ['the largest size', { size: 8 ** 11 - 1 }, undefined],
    ['8 GiB', { size: 8 ** 11 }, '19 size=8589934592\n'],
    ['the largest mtime', { mtime: 8 ** 11 - 1 }, undefined],
    ['a later one', { mtime: 8 ** 11 }, '20 mtime=8589934592\n'],
    ['one before 1970', { mtime: -5 }, '12 mtime=-5\n'],
    ['a link target of 100 bytes', { linkname: long(100), type: 'symlink' }, undefined],
    [
      'a longer one, even with slashes',
      { linkname: `${long(60)}/${long(60)}`, type: 'symlink' },
      `135 linkpath=${long(60)}/${long(60)}\n`,
    ],
    ['a link target beyond ASCII', { linkname: 'é', type: 'symlink' }, '15 linkpath=é\n'],
  ])('%s', (_what, h, records) => {
    expect(pax(header(h))?.records).toBe(records);
  });

  test('a field that PAX holds is zero in the block', () => {
    expect(field(header({ uid: 2 ** 31 }), 108, 8)).toBe('0000000');
  });

  test('an entry that needed PAX before its time was clamped stays PAX: its name is not split', () => {
    const path = `${long(60)}/${long(60)}`;
    expect(pax(header({ path, mtime: 0, unclampedMtime: 8 ** 11 }))?.records).toBe(`131 path=${path}\n`);
    expect(header({ path: 'f', mtime: 0, unclampedMtime: -1 }).equals(header({ path: 'f' }))).toBe(true);
  });
});

test('padding fills blocks of 512', () => {
  expect([0, 1, 511, 512, 513].map(padding)).toEqual([0, 511, 1, 0, 511]);
  expect(END_OF_ARCHIVE).toHaveLength(1024);
});

/** A second opinion. */
async function readBack(archive: Buffer): Promise<unknown[]> {
  const entries = extract();
  entries.end(archive);
  const read: unknown[] = [];
  for await (const entry of entries) {
    const { name: path, type, mode, uid, gid, mtime, linkname, pax: records } = entry.header;
    const number = (key: string, plain: number) => Number((records as Record<string, string> | null)?.[key] ?? plain);
    const times = { mtime: number('mtime', mtime.getTime() / 1000) };
    read.push({
      path: path.replace(/\/$/, ''),
      type,
      mode,
      uid: number('uid', uid),
      gid: number('gid', gid),
      ...times,
      linkname,
    });
    entry.resume();
  }
  return read;
}

test('tar-stream reads every header back', async () => {
  const part = fc.stringMatching(/^[a-zA-Z0-9 é日_-]{1,60}$/);
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
  const id = fc.oneof(fc.nat(100), fc.nat(2 ** 31 - 1));
  const entry = fc.record({
    path,
    type: fc.constantFrom('file', 'directory', 'symlink', 'hardlink', 'fifo'),
    mode: fc.nat(0o7777),
    uid: id,
    gid: id,
    mtime: fc.oneof(fc.nat(2 ** 31), fc.constant(8 ** 11 + 5)),
    linkname: path,
  });
  const types = { file: 'file', directory: 'directory', symlink: 'symlink', hardlink: 'link', fifo: 'fifo' };
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 10 }), async (entries) => {
      const headers = entries.map(({ linkname, ...e }) => ({
        ...e,
        path: e.type === 'directory' ? `${e.path}/` : e.path,
        size: 0,
        ...(/link/.test(e.type) && { linkname }),
      }));
      const archive = Buffer.concat([...headers.map((h) => encodeHeader(h)), END_OF_ARCHIVE]);
      expect(await readBack(archive)).toEqual(
        headers.map(({ type, mode, uid, gid, mtime, path: p, linkname }) => ({
          path: p.replace(/\/$/, ''),
          type: types[type],
          mode,
          uid,
          gid,
          mtime,
          linkname: linkname ?? null,
        })),
      );
    }),
    { numRuns: 150 },
  );
});

test('a header does not depend on those that were written before it', () => {
  const name = fc.oneof(
    fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom('a', 'b', '/', 'é', '\0') }),
    fc.integer({ min: 95, max: 260 }).map((n) => `dir/${'n'.repeat(n)}`),
  );
  const number = fc.oneof(fc.constantFrom(0, 1, 0o7777777, 0o10000000, 8 ** 11), fc.nat());
  const headers = fc.record<TarHeader>({
    path: name,
    type: fc.constantFrom('file', 'hardlink', 'symlink', 'char', 'directory'),
    mode: fc.nat(0o7777),
    uid: number,
    gid: number,
    size: number,
    mtime: fc.oneof(number, fc.constant(-1)),
    linkname: fc.option(name, { nil: undefined }),
    major: fc.option(fc.nat(4095), { nil: undefined }),
    minor: fc.option(fc.nat(4095), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(headers, { minLength: 2, maxLength: 6 }), (list) => {
      const writer = new HeaderWriter();
      for (const h of list) expect(writer.encode(h).equals(encodeHeader(h))).toBe(true);
    }),
  );
});
