/** The cases of testdata/{parse,build,fail}: folders, of which testdata/README.md tells what is in them. */
import fs from 'node:fs';
import path from 'node:path';
import { type Rig, TESTDATA } from './rig.js';

export type CaseKind = 'parse' | 'build' | 'fail';

/** The names of the cases of a kind. */
export const casesOf = (kind: CaseKind) => fs.readdirSync(path.join(TESTDATA, kind)).sort();

/** A file of a case, or undefined. */
export function readCaseFile(kind: CaseKind, name: string, file: string): Buffer | undefined {
  const full = path.join(TESTDATA, kind, name, file);
  return fs.existsSync(full) ? fs.readFileSync(full) : undefined;
}

/** The lines of a file of a case, comments and empty ones left out; none if there is no such file. */
function linesOf(kind: CaseKind, name: string, file: string): string[] {
  const text = String(readCaseFile(kind, name, file) ?? '');
  return text.split('\n').filter((line) => line !== '' && line[0] !== '#');
}

/** The words of the file `arguments`, one a line; `-f Dockerfile context` and what comes before it, if there is none. */
export function argumentsOf(kind: CaseKind, name: string, ...before: string[]): readonly string[] {
  if (!readCaseFile(kind, name, 'arguments')) return [...before, '-f', 'Dockerfile', 'context'];
  return linesOf(kind, name, 'arguments');
}

/** The variables of the file `environment`. */
export function environmentOf(kind: CaseKind, name: string): Record<string, string> {
  return Object.fromEntries(linesOf(kind, name, 'environment').map((line) => line.split(/=(.*)/s).slice(0, 2)));
}

const MTIME = 1_700_000_000;

/** Copies a case into the rig, with modes and times that git does not keep, what its file `setup` says, and a context even where it is empty. */
export function layOutCase(rig: Rig, kind: CaseKind, name: string): void {
  fs.cpSync(path.join(TESTDATA, kind, name), rig.dir, { recursive: true, verbatimSymlinks: true });
  fs.mkdirSync(rig.path('context'), { recursive: true });
  for (const file of rig.list().map((entry) => rig.path(entry))) {
    const stat = fs.lstatSync(file);
    if (!stat.isSymbolicLink()) fs.chmodSync(file, stat.isDirectory() || stat.mode & 0o100 ? 0o755 : 0o644);
  }
  for (const line of linesOf(kind, name, 'setup')) setUp(rig, line);
  for (const file of rig.list().reverse()) fs.lutimesSync(rig.path(file), MTIME, MTIME);
}

/** `mode 4755 path`, `folder path`, `hardlink target path`. */
function setUp(rig: Rig, line: string): void {
  const [verb, ...words] = line.split(' ') as [string, string, string];
  if (verb === 'mode') fs.chmodSync(rig.path(words[1]), Number.parseInt(words[0], 8));
  else if (verb === 'folder') fs.mkdirSync(rig.path(words[0]), { recursive: true, mode: 0o755 });
  else if (verb === 'hardlink') fs.linkSync(rig.path(words[0]), rig.path(words[1]));
  else throw new Error(`testdata: setup does not know: ${line}`);
}
