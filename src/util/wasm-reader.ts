/** The primitive values of WebAssembly's binary format (core specification, 5.2): bytes, LEB128 numbers, names, lists. */

/** Reads values one after another; undefined past the end. */
export class WasmReader {
  /** Where the next value begins. */
  at = 0;

  constructor(readonly bytes: Uint8Array) {}

  byte(): number | undefined {
    return this.bytes[this.at++];
  }

  /** LEB128. */
  u32(): number | undefined {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  }

  name(): string | undefined {
    const length = this.u32();
    if (length === undefined || this.at + length > this.bytes.length) return undefined;
    this.at += length;
    return Buffer.from(this.bytes.subarray(this.at - length, this.at)).toString('utf8');
  }

  /** As many items as the count in front says; fewer where the bytes are damaged. */
  list<T>(item: () => T | undefined): T[] {
    const items: T[] = [];
    const count = this.u32() ?? 0;
    for (let i = 0; i < count; i++) {
      const next = item();
      if (next === undefined) break;
      items.push(next);
    }
    return items;
  }
}
