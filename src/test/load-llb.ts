/** A definition read back: protobuf decoded by hand, from its documentation and solver/pb/ops.proto, without anything that wrote it. */
import { createHash } from 'node:crypto';

/** A message: for each field number its values in order; numbers as signed 64 bits. */
type Message = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

function decode(bytes: Uint8Array): Message {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('the message ends within a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    let value: bigint | Uint8Array;
    if ((tag & 7) === 0) value = BigInt.asIntN(64, varint());
    else if ((tag & 7) === 2) {
      const length = Number(varint());
      value = bytes.subarray(at, at + length);
      at += length;
      if (at > bytes.length) throw new Error('the message ends within a field');
    } else throw new Error(`wire type ${tag & 7}`);
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}

const number = (m: Message, field: number) => Number((m.get(field)?.at(-1) as bigint | undefined) ?? 0n);
const data = (m: Message, field: number) => Buffer.from((m.get(field)?.at(-1) as Uint8Array | undefined) ?? []);
const text = (m: Message, field: number) => data(m, field).toString();
const messages = (m: Message, field: number) => ((m.get(field) ?? []) as Uint8Array[]).map(decode);
const message = (m: Message, field: number) => messages(m, field).at(-1);
const texts = (m: Message, field: number) =>
  ((m.get(field) ?? []) as Uint8Array[]).map((b) => Buffer.from(b).toString());

export interface LoadedVertex {
  readonly digest: string;
  readonly inputs: readonly string[];
  /** In the shape of llb/op.ts. */
  readonly op: unknown;
  readonly name: string;
  readonly caps: readonly string[];
  /** Lines of the Dockerfile: first, last. */
  readonly lines: readonly (readonly [number, number])[];
}

export interface LoadedDefinition {
  /** Without the one that only names the result. */
  readonly vertices: readonly LoadedVertex[];
  readonly result: string;
  readonly source: { readonly file: string; readonly text: string; readonly language: string };
}

/** Reads `pb.Definition`. */
export function loadDefinition(bytes: Uint8Array): LoadedDefinition {
  const definition = decode(bytes);
  const keyed = (m: Message, field: number) =>
    new Map(messages(m, field).map((entry) => [text(entry, 1), decode(data(entry, 2))]));
  const metadata = keyed(definition, 2);
  const source = message(definition, 3)!;
  const locations = keyed(source, 1);
  const ops = (definition.get(1) as Uint8Array[]).map((op) => {
    const digest = `sha256:${createHash('sha256').update(op).digest('hex')}`;
    const decoded = decode(op);
    const known = metadata.get(digest)!;
    const ranges = messages(locations.get(digest) ?? new Map(), 1).flatMap((location) => messages(location, 2));
    return {
      digest,
      inputs: messages(decoded, 1).map((input) => text(input, 1)),
      op: loadOp(decoded),
      name: [...messages(known, 2)].find((entry) => text(entry, 1) === 'llb.customname')?.get(2),
      caps: messages(known, 5).map((entry) => text(entry, 1)),
      lines: ranges.map((range) => [number(message(range, 1)!, 1), number(message(range, 2)!, 1)] as const),
    };
  });
  const vertices = ops.map((op) => ({ ...op, name: op.name ? Buffer.from(op.name[0] as Uint8Array).toString() : '' }));
  const info = message(source, 2)!;
  return {
    vertices: vertices.slice(0, -1),
    result: vertices.at(-1)!.inputs[0]!,
    source: { file: text(info, 1), text: text(info, 2), language: text(info, 4) },
  };
}

function loadOp(op: Message): unknown {
  const source = message(op, 3);
  const file = message(op, 4);
  const merge = message(op, 6);
  if (source) {
    const attrs = Object.fromEntries(messages(source, 2).map((entry) => [text(entry, 1), text(entry, 2)]));
    return { kind: 'source', identifier: text(source, 1), attrs };
  }
  if (merge) return { kind: 'merge', inputs: messages(merge, 1).map((input) => number(input, 1)) };
  return file && { kind: 'file', actions: messages(file, 2).map(loadAction) };
}

function loadAction(action: Message): unknown {
  const copy = message(action, 4);
  const mkfile = message(action, 5);
  const place = { input: number(action, 1), secondaryInput: number(action, 2), output: number(action, 3) };
  if (mkfile) {
    return {
      ...place,
      action: { kind: 'mkfile', path: text(mkfile, 1), mode: number(mkfile, 2), data: data(mkfile, 3) },
    };
  }
  const owner = message(copy!, 3);
  return {
    ...place,
    action: {
      kind: 'copy',
      src: text(copy!, 1),
      dest: text(copy!, 2),
      ...(owner && { owner: loadOwner(owner) }),
      mode: number(copy!, 4),
      followSymlink: number(copy!, 5) === 1,
      dirCopyContents: number(copy!, 6) === 1,
      createDestPath: number(copy!, 8) === 1,
      allowWildcard: number(copy!, 9) === 1,
      allowEmptyWildcard: number(copy!, 10) === 1,
      includePatterns: texts(copy!, 12),
      excludePatterns: texts(copy!, 13),
      modeStr: text(copy!, 15),
      requiredPaths: texts(copy!, 16),
    },
  };
}

function loadOwner(owner: Message): unknown {
  const who = (user: Message) => {
    const name = message(user, 1);
    return name ? { name: text(name, 1), input: number(name, 2) } : { id: number(user, 2) };
  };
  const user = message(owner, 1);
  const group = message(owner, 2);
  return { ...(user && { user: who(user) }), ...(group && { group: who(group) }) };
}
