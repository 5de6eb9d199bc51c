/**
 * The graph as a provenance shows it: BuildKit's LLB in JSON, and where each step stands in the Dockerfile.
 * @see moby/buildkit solver/llbsolver/provenance/buildconfig.go, solver/pb/{json,ops.pb}.go
 */
import { listVertices, terminalOp } from '../llb/marshal.js';
import type { CopyAction, FileAction, LineSpan, MkfileAction, Op, Owner, UserOpt, Vertex } from '../llb/op.js';
import type { Digest } from '../util/digest.js';
import type { Json } from '../util/go-json.js';
import { compareBytes } from '../util/text.js';

/** The steps of a graph in the order in which they are numbered: the inputs of a step before it, in their order. */
export class BuildSteps {
  readonly #result: Vertex | undefined;
  readonly #steps: readonly Vertex[];
  readonly #numbers: ReadonlyMap<Digest, number>;

  constructor(result: Vertex | undefined) {
    this.#result = result;
    // a step that two instructions come to has the places of both
    const listed = new Map(listVertices(result).map((vertex) => [vertex.digest, vertex]));
    this.#steps = inputsFirst(result).map(({ digest }) => listed.get(digest)!);
    this.#numbers = new Map(this.#steps.map(({ digest }, i) => [digest, i]));
  }

  /** `step3`. */
  id(vertex: Digest): string {
    return `step${this.#numbers.get(vertex)}`;
  }

  /** `llbDefinition` and `digestMapping`; neither for an image without files, as in BuildKit. */
  buildConfig(): { readonly llbDefinition?: Json; readonly digestMapping?: Json } {
    if (!this.#result) return {};
    const last = terminalOp(this.#result);
    const end = `step${this.#steps.length}`;
    const steps: Json[] = this.#steps.map((vertex) => ({
      id: this.id(vertex.digest),
      op: { Op: opJson(vertex.op), constraints: {} },
      ...this.#inputs(vertex.inputs),
    }));
    const digests = [
      ...this.#steps.map(({ digest }) => [digest, this.id(digest)] as const),
      [last.digest, end] as const,
    ];
    return {
      llbDefinition: [...steps, { id: end, op: { Op: {} }, ...this.#inputs([this.#result]) }],
      digestMapping: new Map<string, Json>(digests.sort((a, b) => compareBytes(a[0], b[0]))),
    };
  }

  /** By step: the lines of the Dockerfile that it comes from, as BuildKit has them: a location for each instruction, a range for each line. */
  locations(): ReadonlyMap<string, Json> {
    const found = this.#steps.flatMap(({ digest, metadata: { lines } }) => {
      const locations = lines?.map((span) => ({ ranges: rangesOf(span) }));
      return locations ? [[this.id(digest), { locations }] as const] : [];
    });
    return new Map<string, Json>(found.sort((a, b) => compareBytes(a[0], b[0])));
  }

  #inputs(inputs: readonly Vertex[]): { readonly inputs?: Json } {
    return inputs.length === 0 ? {} : { inputs: inputs.map(({ digest }) => `${this.id(digest)}:0`) };
  }
}

function rangesOf({ first, last }: LineSpan): Json {
  return Array.from({ length: last - first + 1 }, (_, i) => ({ start: { line: first + i }, end: { line: first + i } }));
}

/** Not recursive: a Dockerfile may have more COPYs than a stack has frames. */
function inputsFirst(result: Vertex | undefined): Vertex[] {
  const seen = new Set<Digest>();
  const list = new Map<Digest, Vertex>();
  const stack = result ? [{ vertex: result, next: 0 }] : [];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const input = top.vertex.inputs[top.next++];
    if (input === undefined) {
      list.set(top.vertex.digest, top.vertex);
      stack.pop();
    } else if (!seen.has(input.digest)) {
      seen.add(input.digest);
      stack.push({ vertex: input, next: 0 });
    }
  }
  return [...list.values()];
}

function opJson(op: Op): Json {
  switch (op.kind) {
    case 'source': {
      const attrs = new Map<string, Json>(Object.entries(op.attrs).sort((a, b) => compareBytes(a[0], b[0])));
      return { source: { identifier: op.identifier, attrs: attrs.size > 0 ? attrs : undefined } };
    }
    case 'file':
      return { file: { actions: op.actions.map(actionJson) } };
    case 'merge':
      return { merge: { inputs: op.inputs.map((input) => ({ input: unlessZero(input) })) } };
  }
}

function actionJson({ input, secondaryInput, output, action }: FileAction): Json {
  const Action = action.kind === 'copy' ? { copy: copyJson(action) } : { mkfile: mkfileJson(action) };
  return { input, secondaryInput, output, Action };
}

/** Fields in the order of their numbers; what is zero, false or empty is left out, as Go does. */
function copyJson(copy: CopyAction): Json {
  return {
    src: unlessEmpty(copy.src),
    dest: unlessEmpty(copy.dest),
    owner: copy.owner && ownerJson(copy.owner),
    mode: copy.modeStr === '' ? unlessZero(copy.mode) : undefined,
    followSymlink: copy.followSymlink || undefined,
    dirCopyContents: copy.dirCopyContents || undefined,
    createDestPath: copy.createDestPath || undefined,
    allowWildcard: copy.allowWildcard || undefined,
    allowEmptyWildcard: copy.allowEmptyWildcard || undefined,
    timestamp: -1,
    includePatterns: copy.includePatterns.length > 0 ? copy.includePatterns : undefined,
    excludePatterns: copy.excludePatterns.length > 0 ? copy.excludePatterns : undefined,
    modeStr: unlessEmpty(copy.modeStr),
    requiredPaths: copy.requiredPaths.length > 0 ? copy.requiredPaths : undefined,
  };
}

function mkfileJson({ path, mode, data }: MkfileAction): Json {
  const text = Buffer.from(data).toString('base64');
  return { path: unlessEmpty(path), mode: unlessZero(mode), data: unlessEmpty(text), timestamp: -1 };
}

function ownerJson({ user, group }: Owner): Json {
  return { user: user && userJson(user), group: group && userJson(group) };
}

function userJson(user: UserOpt): Json {
  if ('name' in user) return { User: { byName: { name: unlessEmpty(user.name), input: unlessZero(user.input) } } };
  return { User: { byId: unlessZero(user.id) } };
}

function unlessZero(value: number): number | undefined {
  return value === 0 ? undefined : value;
}

function unlessEmpty(value: string): string | undefined {
  return value === '' ? undefined : value;
}
