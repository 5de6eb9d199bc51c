/**
 * The sections of a WebAssembly binary, read as its bytes stream by: sizes, digests, and the content of those that tell something.
 * @see https://webassembly.github.io/spec/core/binary/modules.html
 * @see https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
 */
import { createHash, type Hash } from 'node:crypto';
import { componentExports, componentImports, moduleExports, moduleImports, type WasmItem } from './wasm-items.js';
import { WasmReader } from './wasm-reader.js';

export interface WasmSection {
  /** `code`, `custom "producers"`; of a module within a component `core module 0: code`. */
  readonly name: string;
  /** The name of a custom section. */
  readonly custom?: string;
  /** Bytes of content, without id and length. */
  readonly size: number;
  /** SHA-256 of the content, in hex. */
  readonly digest: string;
  /** Where the content begins in the file. */
  readonly offset: number;
  /** The content, if it is small enough and of a kind that is worth a look. */
  readonly content?: Buffer;
}

export interface WasmContents {
  readonly kind: 'module' | 'component';
  readonly sections: readonly WasmSection[];
  readonly imports: readonly WasmItem[];
  readonly exports: readonly WasmItem[];
  /** Why reading ended early. */
  readonly damaged?: string;
}

const MODULE_SECTIONS = 'custom type import function table memory global export start element code data datacount tag';
const COMPONENT_SECTIONS =
  'custom,core module,core instance,core type,component,instance,alias,type,canon,start,import,export,value';

/** Sections up to this size are kept: imports, exports and custom sections, of which `name` may be large. */
const KEPT = 4 * 1024 * 1024;
/** How deep components are looked into. */
const MAX_DEPTH = 4;

/** Takes the bytes of a file in order; memory is bounded by what {@link WasmSection.content} keeps. */
export class WasmScanner {
  #head = Buffer.alloc(0);
  #kind: 'module' | 'component' | 'other' | undefined;
  #offset = 0;
  #current: Current | undefined;
  #damaged: string | undefined;
  readonly #sections: WasmSection[] = [];
  readonly #prefix: string;
  readonly #depth: number;
  readonly #counts = new Map<string, number>();

  constructor(prefix = '', depth = 0, offset = 0) {
    this.#prefix = prefix;
    this.#depth = depth;
    this.#offset = offset;
  }

  /** Takes the next bytes. */
  push(chunk: Uint8Array): void {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    while (rest.length > 0 && this.#kind !== 'other' && this.#damaged === undefined) {
      if (this.#current) {
        const take = rest.subarray(0, this.#current.left);
        this.#current.push(take);
        this.#offset += take.length;
        rest = rest.subarray(take.length);
        if (this.#current.left === 0) this.#end();
        continue;
      }
      // at most eight bytes of preamble, or an id and five bytes of length
      this.#head = Buffer.concat([this.#head, rest.subarray(0, 1)]);
      rest = rest.subarray(1);
      this.#offset++;
      if (this.#kind === undefined) this.#preamble();
      else this.#begin();
    }
  }

  /** What was found; undefined for a file that is no WebAssembly. */
  finish(): WasmContents | undefined {
    if (this.#kind !== 'module' && this.#kind !== 'component') return undefined;
    const cut = this.#current !== undefined || this.#head.length > 0 ? 'it ends within a section' : undefined;
    const damaged = this.#damaged ?? cut;
    const kind = this.#kind;
    const own = (name: string) => this.#sections.find((s) => s.name === this.#prefix + name)?.content;
    const [imports, exports] = [own('import'), own('export')];
    const read =
      kind === 'module' ? { in: moduleImports, out: moduleExports } : { in: componentImports, out: componentExports };
    return {
      kind,
      sections: this.#sections,
      imports: imports ? read.in(new WasmReader(imports)) : [],
      exports: exports ? read.out(new WasmReader(exports)) : [],
      ...(damaged !== undefined && { damaged }),
    };
  }

  #preamble(): void {
    const magic = Buffer.from([0, 0x61, 0x73, 0x6d]);
    const { length } = this.#head;
    if (!this.#head.subarray(0, 4).equals(magic.subarray(0, Math.min(4, length)))) this.#kind = 'other';
    if (this.#kind === 'other' || length < 8) return;
    const layer = this.#head.readUInt16LE(6);
    this.#kind = layer === 0 ? 'module' : layer === 1 ? 'component' : 'other';
    this.#head = Buffer.alloc(0);
  }

  #begin(): void {
    const reader = new WasmReader(this.#head);
    const id = reader.byte()!;
    const size = reader.u32();
    if (size === undefined) {
      if (this.#head.length >= 6) this.#damaged = `the section at byte ${this.#offset - 6} has no length`;
      return;
    }
    this.#head = Buffer.alloc(0);
    const names = this.#kind === 'module' ? MODULE_SECTIONS.split(' ') : COMPONENT_SECTIONS.split(',');
    const name = names[id] ?? `section ${id}`;
    const nested = this.#kind === 'component' && (id === 1 || id === 4) && this.#depth < MAX_DEPTH;
    const index = this.#counts.get(name) ?? 0;
    this.#counts.set(name, index + 1);
    const kept = size <= KEPT && (id === 0 || name === 'import' || name === 'export');
    const inner = nested
      ? new WasmScanner(`${this.#prefix}${name} ${index}: `, this.#depth + 1, this.#offset)
      : undefined;
    this.#current = new Current({ name, id, size, offset: this.#offset, kept, inner });
    if (size === 0) this.#end();
  }

  #end(): void {
    const { name, id, size, offset, content, hash, inner } = this.#current!;
    this.#current = undefined;
    const nested = inner?.finish();
    if (nested) {
      this.#sections.push(...nested.sections);
      return;
    }
    const custom = id === 0 ? customName(content) : undefined;
    this.#sections.push({
      name: this.#prefix + (custom === undefined ? name : `custom "${custom}"`),
      ...(custom !== undefined && { custom }),
      size,
      digest: hash.digest('hex'),
      offset,
      ...(content && { content }),
    });
  }
}

interface CurrentOptions {
  readonly name: string;
  readonly id: number;
  readonly size: number;
  readonly offset: number;
  readonly kept: boolean;
  readonly inner: WasmScanner | undefined;
}

/** The section that is being read. */
class Current {
  readonly name: string;
  readonly id: number;
  readonly size: number;
  readonly offset: number;
  readonly inner: WasmScanner | undefined;
  readonly hash: Hash = createHash('sha256');
  left: number;
  readonly #kept: Buffer[] | undefined;

  constructor({ name, id, size, offset, kept, inner }: CurrentOptions) {
    this.name = name;
    this.id = id;
    this.size = size;
    this.offset = offset;
    this.inner = inner;
    this.left = size;
    this.#kept = kept ? [] : undefined;
  }

  get content(): Buffer | undefined {
    return this.#kept && Buffer.concat(this.#kept);
  }

  push(bytes: Buffer): void {
    this.left -= bytes.length;
    this.hash.update(bytes);
    this.#kept?.push(Buffer.from(bytes));
    this.inner?.push(bytes);
  }
}

function customName(content: Buffer | undefined): string {
  return (content && new WasmReader(content).name()) ?? '?';
}
