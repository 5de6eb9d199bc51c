/**
 * What the import and export sections of a WebAssembly module or component say; of damaged ones as much as can be read.
 * @see https://webassembly.github.io/spec/core/binary/modules.html
 * @see https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
 */
import type { WasmReader } from './wasm-reader.js';

/** One import or export: `wasi_snapshot_preview1.fd_write`, `func`. */
export interface WasmItem {
  readonly name: string;
  readonly kind: string;
}

const KINDS = ['func', 'table', 'memory', 'global', 'tag'];
const COMPONENT_KINDS = ['core module', 'func', 'value', 'type', 'component', 'instance'];

/** What an import section says. */
export function moduleImports(reader: WasmReader): WasmItem[] {
  return reader.list(() => {
    const [module, name, kind] = [reader.name(), reader.name(), reader.byte()];
    if (module === undefined || name === undefined || kind === undefined || !skipImportType(reader, kind)) return;
    return { name: `${module}.${name}`, kind: KINDS[kind] ?? `kind ${kind}` };
  });
}

function skipImportType(reader: WasmReader, kind: number): boolean {
  const limits = () => {
    const flags = reader.byte() ?? 0;
    reader.u32();
    return (flags & 1) === 0 || reader.u32() !== undefined;
  };
  if (kind === 0) return reader.u32() !== undefined;
  if (kind === 1) return reader.byte() !== undefined && limits();
  if (kind === 2) return limits();
  if (kind === 3) return reader.byte() !== undefined && reader.byte() !== undefined;
  return kind === 4 && reader.byte() !== undefined && reader.u32() !== undefined;
}

/** What an export section says. */
export function moduleExports(reader: WasmReader): WasmItem[] {
  return reader.list(() => {
    const [name, kind] = [reader.name(), reader.byte()];
    if (name === undefined || kind === undefined || reader.u32() === undefined) return;
    return { name, kind: KINDS[kind] ?? `kind ${kind}` };
  });
}

/** The imports of a component: names with the kind of what is imported. */
export function componentImports(reader: WasmReader): WasmItem[] {
  return reader.list(() => {
    const name = externName(reader);
    const kind = name === undefined ? undefined : externKind(reader);
    return name === undefined || kind === undefined ? undefined : { name, kind };
  });
}

/** The exports of a component, with the kind of each. */
export function componentExports(reader: WasmReader): WasmItem[] {
  return reader.list(() => {
    const name = externName(reader);
    const sort = reader.byte();
    if (name === undefined || sort === undefined) return undefined;
    if (sort === 0) reader.byte();
    if (reader.u32() === undefined) return undefined;
    if (reader.byte() === 1 && externKind(reader) === undefined) return undefined;
    return { name, kind: COMPONENT_KINDS[sort] ?? `sort ${sort}` };
  });
}

function externName(reader: WasmReader): string | undefined {
  const form = reader.byte();
  if (form === undefined || form > 2) return undefined;
  const name = reader.name();
  if (form === 2) reader.name(); // a suffix of the version
  return name;
}

function externKind(reader: WasmReader): string | undefined {
  const sort = reader.byte();
  if (sort === undefined || sort > 5) return undefined;
  if (sort === 0 && reader.byte() !== 0x11) return undefined;
  if (sort === 2 || sort === 3) {
    const bound = reader.byte();
    if (sort === 3 && bound === 1) return COMPONENT_KINDS[sort];
  }
  return reader.u32() === undefined ? undefined : COMPONENT_KINDS[sort];
}
