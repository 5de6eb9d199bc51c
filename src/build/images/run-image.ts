/**
 * `wbuild run`: the program of an image, in the WASI of Node, in a process of its own (wasi/runner.ts) with the image's root filesystem. The
 * files are a copy that is made for the run and gone after it, so that neither the image nor the store can change.
 */
import { mkdtempSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { OpenImage } from '../../compare/image.js';
import { describeErrno, fail } from '../../diagnostic/build-error.js';
import { MEDIA_TYPES } from '../../oci/media-types.js';
import { formatPlatform } from '../../oci/platform.js';
import { EMPTY_TREE } from '../../snapshot/file-tree.js';
import { registerTemporary, removeTree } from '../../util/atomic-write.js';
import { readContent } from '../../util/file-content.js';
import { readAll } from '../../util/read-tar.js';
import { quote } from '../../util/text.js';
import { inspectWasm } from '../../util/wasm.js';
import type { RunJob, RunOutcome } from '../../wasi/messages.js';
import { type ProcessOptions, runJob } from '../../wasi/run-process.js';
import type { Preopen } from '../../wasi/sandbox.js';
import { commandOf, type EntryPoint, findEntryPoint } from './entry-point.js';
import { readImageTree, writeRoot } from './image-root.js';

/** A folder of this machine for the program: `--dir`. */
export interface RunFolder {
  readonly host: string;
  readonly guest: string;
  readonly writable: boolean;
}

export interface RunOptions extends ProcessOptions {
  /** For messages: what the user called the image. */
  readonly label: string;
  readonly args: readonly string[];
  /** Added to the environment that the image says. */
  readonly programEnv: Readonly<Record<string, string>>;
  readonly folders: readonly RunFolder[];
  /** Whether the program may write to its copy of the image's files. */
  readonly writable: boolean;
}

/**
 * Runs the program of an image to its end, on the standard streams of this process.
 * @throws BuildError `ImageNotRunnable`, `InvalidImage`; the reason of the signal
 */
export async function runImage(
  image: OpenImage,
  options: RunOptions,
): Promise<Exclude<RunOutcome, { kind: 'refused' }>> {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'wbuild-run-')));
  const forget = registerTemporary(folder);
  try {
    const job = await prepare(image, folder, options);
    options.signal.throwIfAborted();
    const outcome = await runJob(job, options);
    if (outcome.kind === 'refused') return refuse(options.label, outcome.problem, outcome.hint);
    return outcome;
  } finally {
    removeTree(folder);
    forget();
  }
}

/** Which of several images is meant where nothing says so: one for WASI. */
export function pickRunnable(images: readonly OpenImage[]): OpenImage {
  const isWasi = ({ platform: { os, architecture } }: OpenImage) => /^wasi(?:p1)?$/.test(os) || architecture === 'wasm';
  return images.find(isWasi) ?? images[0]!;
}

async function prepare(image: OpenImage, folder: string, options: RunOptions): Promise<RunJob> {
  const { label, writable } = options;
  const config = image.config.json.config ?? {};
  const root = path.join(folder, 'root');
  const preopens: Preopen[] = [
    { guest: '/', folder: root, isRoot: true, writable },
    ...options.folders.map(openFolder),
  ];
  const workingDir = config.WorkingDir || '/';
  // preview 1 knows no working folder; some languages take it from PWD
  const env: Record<string, string> = {
    ...parseEnv(config.Env ?? []),
    ...(workingDir !== '/' && { PWD: workingDir }),
    ...options.programEnv,
  };
  const job = { env, preopens, folder };
  const [layer] = image.layers;
  if (layer?.descriptor?.mediaType === MEDIA_TYPES.wasm) {
    const module = path.join(folder, ARTIFACT);
    const bytes = await readAll(layer.read());
    judge(bytes, 'its module', image, label);
    writeFileSync(module, bytes);
    await writeRoot(EMPTY_TREE, root, writable);
    return { ...job, module, start: '_start', args: [ARTIFACT, ...options.args] };
  }
  const tree = await readImageTree(image, folder, label);
  const args = commandOf(config, options.args);
  if (args.length === 0)
    refuse(
      label,
      'it has no entry point',
      'write ENTRYPOINT ["app.wasm"] in its Dockerfile, or the file behind the image',
    );
  const entry = findEntryPoint(tree, args[0]!, { path: env.PATH, workingDir });
  if (!entry)
    return refuse(
      label,
      `its entry point ${quote(args[0]!)} is no file of it`,
      'wbuild inspect shows the files of an image',
    );
  judge(await head(entry), `its entry point /${entry.path}`, image, label);
  await writeRoot(tree, root, writable);
  return { ...job, module: path.join(root, entry.path), start: entry.start, args };
}

/** The module of a Wasm artifact, which has no name. */
const ARTIFACT = 'module.wasm';

async function head({ file }: EntryPoint): Promise<Uint8Array> {
  for await (const chunk of readContent(file)) return chunk;
  return new Uint8Array();
}

/** Says what else would run a file. */
function judge(bytes: Uint8Array, what: string, image: OpenImage, label: string): void {
  const { kind } = inspectWasm((offset, length) => bytes.subarray(offset, offset + length), Math.min(8, bytes.length));
  if (kind === 'module') return;
  if (kind === 'component') {
    const problem = `${what} is a component (WASI preview 2), and Node runs modules of preview 1`;
    refuse(label, problem, 'run it with wasmtime, or in a container runtime that has it: docs/run.md');
  }
  const { os, architecture } = image.platform;
  const text = Buffer.from(bytes.subarray(0, 4)).toString('latin1');
  if (text === '\x7fELF' || text.startsWith('#!') || (os === 'linux' && architecture !== 'wasm')) {
    const form = text === '\x7fELF' ? 'a program' : text.startsWith('#!') ? 'a script' : 'a file';
    const problem = `${what} is ${form} for ${formatPlatform(image.platform)}, and no WebAssembly module`;
    refuse(label, problem, 'run it in a container: docker run, after wbuild build --load or docker load');
  }
  refuse(label, `${what} is no WebAssembly module`, 'wbuild inspect shows the files of an image');
}

function refuse(label: string, problem: string, hint: string): never {
  return fail({ code: 'ImageNotRunnable', message: `${label} cannot be run here: ${problem}`, hint });
}

function openFolder({ host, guest, writable }: RunFolder): Preopen {
  try {
    const folder = realpathSync(host);
    if (statSync(folder).isDirectory()) return { guest, folder, isRoot: false, writable };
  } catch (error) {
    return fail(
      { code: 'Usage', message: `--dir ${host}: ${describeErrno(error)}`, hint: 'name a folder that is there' },
      error,
    );
  }
  return fail({ code: 'Usage', message: `--dir ${host} is no folder`, hint: 'name the folder that it is in' });
}

function parseEnv(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((text) => {
      const equals = text.indexOf('=');
      return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}
