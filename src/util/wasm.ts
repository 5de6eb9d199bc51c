/**
 * What a file is to a WebAssembly runtime, from its first bytes and its section headers.
 * @see https://webassembly.github.io/spec/core/binary/modules.html
 * @see https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
 */
import { WasmReader } from './wasm-reader.js';

/** Bytes of a file by offset; fewer than asked for at its end. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

export type WasmFile =
  /** A core module, and the names of the functions that it exports; undefined when its sections are damaged. */
  | { readonly kind: 'module'; readonly functions: readonly string[] | undefined }
  | { readonly kind: 'component' }
  | { readonly kind: 'other' };

const MAGIC = '\0asm';
const EXPORT_SECTION = 7;
const FUNCTION = 0;
/** No toolchain writes more exports than fit here; a file that claims them is damaged. */
const MAX_SECTION = 64 * 1024 * 1024;

/** Reads what is needed and no more: headers of sections, and the exports. */
export function inspectWasm(read: ReadAt, size: number): WasmFile {
  const head = Buffer.from(read(0, 8));
  if (head.length < 8 || head.toString('latin1', 0, 4) !== MAGIC) return { kind: 'other' };
  const [version, layer] = [head.readUInt16LE(4), head.readUInt16LE(6)];
  if (layer === 1) return { kind: 'component' };
  if (layer !== 0 || version !== 1) return { kind: 'other' };
  return { kind: 'module', functions: exportedFunctions(read, size) };
}

/** What a component asks for and gives, by name, in the order of the file: its world. */
export interface ComponentWorld {
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

const COMPONENT_IMPORTS = 10;
const COMPONENT_EXPORTS = 11;

/** The world of a component; undefined when its sections are damaged. Components within it are sections of their own, and skipped. */
export function componentWorld(read: ReadAt, size: number): ComponentWorld | undefined {
  const imports: string[] = [];
  const exports: string[] = [];
  for (let at = 8; at < size; ) {
    const header = new WasmReader(read(at, 6));
    const id = header.byte();
    const length = header.u32();
    if (id === undefined || length === undefined || at + header.at + length > size) return undefined;
    const start = at + header.at;
    at = start + length;
    if (id !== COMPONENT_IMPORTS && id !== COMPONENT_EXPORTS) continue;
    if (length > MAX_SECTION) return undefined;
    const names = externNames(new WasmReader(read(start, length)), id === COMPONENT_EXPORTS);
    if (!names) return undefined;
    (id === COMPONENT_IMPORTS ? imports : exports).push(...names);
  }
  return { imports, exports };
}

function externNames(reader: WasmReader, isExport: boolean): string[] | undefined {
  const names: string[] = [];
  const count = reader.u32();
  for (let i = 0; count !== undefined && i < count; i++) {
    const form = reader.byte();
    const name = reader.name();
    if (form === undefined || form > 1 || name === undefined) return undefined;
    if (isExport ? !skipExported(reader) : !skipDescription(reader)) return undefined;
    names.push(name);
  }
  return count === undefined ? undefined : names;
}

/** The sort and index of what is exported, and maybe a description. */
function skipExported(reader: WasmReader): boolean {
  const sort = reader.byte();
  if (sort === undefined || (sort === 0 && reader.byte() === undefined) || reader.u32() === undefined) return false;
  const described = reader.byte();
  return described === 0 || (described === 1 && skipDescription(reader));
}

/** externdesc: a core module, function, value, type, component or instance. */
function skipDescription(reader: WasmReader): boolean {
  const kind = reader.byte();
  if (kind === 0) return reader.byte() === 0x11 && reader.u32() !== undefined;
  if (kind === 3) {
    const bound = reader.byte();
    return bound === 1 || (bound === 0 && reader.u32() !== undefined);
  }
  return (kind === 1 || kind === 4 || kind === 5) && reader.u32() !== undefined;
}

function exportedFunctions(read: ReadAt, size: number): readonly string[] | undefined {
  for (let at = 8; at < size; ) {
    const header = new WasmReader(read(at, 6));
    const id = header.byte();
    const length = header.u32();
    if (id === undefined || length === undefined || at + header.at + length > size) return undefined;
    const start = at + header.at;
    if (id === EXPORT_SECTION)
      return length > MAX_SECTION ? undefined : functionNames(new WasmReader(read(start, length)));
    at = start + length;
  }
  return [];
}

function functionNames(reader: WasmReader): readonly string[] | undefined {
  const names: string[] = [];
  const count = reader.u32();
  for (let i = 0; count !== undefined && i < count; i++) {
    const name = reader.name();
    const kind = reader.byte();
    if (name === undefined || kind === undefined || reader.u32() === undefined) return undefined;
    if (kind === FUNCTION) names.push(name);
  }
  return count === undefined ? undefined : names;
}
