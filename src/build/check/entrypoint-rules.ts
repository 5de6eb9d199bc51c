/** An entrypoint that will not start. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { describeErrno, errnoOf } from '../../diagnostic/build-error.js';
import type { DiagnosticCode } from '../../diagnostic/codes.js';
import { printable } from '../../diagnostic/display.js';
import type { EntrypointCommand } from '../../frontend/instructions.js';
import type { ConfigDraft } from '../../frontend/to-llb.js';
import type { Platform } from '../../oci/descriptor.js';
import { formatPlatform } from '../../oci/platform.js';
import { type DirectoryNode, type FileNode, type Node, walkTree } from '../../snapshot/file-tree.js';
import { lookup, resolvePath, TreeError } from '../../snapshot/tree-editor.js';
import { baseName, joinPath, pathElements } from '../../util/go-path.js';
import { encodeText } from '../../util/text.js';
import { unreachable } from '../../util/unreachable.js';
import { inspectWasm, type WasmFile } from '../../util/wasm.js';
import { type Finding, listNames, modeText } from './finding.js';

interface EntrypointInput {
  readonly config: ConfigDraft;
  /** The ENTRYPOINT that the config has. */
  readonly entrypoint: EntrypointCommand | undefined;
  /** Normalised. */
  readonly platform: Platform;
}

/** Whether a runtime finds the program of an image, and can start it. @param tree the files of the image */
export function judgeEntrypoint({ entrypoint, config, platform }: EntrypointInput, tree: DirectoryNode): Finding[] {
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
