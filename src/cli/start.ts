/** What the launcher (bin/wbuild.js) calls: the smallest part of the program that can answer. */
import type { ProcessLike } from './main.js';
import { quick } from './quick.js';

/** The rest of the program. */
export interface Program {
  main(argv: readonly string[], io: ProcessLike): Promise<number>;
}

/** Where the rest of the program lies: one CommonJS file, and how its requires are resolved. */
export interface Bundle {
  readonly file: string;
  readonly require: NodeJS.Require;
  /** Node keeps compiled code by itself (`module.enableCompileCache`, from 22.1). */
  readonly cachedByNode: boolean;
}

/** Runs a command line (without `node wbuild`). @returns the exit code, for the caller to set */
export async function start(argv: readonly string[], io: ProcessLike, bundle: Bundle): Promise<number> {
  const code = await quick(argv, io);
  if (code !== undefined) return code;
  if (bundle.cachedByNode) return (bundle.require(bundle.file) as Program).main(argv, io);
  const { codeCacheFolder, loadWithCodeCache } = await import('./code-cache.js');
  const engine = `${io.version} ${io.arch}`;
  const { program, keep } = loadWithCodeCache<Program>(bundle, codeCacheFolder(io.env), engine);
  const result = await program.main(argv, io);
  if (result === 0) keep(); // after a run, so that the functions that it called are in it
  return result;
}
