/**
 * What breaks in real life and only the files of an image can tell: modes and times that this machine alone gives them, and an entrypoint
 * that will not start. Rules of our own, for `wbuild check`; none changes a byte or fails a build.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { describeErrno, errnoOf } from '../../diagnostic/build-error.js';
import type { DiagnosticCode } from '../../diagnostic/codes.js';
import type { Diagnostic, SourceRange } from '../../diagnostic/diagnostic.js';
import { printable } from '../../diagnostic/display.js';
import type { EntrypointCommand } from '../../frontend/instructions.js';
import type { ConfigDraft } from '../../frontend/to-llb.js';
import { listVertices } from '../../llb/marshal.js';
import type { Vertex } from '../../llb/op.js';
import type { Platform } from '../../oci/descriptor.js';
import { formatPlatform } from '../../oci/platform.js';
import { type Change, diffTrees } from '../../snapshot/diff.js';
import { type DirectoryNode, EMPTY_TREE, type FileNode, type Node, walkTree } from '../../snapshot/file-tree.js';
import { lookup, resolvePath, TreeError } from '../../snapshot/tree-editor.js';
import { contextName } from '../../solver/ops/source-op.js';
import { type LayerStep, layerSteps, NO_STEPS, type Snapshot } from '../../solver/snapshot.js';
import type { Digest } from '../../util/digest.js';
import { baseName, joinPath, pathElements } from '../../util/go-path.js';
import { encodeText } from '../../util/text.js';
import { unreachable } from '../../util/unreachable.js';
import { inspectWasm, type WasmFile } from '../../util/wasm.js';

export interface ImageRulesInput {
  readonly result: Vertex | undefined;
  readonly config: ConfigDraft;
  /** The ENTRYPOINT that the config has. */
  readonly entrypoint: EntrypointCommand | undefined;
  /** What each vertex came to. */
  readonly snapshots: ReadonlyMap<Digest, Snapshot>;
  /** The names of the contexts that are folders: what an archive says of modes and times, it says everywhere. */
  readonly folders: ReadonlySet<string>;
  /** Normalised. */
  readonly platform: Platform;
  readonly epochSeconds: number;
}

type Finding = Omit<Diagnostic, 'severity'>;

/** The warnings of an image, whatever `# check=` says. */
export function checkImage(input: ImageRulesInput): Diagnostic[] {
  const { result, snapshots } = input;
  const image = (result && snapshots.get(result.digest)) ?? { tree: EMPTY_TREE, steps: NO_STEPS };
  const steps = layerSteps(image);
  const copies = result ? folderCopies(result, input) : [];
  const findings = [...umaskModes(copies, steps), ...oldTimes(copies, steps, input.epochSeconds)];
  return [...findings, ...judgeEntrypoint(input, image.tree)].map((f) => ({ severity: 'warning', ...f }));
}

/** A COPY from a folder on this machine, and what it changed. */
interface FolderCopy {
  readonly vertex: Vertex;
  readonly range: SourceRange | undefined;
  /** --chmod sets every bit, so that no umask shows through. */
  readonly setsModes: boolean;
  readonly changes: readonly Change[];
}

function folderCopies(result: Vertex, { snapshots, folders }: ImageRulesInput): FolderCopy[] {
  return listVertices(result).flatMap((vertex) => {
    const { op, inputs, metadata } = vertex;
    if (op.kind !== 'file') return [];
    const copies = op.actions.flatMap(({ action, secondaryInput }) => {
      const origin = inputs[secondaryInput];
      const isFolder = origin?.op.kind === 'source' && folders.has(contextName(origin.op));
      return isFolder && action.kind === 'copy' ? [action] : [];
    });
    const upper = snapshots.get(vertex.digest);
    if (copies.length === 0 || !upper) return [];
    const base = inputs[op.actions[0]!.input];
    const lower = base ? snapshots.get(base.digest)!.tree : EMPTY_TREE;
    const setsModes = copies.every((c) => c.mode !== -1 || c.modeStr.includes('='));
    const range = metadata.actionRanges?.length === 1 ? metadata.actionRanges[0] : metadata.ranges[0];
    return [{ vertex, range, setsModes, changes: diffTrees(lower, upper.tree, () => true) }];
  });
}

/**
 * Modes that umask 022 does not give. git keeps none but the executable bit, so a checkout under another umask has others, and the image
 * another digest. What nobody may write to was made so on purpose, and does not come from a umask.
 */
function umaskModes(copies: readonly FolderCopy[], steps: readonly LayerStep[]): Finding[] {
  const layers = new Set(steps.map((l) => l.vertex));
  let shipped: ReadonlySet<string> | undefined;
  return copies.flatMap(({ vertex, range, setsModes, changes }) => {
    if (setsModes) return [];
    let odd = changes.filter(({ node }) => isUmaskMode(node));
    if (odd.length > 0 && !layers.has(vertex.digest)) {
      shipped ??= shippedFiles(steps); // a stage that the image copies from in turn
      odd = odd.filter(({ node }) => node.type === 'file' && shipped!.has(fileKey(node)));
    }
    if (odd.length === 0) return [];
    const list = listNames(odd.map(({ path, node }) => `${nameOf(path, node)} (${modeText(node)})`));
    const which = odd.length === 1 ? 'this mode comes' : `${odd.length} modes come`;
    const message = `${which} from the umask of this machine, and the digest of the image with it: ${list}`;
    return [{ code: 'UmaskDependentMode', message, ...place(range), hint: chmodHint(odd) }];
  });
}

function isUmaskMode(node: Node): boolean {
  const bits = node.mode & 0o777;
  if ((bits & 0o200) === 0) return false;
  if (node.type === 'directory') return bits !== 0o755;
  return node.type === 'file' && isOnDisk(node) && bits !== 0o644 && bits !== 0o755;
}

function isOnDisk({ content }: FileNode): boolean {
  return content.kind === 'file' && content.stamp !== undefined;
}

function shippedFiles(steps: readonly LayerStep[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { lower, upper } of steps) {
    for (const { node } of diffTrees(lower, upper, () => true)) if (node.type === 'file') keys.add(fileKey(node));
  }
  return keys;
}

function fileKey({ content, mode }: FileNode): string {
  return content.kind === 'file' ? `${mode} ${content.path}` : '';
}

function chmodHint(odd: readonly Change[]): string {
  const [only] = odd;
  if (odd.length > 1 || only!.node.type === 'directory')
    return 'write COPY --chmod=u=rwX,go=rX, which Docker has since Dockerfile 1.14';
  return `write COPY --chmod=${(only!.node.mode & 0o111) === 0 ? '644' : '755'}`;
}

/** Times later than the epoch become the epoch; those before stay, and are those of this checkout. */
function oldTimes(copies: readonly FolderCopy[], steps: readonly LayerStep[], epochSeconds: number): Finding[] {
  const layers = new Set(steps.map((l) => l.vertex));
  return copies.flatMap(({ vertex, range, changes }) => {
    if (!layers.has(vertex.digest)) return [];
    const old = changes.filter(({ node }) => node.mtime < epochSeconds && (node.type !== 'file' || isOnDisk(node)));
    if (old.length === 0) return [];
    const list = listNames(old.map(({ path, node }) => `${nameOf(path, node)} (${dateText(node.mtime)})`));
    const which = old.length === 1 ? 'this file is' : `${old.length} files are`;
    const message = `${which} older than the epoch, ${dateText(epochSeconds)}, so the layer has the time of this checkout: ${list}`;
    const touch = `give it the time of the epoch (touch -d @${epochSeconds})`;
    const hint = epochSeconds > 0 ? `${touch}, or leave SOURCE_DATE_EPOCH at 0` : touch;
    return [{ code: 'MtimeBeforeEpoch', message, ...place(range), hint }];
  });
}

function dateText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString().replace('.000Z', 'Z');
}

function judgeEntrypoint(input: ImageRulesInput, tree: DirectoryNode): Finding[] {
  const { entrypoint, config, platform } = input;
  const [program] = config.entrypoint ?? [];
  if (!entrypoint || entrypoint.shell || program === undefined) return [];
  const range = entrypoint.instruction.args[0]?.range ?? entrypoint.range;
  const isWasm = platform.architecture.startsWith('wasm') || /^wasi/.test(platform.os);
  if (isWasm && program === '/') return []; // Spin and its like find their own way from here
  const found = findProgram(program, tree, { config, isWasm });
  const finding = (code: DiagnosticCode, message: string, hint: string): Finding[] => [{ code, message, range, hint }];
  const shown = program === '' ? '""' : printable(program);
  if (found?.node.type !== 'file') {
    const why = found
      ? `is a ${found.node.type}`
      : program.includes('/') || isWasm
        ? 'is not in the image'
        : 'is in no folder of PATH';
    return finding('EntrypointNotFound', `${shown} ${why}`, missingHint(program, tree));
  }
  if (!isWasm) {
    if ((found.node.mode & 0o111) !== 0) return [];
    const message = `${shown} may be run by nobody: its mode is ${modeText(found.node)}`;
    return finding('EntrypointNotExecutable', message, 'COPY it with --chmod=755');
  }
  const wasm = inspectNode(found.node);
  if (typeof wasm === 'string')
    return finding('FileNotReadable', `${shown} cannot be read: ${wasm}`, 'make it readable');
  return judgeWasm(wasm, { shown, start: found.start, platform, finding });
}

interface Program {
  readonly node: Node;
  /** The function that is called first. */
  readonly start: string;
}

/**
 * The file that a runtime would start. On Linux a name without a slash is looked up in PATH; WebAssembly runtimes look in the working directory
 * first, and take `module.wasm#function`.
 */
function findProgram(
  program: string,
  tree: DirectoryNode,
  { config, isWasm }: { readonly config: ConfigDraft; readonly isWasm: boolean },
): Program | undefined {
  const folders =
    config.env
      .find((e) => e.startsWith('PATH='))
      ?.slice('PATH='.length)
      .split(':') ?? [];
  const at = isWasm ? program.lastIndexOf('#') : -1;
  const names = at > 0 ? [program, program.slice(0, at)] : [program];
  for (const [i, name] of names.entries()) {
    const direct = name.startsWith('/') ? name : joinPath(config.workingDir, name);
    const paths = name.includes('/')
      ? [direct]
      : [...(isWasm ? [direct] : []), ...folders.map((f) => joinPath(f, name))];
    for (const path of paths) {
      const node = follow(tree, path);
      if (node) return { node, start: i === 1 ? program.slice(at + 1) : '_start' };
    }
  }
  return undefined;
}

function follow(tree: DirectoryNode, path: string): Node | undefined {
  try {
    return lookup(tree, pathElements(resolvePath(tree, path)));
  } catch (error) {
    if (error instanceof TreeError) return undefined;
    throw error;
  }
}

/** How many entries are searched for a file of the same name. */
const SEARCH_LIMIT = 100_000;

function missingHint(program: string, tree: DirectoryNode): string {
  const [first, ...more] = program.split(' ');
  if (more.length > 0 && first !== '' && follow(tree, first!)?.type === 'file') {
    const words = [first, ...more].filter((word) => word !== '').map((word) => JSON.stringify(word));
    return `arguments are strings of their own: ENTRYPOINT [${printable(words.join(', '))}]`;
  }
  const wanted = baseName(program).toLowerCase();
  let searched = 0;
  let module: string | undefined;
  for (const [path, node] of walkTree(tree)) {
    const name = node.type === 'directory' ? undefined : baseName(path).toLowerCase();
    if (name === wanted) return `did you mean /${printable(path)}?`;
    if (name === `${wanted}.wasm`) module ??= path;
    if (++searched > SEARCH_LIMIT) break;
  }
  if (module !== undefined) return `did you mean /${printable(module)}?`;
  return 'COPY the program into the image, and name it by its whole path: ENTRYPOINT ["/program"]';
}

/** WASI's first preview knows core modules, its second components. */
const WASM_KIND: Readonly<Record<string, 'module' | 'component'>> = {
  wasi: 'module',
  wasip1: 'module',
  wasip2: 'component',
};

interface WasmPlace {
  readonly shown: string;
  readonly start: string;
  readonly platform: Platform;
  readonly finding: (code: DiagnosticCode, message: string, hint: string) => Finding[];
}

function judgeWasm(wasm: WasmFile, { shown, start, platform, finding }: WasmPlace): Finding[] {
  const wanted = WASM_KIND[platform.os];
  const where = formatPlatform(platform);
  switch (wasm.kind) {
    case 'other': {
      const hint = 'compile for WebAssembly (wasm32-wasip1); text format goes through wat2wasm first';
      return finding('EntrypointNotWasm', `${shown} is no WebAssembly module, and ${where} runs nothing else`, hint);
    }
    case 'component': {
      if (wanted !== 'module') return [];
      const hint = 'build for --platform wasip2/wasm, or compile a core module (wasm32-wasip1)';
      return finding('WasmKindMismatch', `${shown} is a component, and ${where} says core module`, hint);
    }
    case 'module': {
      if (wanted === 'component') {
        const hint = 'make a component of it (wasm-tools component new), or build for --platform wasi/wasm';
        return finding('WasmKindMismatch', `${shown} is a core module, and ${where} says component`, hint);
      }
      if (wanted === undefined || wasm.functions?.includes(start)) return [];
      if (!wasm.functions)
        return finding('EntrypointNotWasm', `${shown} is damaged: its sections do not fit`, 'compile it again');
      const has = wasm.functions.length > 0 ? `; it exports ${listNames(wasm.functions.map(printable))}` : '';
      const hint =
        'compile a command, not a library or reactor; a function is named as ENTRYPOINT ["/module.wasm#function"]';
      return finding('WasmStartMissing', `${shown} has no function ${printable(start)} to start with${has}`, hint);
    }
    default:
      return unreachable(wasm);
  }
}

/** What kind of file it is, or why it cannot be read. A link or a pipe that has taken its place is not followed or waited for. */
function inspectNode({ content, size }: FileNode): WasmFile | string {
  if (content.kind === 'bytes') return inspectWasm((at, length) => content.bytes.subarray(at, at + length), size);
  let fd: number | undefined;
  try {
    fd = openSync(encodeText(content.path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const file = fd;
    return inspectWasm((at, length) => {
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - at)));
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, content.offset + at));
    }, size);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return describeErrno(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** A file by its name in the context, which its user knows; anything else by its name in the image. */
function nameOf(path: string, node: Node): string {
  return printable(node.type === 'file' && node.content.kind === 'file' ? node.content.label : `/${path}`);
}

function modeText({ mode }: Node): string {
  return (mode & 0o7777).toString(8).padStart(3, '0');
}

const MAX_NAMES = 3;

function listNames(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return names.slice(0, MAX_NAMES).join(', ') + more;
}

function place(range: SourceRange | undefined): { readonly range?: SourceRange } {
  return range ? { range } : {};
}
