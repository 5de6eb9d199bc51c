/**
 * One COPY with its words expanded and its flags read: what the graph needs, and what the history shows.
 * @see moby/buildkit frontend/dockerfile/dockerfile2llb/convert_copy.go
 */
import type { Diagnostic, SourceRange } from '../diagnostic/diagnostic.js';
import { type Owner, SCRATCH, type UserOpt } from '../llb/op.js';
import { isSymbolicMode } from '../util/symbolic-mode.js';
import { STAGE_ENV } from './env.js';
import { ExpansionError, expandWord } from './expand.js';
import { expansionProblem } from './expansion-problem.js';
import type { CopyCommand } from './instructions.js';
import { remoteKind } from './remote-source.js';

export interface CopyPlan {
  readonly command: CopyCommand;
  readonly sources: readonly PlannedWord[];
  readonly files: readonly { readonly name: string; readonly content: string; readonly range: SourceRange }[];
  readonly dest: PlannedWord;
  /** Permission bits, or -1. */
  readonly mode: number;
  readonly modeStr: string;
  /** Without the input in which names are looked up. */
  readonly owner: Owner | undefined;
  /** `created_by` of the history entry. */
  readonly history: string;
}

interface PlannedWord {
  readonly text: string;
  readonly range: SourceRange;
}

type ReportError = (diagnostic: Omit<Diagnostic, 'severity'>) => void;

/** Expands and checks one COPY of a stage that is built; undefined when something was reported. */
export function planCopy(command: CopyCommand, escape: string, error: ReportError): CopyPlan | undefined {
  let failed = false;
  const fail: ReportError = (diagnostic) => {
    failed = true;
    error(diagnostic);
  };
  const expand = (text: string, range: SourceRange, options = { escape, ignoreQuotes: false }): PlannedWord => {
    try {
      return { text: expandWord(text, STAGE_ENV, options), range };
    } catch (cause) {
      if (!(cause instanceof ExpansionError)) throw cause;
      const knows = 'within a stage wbuild knows PATH alone: write the value itself';
      fail({ ...expansionProblem(text, cause, { escape: options.escape, knows }), range });
      return { text: '', range };
    }
  };
  const chown = command.chown && expand(command.chown.value, command.chown.range).text;
  const chmod = command.chmod && expand(command.chmod.value, command.chmod.range).text;
  const sources = command.sources.map((s) => expand(s.text, s.range));
  const dest = expand(command.dest.text, command.dest.range);
  const files = command.heredocs.map(({ name, content, expand: expands, range }) => ({
    name,
    content: expands ? expand(content, range, { escape: '\\', ignoreQuotes: true }).text : content,
    range,
  }));
  for (const source of sources) checkSource(source, fail);
  for (const word of [...sources, dest]) checkPath(word, fail);
  const mode = chmod ? readMode(chmod, command.chmod!.range, fail) : { mode: -1, modeStr: '' };
  if (failed || !mode) return undefined;
  const shown = [
    'COPY',
    ...(command.parents ? ['--parents'] : []),
    ...(chown ? [`--chown=${chown}`] : []),
    ...(chmod ? [`--chmod=${chmod}`] : []),
    ...sources.map((s) => s.text),
    ...files.map((f) => `<<${f.name}`),
    dest.text,
  ];
  return {
    command,
    sources,
    files,
    dest,
    ...mode,
    owner: chown ? readOwner(chown) : undefined,
    history: `${shown.join(' ')} # buildkit`,
  };
}

/** COPY takes no URLs and no repositories. */
function checkSource({ text, range }: PlannedWord, fail: ReportError): void {
  const kind = remoteKind(text);
  if (kind === 'url') {
    const hint = 'fetch it before the build, and COPY the file';
    fail({ code: 'SourceNotFound', message: `COPY takes no URLs: ${text}`, range, hint });
  } else if (kind === 'repository') {
    const hint = 'clone it before the build, and COPY the files';
    fail({ code: 'SourceNotFound', message: `COPY takes no repositories: ${text}`, range, hint });
  }
}

/** What no Linux file system has. */
function checkPath({ text, range }: PlannedWord, fail: ReportError): void {
  if (text.includes('\0')) {
    const hint = 'write the name as it is on the disk';
    fail({ code: 'InvalidPath', message: 'a path cannot hold a NUL byte', range, hint });
  }
  const long = text.split('/').find((part) => Buffer.byteLength(part) > 255);
  if (long)
    fail({
      code: 'InvalidPath',
      message: `a name cannot be longer than 255 bytes; this one has ${Buffer.byteLength(long)}`,
      range,
      hint: 'no Linux file system takes it: choose a shorter one',
    });
}

/** --chmod: octal up to 7777, or symbols. */
function readMode(text: string, range: SourceRange, fail: ReportError): { mode: number; modeStr: string } | undefined {
  if (/^[0-7]+$/.test(text) && Number.parseInt(text, 8) <= 0o7777)
    return { mode: Number.parseInt(text, 8), modeStr: '' };
  if (!/^\d/.test(text) && isSymbolicMode(text)) return { mode: -1, modeStr: text };
  const hint = 'write octal digits from 0 to 7777, or symbols such as u=rwX,go=rX';
  fail({ code: 'InvalidFlag', message: `--chmod=${text} is no mode`, range, hint });
  return undefined;
}

/** --chown=user[:group], ids or names; an empty group is 0, no group is that of the user. */
function readOwner(text: string): Owner {
  const at = text.indexOf(':');
  if (at < 0) return { user: readUser(text) };
  return { user: readUser(text.slice(0, at)), group: readUser(text.slice(at + 1)) };
}

/** A number beyond 31 bits is taken as a name. Negative ids are stored as 32 unsigned bits. */
function readUser(text: string): UserOpt {
  if (text === 'root' || text === '') return { id: 0 };
  const id = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (id >= -(2 ** 31) && id < 2 ** 31) return { id: id >>> 0 };
  return { name: text, input: SCRATCH };
}
