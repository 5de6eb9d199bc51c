/**
 * The `producers` section: who made a WebAssembly file.
 * @see https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md
 */
import { WasmReader } from './wasm-reader.js';

/** One entry of a `producers` section: `processed-by`, `rustc`, `1.80.0`. */
export interface WasmProducer {
  /** `language`, `processed-by` or `sdk`; others are not forbidden. */
  readonly field: string;
  readonly name: string;
  /** May be empty. */
  readonly version: string;
}

/** What the section says, with its name in front; as much as can be read of a damaged one. */
export function readProducers(content: Buffer): WasmProducer[] {
  const reader = new WasmReader(content);
  reader.name();
  const found: WasmProducer[] = [];
  const fields = reader.u32() ?? 0;
  for (let i = 0; i < fields; i++) {
    const field = reader.name();
    const values = reader.u32();
    if (field === undefined || values === undefined) return found;
    for (let k = 0; k < values; k++) {
      const [name, version] = [reader.name(), reader.name()];
      if (name === undefined || version === undefined) return found;
      found.push({ field, name, version });
    }
  }
  return found;
}

/** The same for people: `processed-by rustc 1.80.0`, one line each. */
export function producers(content: Buffer): string[] {
  return readProducers(content).map(
    ({ field, name, version }) => `${field} ${name}${version === '' ? '' : ` ${version}`}`,
  );
}
