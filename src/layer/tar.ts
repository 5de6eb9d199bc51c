/**
 * The tar stream, byte for byte as Go's archive/tar writes it for BuildKit.
 *
 * Go picks the plainest format that can hold an entry: ustar, with long names split into the prefix field where they
 * fit, else PAX, with a record for each field that ustar cannot hold. Layers pass through Go's writer twice (once when
 * the layer is made, once when timestamps are rewritten), and an entry that needed PAX the first time stays PAX.
 * @see https://pkg.go.dev/archive/tar, and docs/compatibility.md ("Layers")
 */
import { encodeText } from '../util/text.js';

export const BLOCK_SIZE = 512;

/** The two zero blocks that end an archive. */
export const END_OF_ARCHIVE: Uint8Array = Buffer.alloc(2 * BLOCK_SIZE);

/** The fields of one entry. `mode`: the twelve permission bits; `mtime`: whole seconds; `size`: bytes of content that follow. */
export interface TarHeader {
  /** Without a leading slash; a directory's ends with one. */
  readonly path: string;
  readonly type: keyof typeof TYPE_FLAGS;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  /** The time before it was clamped; where PAX had to hold that one, the entry is written as PAX. */
  readonly unclampedMtime?: number | undefined;
  readonly linkname?: string | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
}

export const TYPE_FLAGS = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const;

const NAME = { at: 0, length: 100 };
const MODE = numberField(100, 8);
const UID = numberField(108, 8);
const GID = numberField(116, 8);
const SIZE = numberField(124, 12);
const MTIME = numberField(136, 12);
const CHECKSUM_AT = 148;
const TYPE_AT = 156;
const LINKNAME = { at: 157, length: 100 };
const MAGIC_AT = 257;
const DEV_MAJOR = numberField(329, 8);
const DEV_MINOR = numberField(337, 8);
const PREFIX = { at: 345, length: 155 };
/** Behind the last field; the rest of the block is zeros. */
const HEADER_END = 500;

const MAGIC = Buffer.from('ustar\x0000', 'latin1');
const MAGIC_SUM = MAGIC.reduce((a, b) => a + b);
const BLANK = 0x20;
const DIGIT_0 = 0x30;

interface Field {
  readonly at: number;
  readonly length: number;
}

/** One that holds octal digits and a NUL behind them. */
interface NumberField extends Field {
  /** The first number that is too large. */
  readonly limit: number;
}

function numberField(at: number, length: number): NumberField {
  return { at, length, limit: 8 ** (length - 1) };
}

/** The header blocks of an entry: one block, or three and more where PAX records come before it. */
export function encodeHeader(h: TarHeader): Buffer {
  return new HeaderWriter().encode(h);
}

/** The numeric fields, in the order in which {@link HeaderWriter} keeps them. */
const NUMBERS = [MODE, UID, GID, SIZE, MTIME, DEV_MAJOR, DEV_MINOR] as const;

/**
 * Writes many headers. Nearly all have names of at most 100 ASCII characters and numbers that fit, and differ from the one before in the name and
 * the size at most: those are made in one block, of which only what differs is written.
 */
export class HeaderWriter {
  readonly #block = Buffer.alloc(BLOCK_SIZE);
  /** What the numeric fields hold, and the sum of their bytes. */
  readonly #values = new Float64Array(NUMBERS.length).fill(-1);
  readonly #sums = new Float64Array(NUMBERS.length);

  constructor() {
    this.#block.set(MAGIC, MAGIC_AT);
  }

  /** As {@link encodeHeader} does; what it gives lasts until the next call. */
  encode(h: TarHeader): Buffer {
    const { path, linkname = '', uid, gid, size, mtime, unclampedMtime = mtime } = h;
    const fits =
      path.length <= NAME.length &&
      linkname.length <= LINKNAME.length &&
      fitsOctal(uid, UID) &&
      fitsOctal(gid, GID) &&
      fitsOctal(size, SIZE) &&
      fitsOctal(mtime, MTIME) &&
      fitsOctal(unclampedMtime, MTIME);
    if (!fits) return encodeAny(h);
    const name = this.#putText(NAME, path);
    const link = this.#putText(LINKNAME, linkname);
    if (name === undefined || link === undefined) return encodeAny(h);
    const type = TYPE_FLAGS[h.type].charCodeAt(0);
    this.#block[TYPE_AT] = type;
    const numbers = [h.mode, uid, gid, size, mtime, h.major ?? 0, h.minor ?? 0];
    let sum = name + link + type + MAGIC_SUM + 8 * BLANK;
    for (let i = 0; i < NUMBERS.length; i++) sum += this.#putNumber(i, numbers[i]!);
    putChecksum(this.#block, sum);
    return this.#block;
  }

  /** @returns the sum of its bytes; undefined where it is not ASCII without NUL */
  #putText({ at, length }: Field, text: string): number | undefined {
    const block = this.#block;
    let sum = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0 || code >= 0x80) return undefined;
      block[at + i] = code;
      sum += code;
    }
    for (let i = text.length; i < length && block[at + i] !== 0; i++) block[at + i] = 0; // the rest of a longer one before
    return sum;
  }

  #putNumber(index: number, value: number): number {
    if (this.#values[index] !== value) {
      const field = NUMBERS[index]!;
      this.#values[index] = value;
      putOctal(this.#block, field, value);
      let sum = 0;
      for (let i = field.at; i < field.at + field.length; i++) sum += this.#block[i]!;
      this.#sums[index] = sum;
    }
    return this.#sums[index]!;
  }
}

/** Any header. Whether it must be PAX is a matter of each field. */
function encodeAny(h: TarHeader): Buffer {
  const name = encodeText(h.path);
  const link = encodeText(h.linkname ?? '');
  const split = splitPath(name);
  const nameFits = (isAscii(name) && name.length <= NAME.length) || split !== undefined;
  const linkFits = isAscii(link) && link.length <= LINKNAME.length;
  const fits =
    nameFits &&
    linkFits &&
    fitsOctal(h.uid, UID) &&
    fitsOctal(h.gid, GID) &&
    fitsOctal(h.size, SIZE) &&
    fitsOctal(h.mtime, MTIME) &&
    fitsOctal(h.unclampedMtime ?? h.mtime, MTIME);

  if (fits) {
    const block = Buffer.alloc(BLOCK_SIZE);
    fill(block, h, split ? split.suffix : name, link);
    if (split) putString(block, PREFIX, split.prefix);
    seal(block);
    return block;
  }

  // A map in Go, sorted by key.
  const records: [string, Buffer][] = [];
  if (!fitsOctal(h.gid, GID)) records.push(['gid', Buffer.from(String(h.gid))]);
  if (!linkFits) records.push(['linkpath', link]);
  if (!fitsOctal(h.mtime, MTIME)) records.push(['mtime', Buffer.from(String(h.mtime))]);
  if (!isAscii(name) || name.length > NAME.length) records.push(['path', name]);
  if (!fitsOctal(h.size, SIZE)) records.push(['size', Buffer.from(String(h.size))]);
  if (!fitsOctal(h.uid, UID)) records.push(['uid', Buffer.from(String(h.uid))]);

  const main = Buffer.alloc(BLOCK_SIZE);
  fill(main, h, onlyAscii(name), onlyAscii(link));
  seal(main);
  if (records.length === 0) return main;

  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  const ext = Buffer.alloc(BLOCK_SIZE);
  putString(ext, NAME, paxName(name));
  for (const field of [MODE, UID, GID, MTIME]) putOctal(ext, field, 0);
  putOctal(ext, SIZE, body.length);
  ext[TYPE_AT] = 'x'.charCodeAt(0);
  seal(ext); // device numbers stay NUL, as Go leaves them
  return Buffer.concat([ext, body, Buffer.alloc(padding(body.length)), main]);
}

/** How many zero bytes follow `size` bytes of content. */
export function padding(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
}

function fill(block: Buffer, h: TarHeader, name: Buffer, link: Buffer): void {
  putString(block, NAME, name);
  putString(block, LINKNAME, link);
  putOctal(block, MODE, h.mode);
  putOctal(block, UID, h.uid);
  putOctal(block, GID, h.gid);
  putOctal(block, SIZE, h.size);
  putOctal(block, MTIME, h.mtime);
  block[TYPE_AT] = TYPE_FLAGS[h.type].charCodeAt(0);
  putOctal(block, DEV_MAJOR, h.major ?? 0);
  putOctal(block, DEV_MINOR, h.minor ?? 0);
}

/** Magic, version and checksum, which come last. The checksum is summed over with blanks in its place. */
function seal(block: Buffer): void {
  block.set(MAGIC, MAGIC_AT);
  let sum = 8 * BLANK;
  for (let i = 0; i < CHECKSUM_AT; i++) sum += block[i]!;
  for (let i = TYPE_AT; i < HEADER_END; i++) sum += block[i]!;
  putChecksum(block, sum);
}

function putChecksum(block: Buffer, sum: number): void {
  putDigits(block, CHECKSUM_AT, 6, sum);
  block[CHECKSUM_AT + 6] = 0;
  block[CHECKSUM_AT + 7] = BLANK;
}

function fitsOctal(value: number, { limit }: NumberField): boolean {
  return value >= 0 && value < limit;
}

/** Digits up to the last byte, which is NUL; a value that does not fit is written as zero (PAX holds it). */
function putOctal(block: Buffer, field: NumberField, value: number): void {
  putDigits(block, field.at, field.length - 1, fitsOctal(value, field) ? value : 0);
}

/** Octal digits with zeros in front. Digit by digit: strings would cost more than all the rest of a header. */
function putDigits(block: Buffer, at: number, count: number, value: number): void {
  let rest = value;
  for (let i = at + count - 1; i >= at; i--) {
    const high = Math.floor(rest / 8);
    block[i] = DIGIT_0 + rest - 8 * high;
    rest = high;
  }
}

/** Cut to the field; a cut that ends in a slash loses it, since old readers would take the entry for a directory. */
function putString(block: Buffer, field: Field, value: Buffer): void {
  value.copy(block, field.at, 0, Math.min(value.length, field.length));
  if (value.length <= field.length) return;
  let end = field.length;
  while (end > 0 && value[end - 1] === 0x2f) end--;
  if (end < field.length) block.fill(0, field.at + end, field.at + field.length);
}

function isAscii(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! >= 0x80 || bytes[i] === 0) return false;
  return true;
}

function onlyAscii(bytes: Buffer): Buffer {
  return isAscii(bytes) ? bytes : Buffer.from(bytes.filter((b) => b < 0x80 && b !== 0));
}

/** A name of more than 100 bytes, cut at a slash so that both parts fit their ustar fields; undefined where none does or is needed. */
function splitPath(name: Buffer): { prefix: Buffer; suffix: Buffer } | undefined {
  let length = name.length;
  if (length <= NAME.length || !isAscii(name)) return undefined;
  if (length > PREFIX.length + 1) length = PREFIX.length + 1;
  else if (name[length - 1] === 0x2f) length--;
  const at = name.subarray(0, length).lastIndexOf(0x2f);
  const suffixLength = name.length - at - 1;
  if (at <= 0 || suffixLength > NAME.length || suffixLength === 0 || at > PREFIX.length) return undefined;
  return { prefix: name.subarray(0, at), suffix: name.subarray(at + 1) };
}

/** `<length> key=value\n`, the length counting its own digits. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3; // blank, =, newline
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')]);
}

/** `dir/PaxHeaders.0/file`, ASCII only, at most 100 bytes. */
function paxName(name: Buffer): Buffer {
  const text = name.toString('latin1');
  const at = text.lastIndexOf('/') + 1;
  const parts = `${text.slice(0, at)}/PaxHeaders.0/${text.slice(at)}`.split('/').filter((p) => p !== '' && p !== '.');
  const joined = onlyAscii(Buffer.from(parts.join('/'), 'latin1')).subarray(0, NAME.length);
  let end = joined.length;
  while (end > 0 && joined[end - 1] === 0x2f) end--;
  return joined.subarray(0, end);
}
