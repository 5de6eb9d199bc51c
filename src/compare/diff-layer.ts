/** Two layers, entry by entry: which are there, their header fields, their content, their order; last the bytes of the tar that nothing reads. */
import { formatTime } from '../oci/assemble.js';
import { unpacked } from './blob-bytes.js';
import type { CauseCode } from './causes.js';
import { diffContents, type Pair } from './diff-content.js';
import type { Difference } from './difference.js';
import type { OpenLayer } from './image.js';
import { type ListedEntry, type Listing, listLayer } from './layer-listing.js';

/** The differences of two layers whose diff IDs differ. `layer` counts from 1. */
export async function diffLayers(a: OpenLayer, b: OpenLayer, layer: number): Promise<Difference[]> {
  const [x, y] = [
    await listLayer(a, `layer ${layer} (${a.diffID})`),
    await listLayer(b, `layer ${layer} (${b.diffID})`),
  ];
  const { differences, pairs } = diffListings(x, y);
  const contents = await diffContents(a, b, pairs);
  for (const { a: entry } of pairs) {
    const content = contents.get(entry.name)!;
    differences.push({ code: contentCode(content.wasm), path: entry.name, content });
  }
  if (differences.length === 0) differences.push(await rawDifference(a, b, x));
  return differences.map((d) => ({ ...d, layer }));
}

function contentCode(wasm: readonly { readonly custom: boolean }[] | undefined): CauseCode {
  if (!wasm || wasm.length === 0) return 'FileContent';
  return wasm.every((section) => section.custom) ? 'WasmCustomSection' : 'WasmSection';
}

/** What two listings tell without the bytes of the files; `pairs` are files whose bytes differ. */
export function diffListings(a: Listing, b: Listing): { differences: Difference[]; pairs: Pair[] } {
  const left = byKey(a.entries);
  const right = byKey(b.entries);
  const differences: Difference[] = [];
  const pairs: Pair[] = [];
  const lost = new Map([...left].filter(([key]) => !right.has(key)));
  const gained = new Map([...right].filter(([key]) => !left.has(key)));
  differences.push(...respelt(lost, gained));
  for (const entry of lost.values()) {
    const content = entry.digest && { content: { sizeA: entry.size, sizeB: 0, digest: entry.digest } };
    differences.push({ code: 'FileMissing', path: entry.name, a: describe(entry), ...content });
  }
  for (const entry of gained.values()) differences.push({ code: 'FileExtra', path: entry.name, b: describe(entry) });
  for (const [key, x] of left) {
    const y = right.get(key);
    if (!y) continue;
    differences.push(...diffEntries(x, y));
    if (x.type === 'file' && y.type === 'file' && x.digest !== y.digest) pairs.push({ a: x, b: y });
  }
  differences.push(...diffOrder(left, right));
  return { differences, pairs };
}

/** By name; an entry that comes again has a number. */
function byKey(entries: readonly ListedEntry[]): Map<string, ListedEntry> {
  const found = new Map<string, ListedEntry>();
  for (const entry of entries) {
    let key = entry.name;
    for (let n = 2; found.has(key); n++) key = `${entry.name}\0${n}`;
    found.set(key, entry);
  }
  return found;
}

function describe({ type, size }: ListedEntry): string {
  return type === 'file' ? `${size} bytes` : type;
}

/** Names that only case or Unicode normalisation tells apart; takes them out of both maps. */
function respelt(lost: Map<string, ListedEntry>, gained: Map<string, ListedEntry>): Difference[] {
  const fold = (name: string) => name.normalize('NFC').toLowerCase();
  const folded = new Map([...gained].map(([key, { name }]) => [fold(name), key]));
  const found: Difference[] = [];
  for (const [key, x] of [...lost]) {
    const other = folded.get(fold(x.name));
    const y = other === undefined ? undefined : gained.get(other);
    if (!y) continue;
    lost.delete(key);
    gained.delete(other!);
    found.push({ code: 'NameCase', path: x.name, a: x.name, b: y.name });
  }
  return found;
}

/** The fields of one entry. Content is not among them. */
function diffEntries(x: ListedEntry, y: ListedEntry): Difference[] {
  const found: Difference[] = [];
  const say = (code: CauseCode, field: string, a: string | undefined, b: string | undefined) => {
    if (a === b) return false;
    found.push({ code, path: x.name, field, ...(a !== undefined && { a }), ...(b !== undefined && { b }) });
    return true;
  };
  const seen = new Set<string>();
  if (say('FileType', 'type', kindOf(x), kindOf(y))) return found; // the rest follows
  say('FileMode', 'mode', octal(x.mode), octal(y.mode));
  if (say('FileOwner', 'owner', `${x.uid}:${x.gid}`, `${y.uid}:${y.gid}`)) seen.add('uid').add('gid');
  say('FileOwner', 'owner name', ownerName(x), ownerName(y));
  if (say('FileTime', 'mtime', timeOf(x.mtime), timeOf(y.mtime))) seen.add('mtime');
  if (say('LinkTarget', 'link target', x.linkname, y.linkname)) seen.add('linkpath');
  if (x.path !== y.path) seen.add('path');
  if (x.size !== y.size) seen.add('size');
  for (const key of [...new Set([...Object.keys(x.pax), ...Object.keys(y.pax)])].sort()) {
    if (!seen.has(key)) say('PaxRecord', key, x.pax[key], y.pax[key]);
  }
  return found;
}

function kindOf({ type, device }: ListedEntry): string {
  const name = type === 'link' ? 'hard link' : String(type);
  return device ? `${name} ${device.major}:${device.minor}` : name;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function ownerName({ owner }: ListedEntry): string | undefined {
  return owner && `${owner.uname}:${owner.gname}`;
}

function timeOf(mtime: number): string {
  try {
    return formatTime(mtime);
  } catch {
    return String(mtime); // no calendar goes so far
  }
}

/** The first entry that stands elsewhere, of those that both layers have. */
function diffOrder(left: ReadonlyMap<string, ListedEntry>, right: ReadonlyMap<string, ListedEntry>): Difference[] {
  const common = [...left.keys()].filter((key) => right.has(key));
  const others = [...right.keys()].filter((key) => left.has(key));
  const at = common.findIndex((key, i) => key !== others[i]);
  if (at < 0) return [];
  const [a, b] = [left.get(common[at]!)!.name, right.get(others[at]!)!.name];
  return [{ code: 'EntryOrder', field: 'order', path: a, a, b }];
}

/** Fields of a ustar header, by where they begin. */
const HEADER_FIELDS: readonly (readonly [from: number, name: string])[] = [
  [0, 'name'],
  [100, 'mode'],
  [108, 'uid'],
  [116, 'gid'],
  [124, 'size'],
  [136, 'mtime'],
  [148, 'checksum'],
  [156, 'type'],
  [157, 'link name'],
  [257, 'magic and version'],
  [265, 'user name'],
  [297, 'group name'],
  [329, 'device numbers'],
  [345, 'name prefix'],
];

/** The first byte of two tars that differs although all that is read of them is equal. */
async function rawDifference(a: OpenLayer, b: OpenLayer, listing: Listing): Promise<Difference> {
  const offset = await firstDifference(unpacked(a.read(), 'a layer'), unpacked(b.read(), 'a layer'));
  const next = listing.entries.find((entry) => entry.offset + entry.size > offset || entry.offset > offset);
  if (!next) return { code: 'TarHeader', field: `the zero blocks behind the last entry, at byte ${offset}` };
  const inHeader = offset - (next.offset - 512);
  // what lies further ahead is an extended header, or the padding behind the entry before
  const name = inHeader < 0 ? 'a block before its header' : HEADER_FIELDS.findLast(([from]) => from <= inHeader)![1];
  return { code: 'TarHeader', path: next.name, field: `${name}, at byte ${offset}` };
}

async function firstDifference(a: AsyncGenerator<Buffer>, b: AsyncGenerator<Buffer>): Promise<number> {
  let [x, y]: [Buffer, Buffer] = [Buffer.alloc(0), Buffer.alloc(0)];
  let at = 0;
  try {
    for (;;) {
      if (x.length === 0) x = (await a.next()).value ?? x;
      if (y.length === 0) y = (await b.next()).value ?? y;
      const length = Math.min(x.length, y.length);
      if (length === 0) return at;
      for (let i = 0; i < length; i++) if (x[i] !== y[i]) return at + i;
      at += length;
      [x, y] = [x.subarray(length), y.subarray(length)];
    }
  } finally {
    await a.return(undefined);
    await b.return(undefined);
  }
}
