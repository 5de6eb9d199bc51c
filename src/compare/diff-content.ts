/** The bytes of files that differ: two layers are walked in step, so that no file is ever held whole. */
import { type WasmContents, WasmScanner } from '../util/wasm-sections.js';
import { cleanName } from './archive-files.js';
import { unpacked } from './blob-bytes.js';
import { diffText, MAX_TEXT } from './diff-text.js';
import { diffWasm } from './diff-wasm.js';
import type { ContentDifference } from './difference.js';
import type { OpenLayer } from './image.js';
import { entriesOf } from './layer-entries.js';
import type { ListedEntry } from './layer-listing.js';

/** Two files of one name whose bytes differ. */
export interface Pair {
  readonly a: ListedEntry;
  readonly b: ListedEntry;
}

/** Where the order of two layers differs each file costs a walk of both; of so many files the bytes are looked at then. */
const MAX_WALKS = 20;
/** Bytes shown from the first difference on. */
const SHOWN = 8;

/** By the name of each pair, how the bytes differ. */
export async function diffContents(
  a: OpenLayer,
  b: OpenLayer,
  pairs: readonly Pair[],
): Promise<Map<string, ContentDifference>> {
  const found = new Map<string, ContentDifference>();
  for (const pair of pairs) found.set(pair.a.name, { sizeA: pair.a.size, sizeB: pair.b.size });
  const inStep = [...pairs].sort((x, y) => x.a.offset - y.a.offset);
  const ordered = inStep.every((pair, i) => i === 0 || inStep[i - 1]!.b.offset < pair.b.offset);
  const walks = ordered ? [inStep] : inStep.slice(0, MAX_WALKS).map((pair) => [pair]);
  for (const walk of walks.filter((w) => w.length > 0)) await walkInStep(a, b, walk, found);
  return found;
}

/** `pairs` in the order of both layers. */
async function walkInStep(
  a: OpenLayer,
  b: OpenLayer,
  pairs: readonly Pair[],
  found: Map<string, ContentDifference>,
): Promise<void> {
  const left = filesAt(
    a,
    pairs.map((p) => p.a),
  );
  const right = filesAt(
    b,
    pairs.map((p) => p.b),
  );
  try {
    for (const pair of pairs) {
      const [x, y] = [await left.next(), await right.next()];
      if (x.done || y.done) return;
      found.set(pair.a.name, await compare(x.value, y.value, pair));
    }
  } finally {
    await left.return(undefined);
    await right.return(undefined);
  }
}

/** The contents of some entries, told apart by where they lie, since a name may be there twice. */
async function* filesAt(layer: OpenLayer, entries: readonly ListedEntry[]): AsyncGenerator<AsyncIterable<Buffer>> {
  let next = 0;
  for await (const entry of entriesOf(layer, unpacked(layer.read(), `the layer ${layer.diffID}`))) {
    if (entry.offset !== entries[next]?.offset || cleanName(entry.path) !== entries[next]!.name) continue;
    yield entry.content;
    if (++next === entries.length) return;
  }
}

async function compare(a: AsyncIterable<Buffer>, b: AsyncIterable<Buffer>, pair: Pair): Promise<ContentDifference> {
  const [sizeA, sizeB] = [pair.a.size, pair.b.size];
  const keep = sizeA <= MAX_TEXT && sizeB <= MAX_TEXT;
  const [left, right] = [new Side(a, keep), new Side(b, keep)];
  const first = new FirstDifference();
  for (;;) {
    const length = await Side.common(left, right);
    if (length === 0) break;
    first.see(left.take(length), right.take(length));
  }
  const [x, y] = [left.contents(), right.contents()];
  const wasm = x && y && diffWasm(x, y);
  const text = keep ? await diffText(left.bytes(), right.bytes()) : undefined;
  return {
    sizeA,
    sizeB,
    offset: first.offset ?? Math.min(sizeA, sizeB),
    ...(sizeA === sizeB && { bytes: first.count }),
    ...(first.offset !== undefined && { a: first.a, b: first.b }),
    ...(wasm && { wasm }),
    ...(text && { text }),
  };
}

/** Counts bytes that differ, and keeps the first. */
class FirstDifference {
  offset: number | undefined;
  count = 0;
  a = '';
  b = '';
  #at = 0;

  /** Stretches of one length. */
  see(a: Buffer, b: Buffer): void {
    if (!a.equals(b)) {
      for (let i = 0; i < a.length; i++) {
        if (a[i] === b[i]) continue;
        this.count++;
        if (this.offset !== undefined) continue;
        this.offset = this.#at + i;
        this.a = a.toString('hex', i, i + SHOWN);
        this.b = b.toString('hex', i, i + SHOWN);
      }
    }
    this.#at += a.length;
  }
}

/** The bytes of one file as they come. What is left once the other has ended is read for the sections of a module. */
class Side {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #scanner = new WasmScanner();
  readonly #kept: Buffer[] | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(chunks: AsyncIterable<Buffer>, keep: boolean) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#kept = keep ? [] : undefined;
  }

  /** How many bytes both have ready; 0 when neither has more, with what only one has read to its end. */
  static async common(a: Side, b: Side): Promise<number> {
    await a.#fill();
    await b.#fill();
    while ((a.#rest.length === 0) !== (b.#rest.length === 0)) {
      const longer = a.#rest.length > 0 ? a : b;
      longer.#rest = Buffer.alloc(0);
      await longer.#fill();
    }
    return Math.min(a.#rest.length, b.#rest.length);
  }

  take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  contents(): WasmContents | undefined {
    return this.#scanner.finish();
  }

  bytes(): Buffer {
    return Buffer.concat(this.#kept ?? []);
  }

  async #fill(): Promise<void> {
    while (this.#rest.length === 0 && !this.#ended) {
      const next = await this.#chunks.next();
      if (next.done) this.#ended = true;
      else {
        this.#rest = next.value;
        this.#scanner.push(next.value);
        this.#kept?.push(next.value);
      }
    }
  }
}
