/**
 * Just enough of protobuf's wire format to write LLB: fields in the order given, zero values left out, as Go's
 * deterministic marshalling has them.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
import { encodeText } from '../util/text.js';

/** A message under construction. */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];

  /** int32, int64 and bool: a varint; a negative number takes ten bytes. Zero is left out. */
  int(field: number, value: number): this {
    return value === 0 ? this : this.oneofInt(field, value);
  }

  /** A number that is the chosen member of a oneof, and so is written even when it is zero. */
  oneofInt(field: number, value: number): this {
    this.#parts.push(varint(field << 3), value < 0 ? varint64(BigInt.asUintN(64, BigInt(value))) : varint(value));
    return this;
  }

  bool(field: number, value: boolean): this {
    return this.int(field, value ? 1 : 0);
  }

  /** string or bytes; an empty one is left out. */
  bytes(field: number, value: Uint8Array | string): this {
    const data = typeof value === 'string' ? encodeText(value) : value;
    return data.length === 0 ? this : this.message(field, data);
  }

  /** A repeated string: each element stands, even an empty one. */
  strings(field: number, values: readonly string[]): this {
    for (const value of values) this.message(field, encodeText(value));
    return this;
  }

  /** An embedded message, written even when it is empty. */
  message(field: number, value: Uint8Array | ProtoWriter): this {
    const data = value instanceof ProtoWriter ? value.finish() : value;
    this.#parts.push(varint((field << 3) | 2), varint(data.length), data);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** The numbers of one byte, which most are. */
const ONE_BYTE = Array.from({ length: 0x80 }, (_, n) => Uint8Array.of(n));

/** A number from 0 that is safe. */
function varint(value: number): Uint8Array {
  if (value < 0x80) return ONE_BYTE[value]!;
  const out: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
  out.push(rest);
  return Uint8Array.from(out);
}

function varint64(value: bigint): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}
