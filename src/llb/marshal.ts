/**
 * Vertices → BuildKit's own bytes: `pb.Op`, whose digest names the vertex, and `pb.Definition`, which a daemon solves.
 * @see moby/buildkit solver/pb/ops.proto, client/llb/marshal.go
 */
import type { SourceRange } from '../diagnostic/diagnostic.js';
import { type Digest, sha256 } from '../util/digest.js';
import { compareBytes } from '../util/text.js';
import type { CopyAction, FileAction, MkfileAction, Op, OpMetadata, Owner, UserOpt, Vertex } from './op.js';
import { ProtoWriter } from './protobuf.js';

/**
 * Makes a vertex: marshals the op with the digests of its inputs, and names it by the digest of those bytes.
 * The digest covers the op and, through the digests of its inputs, everything below it; not the metadata (names, places)
 * and no content of files: it names a definition, good within one build. What a result depends on is the solver's cache key.
 */
export function makeVertex(
  op: Op,
  inputs: readonly Vertex[],
  metadata: OpMetadata,
  listing: readonly Vertex[] = inputs,
): Vertex {
  const bytes = marshalOp(op, inputs);
  return { digest: sha256(bytes), bytes, op, inputs, listing, metadata };
}

function marshalOp(op: Op, inputs: readonly Vertex[]): Buffer {
  const out = new ProtoWriter();
  for (const input of inputs) out.message(1, new ProtoWriter().bytes(1, input.digest));
  out.message(11, new ProtoWriter()); // constraints; Go writes the oneof behind the plain fields
  switch (op.kind) {
    case 'source': {
      const source = new ProtoWriter().bytes(1, op.identifier);
      for (const [key, value] of Object.entries(op.attrs).sort((a, b) => compareBytes(a[0], b[0]))) {
        source.message(2, new ProtoWriter().bytes(1, key).bytes(2, value));
      }
      return out.message(3, source).finish();
    }
    case 'file': {
      const file = new ProtoWriter();
      for (const action of op.actions) file.message(2, marshalAction(action));
      return out.message(4, file).finish();
    }
    case 'merge': {
      const merge = new ProtoWriter();
      for (const input of op.inputs) merge.message(1, new ProtoWriter().int(1, input));
      return out.message(6, merge).finish();
    }
  }
}

function marshalAction({ input, secondaryInput, output, action }: FileAction): ProtoWriter {
  const out = new ProtoWriter().int(1, input).int(2, secondaryInput).int(3, output);
  return action.kind === 'copy' ? out.message(4, marshalCopy(action)) : out.message(5, marshalMkfile(action));
}

/** The time of creation is left to the daemon. */
const NO_TIMESTAMP = -1;

function marshalCopy(copy: CopyAction): ProtoWriter {
  const out = new ProtoWriter().bytes(1, copy.src).bytes(2, copy.dest);
  if (copy.owner) out.message(3, marshalOwner(copy.owner));
  return out
    .int(4, copy.modeStr === '' ? copy.mode : 0)
    .bool(5, copy.followSymlink)
    .bool(6, copy.dirCopyContents)
    .bool(8, copy.createDestPath)
    .bool(9, copy.allowWildcard)
    .bool(10, copy.allowEmptyWildcard)
    .int(11, NO_TIMESTAMP)
    .strings(12, copy.includePatterns)
    .strings(13, copy.excludePatterns)
    .bytes(15, copy.modeStr)
    .strings(16, copy.requiredPaths);
}

function marshalMkfile(mkfile: MkfileAction): ProtoWriter {
  return new ProtoWriter().bytes(1, mkfile.path).int(2, mkfile.mode).bytes(3, mkfile.data).int(5, NO_TIMESTAMP);
}

function marshalOwner({ user, group }: Owner): ProtoWriter {
  const out = new ProtoWriter();
  if (user) out.message(1, marshalUser(user));
  if (group) out.message(2, marshalUser(group));
  return out;
}

function marshalUser(user: UserOpt): ProtoWriter {
  if ('name' in user) return new ProtoWriter().message(1, new ProtoWriter().bytes(1, user.name).int(2, user.input));
  return new ProtoWriter().oneofInt(2, user.id);
}

/**
 * A graph of vertices in dependency order, each once, the last being the result; BuildKit's order.
 * Two steps may be one vertex (`COPY a /x` of one stage and `COPY --link a /x` of the next): it has the places of both, and, as in BuildKit,
 * the name of the later.
 * Not recursive: a Dockerfile may have more COPYs than a stack has frames.
 */
export function listVertices(result: Vertex | undefined): Vertex[] {
  const seen = new Set<Vertex>();
  const list = new Map<Digest, Vertex>();
  const stack = result ? [{ vertex: result, next: 0 }] : [];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const input = top.vertex.listing[top.next++];
    if (input === undefined) {
      const { vertex } = top;
      const twin = list.get(vertex.digest);
      list.set(vertex.digest, twin ? { ...vertex, metadata: bothMetadata(twin.metadata, vertex.metadata) } : vertex);
      stack.pop();
    } else if (!seen.has(input)) {
      seen.add(input);
      stack.push({ vertex: input, next: 0 });
    }
  }
  return [...list.values()];
}

function bothMetadata(first: OpMetadata, second: OpMetadata): OpMetadata {
  const { actionRanges, actionTexts } = first; // of the earlier step, which is the one to speak of when the op fails
  return {
    ...first,
    ...second,
    ranges: [...first.ranges, ...second.ranges],
    ...(actionRanges && { actionRanges }),
    ...(actionTexts && { actionTexts }),
    ...((first.lines || second.lines) && { lines: [...(first.lines ?? []), ...(second.lines ?? [])] }),
    caps: [...new Set([...first.caps, ...second.caps])],
  };
}

/** The Dockerfile that a definition comes from, so that a daemon's errors can show its lines. */
export interface DefinitionSource {
  readonly file: string;
  readonly text: Uint8Array;
}

export interface MarshalOptions {
  /** Tells the daemon to solve every vertex anew. */
  readonly noCache?: boolean;
  /**
   * Names all that a daemon must know to solve it rightly; one that does not know a field would leave it out of account. BuildKit's own
   * frontend, which comes with its daemon, does not name these.
   */
  readonly allCaps?: boolean;
}

/**
 * A graph as `pb.Definition`: what `buildctl build` reads on standard input. The last op only names the result.
 * The bytes are deterministic: maps are sorted by key.
 */
export function marshalDefinition(
  result: Vertex | undefined,
  source: DefinitionSource,
  { noCache = false, allCaps = false }: MarshalOptions = {},
): Buffer {
  const vertices = listVertices(result);
  const out = new ProtoWriter();
  // a daemon that gets no definition at all waits for a frontend; one with a source map and no graph is an image without files
  if (!result) return allCaps ? out.message(3, new ProtoWriter()).finish() : out.finish();
  const last = terminalOp(result);
  const caps = ['constraints', 'meta.description', 'platform'];
  const metadata = new Map<Digest, OpMetadata>(
    vertices.map(({ digest, op, metadata: own }) => [
      digest,
      allCaps ? { ...own, caps: [...own.caps, ...capsOf(op)] } : own,
    ]),
  );
  metadata.set(last.digest, { name: '', ranges: [], caps });
  for (const { bytes } of [...vertices, last]) out.message(1, bytes);
  for (const [digest, value] of [...metadata].sort((a, b) => compareBytes(a[0], b[0]))) {
    out.message(2, new ProtoWriter().bytes(1, digest).message(2, marshalMetadata(value, noCache)));
  }
  return out.message(3, marshalSource(vertices, source)).finish();
}

/** The BuildKit that brought a capability. @see moby/buildkit solver/pb/caps.go, and its tags */
export const CAPS_SINCE: Readonly<Record<string, string>> = {
  'file.copy.includeexcludepatterns': '0.9',
  'source.local.metadatatransfer': '0.21',
  'file.copy.requiredpaths': '0.26',
};

/** What a daemon must know to solve an op, besides what its metadata says. @see moby/buildkit solver/pb/caps.go */
export function capsOf(op: Op): string[] {
  const copies = op.kind === 'file' ? op.actions.flatMap(({ action }) => (action.kind === 'copy' ? [action] : [])) : [];
  const caps = new Set<string>();
  for (const { includePatterns, excludePatterns, requiredPaths, modeStr, mode } of copies) {
    if (includePatterns.length + excludePatterns.length > 0) caps.add('file.copy.includeexcludepatterns');
    if (requiredPaths.length > 0) caps.add('file.copy.requiredpaths');
    if (modeStr === '' && mode === -1) continue;
    // modes in symbols have a capability that no daemon knows (it is declared and never offered), and that octal ones go for the folders that
    // COPY makes as well has none: BuildKit has both since the version of this one
    caps.add('source.local.metadatatransfer');
    // in those folders a dockerd leaves these bits out, by its umask, which is 0 in buildkitd: the older ones are refused
    if (modeStr === '' && (mode & 0o022) !== 0) caps.add('file.copy.requiredpaths');
  }
  return [...caps];
}

/** The vertex without an op at the end of every definition. */
export function terminalOp(result: Vertex): { readonly digest: Digest; readonly bytes: Buffer } {
  const bytes = new ProtoWriter().message(1, new ProtoWriter().bytes(1, result.digest)).finish();
  return { digest: sha256(bytes), bytes };
}

function marshalMetadata(metadata: OpMetadata, noCache: boolean): ProtoWriter {
  const out = new ProtoWriter().bool(1, noCache);
  if (metadata.name !== '') out.message(2, new ProtoWriter().bytes(1, 'llb.customname').bytes(2, metadata.name));
  for (const cap of [...metadata.caps].sort(compareBytes))
    out.message(5, new ProtoWriter().bytes(1, cap).bool(2, true));
  return out;
}

function marshalSource(vertices: readonly Vertex[], source: DefinitionSource): ProtoWriter {
  const out = new ProtoWriter();
  const located = vertices.filter((v) => v.metadata.ranges.length > 0);
  for (const vertex of located.sort((a, b) => compareBytes(a.digest, b.digest))) {
    const locations = new ProtoWriter();
    for (const range of vertex.metadata.ranges) {
      locations.message(1, new ProtoWriter().message(2, marshalRange(range)));
    }
    out.message(1, new ProtoWriter().bytes(1, vertex.digest).message(2, locations));
  }
  return out.message(2, new ProtoWriter().bytes(1, source.file).bytes(2, source.text).bytes(4, 'Dockerfile'));
}

/** BuildKit's ranges know lines only. */
function marshalRange({ start, end }: SourceRange): ProtoWriter {
  const position = (line: number) => new ProtoWriter().int(1, line);
  return new ProtoWriter().message(1, position(start.line)).message(2, position(end.line));
}
