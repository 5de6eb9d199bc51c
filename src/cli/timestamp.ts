/** --timestamp: the time of the image, in the words of people. What has to be asked of git or of the clock is asked when a command runs. */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { fail } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { printable } from '../diagnostic/display.js';
import { quote } from '../util/text.js';
import type { BuildCommandOptions } from './args.js';
import type { CommandIo } from './io.js';

/**
 * The options with the epoch in them that --timestamp asks for, and with what there is to warn of.
 * @throws BuildError `InvalidEpoch` where there is no commit
 */
export async function withTimestamp<T extends BuildCommandOptions>(options: T, io: CommandIo): Promise<T> {
  const { timestamp } = options;
  if (timestamp === undefined) return options;
  if (timestamp !== 'git')
    return withEpoch(options, timestamp === 'now' ? Math.floor(Date.now() / 1000) : timestamp, []);
  const folder = statSync(options.build.context, { throwIfNoEntry: false })?.isDirectory()
    ? options.build.context
    : '.';
  const git = (...args: string[]) => runGit(folder, args, io);
  const [epoch = '', commit = ''] = (await git('log', '-1', '--format=%ct %h', 'HEAD')).trim().split(' ');
  const dirty = (await git('status', '--porcelain', '--untracked-files=normal', '-z', '--', '.'))
    .split('\0')
    .filter(Boolean);
  return withEpoch(options, Number(epoch), dirty.length > 0 ? [dirtyWarning(commit, dirty)] : []);
}

function withEpoch<T extends BuildCommandOptions>(options: T, epochSeconds: number, notes: readonly Diagnostic[]): T {
  return { ...options, build: { ...options.build, epochSeconds }, notes };
}

/** What is in the image is not what was committed at that time. */
function dirtyWarning(commit: string, status: readonly string[]): Diagnostic {
  const names = status.slice(0, 3).map((line) => printable(line.slice(3)));
  const more = status.length > 3 ? `, and ${status.length - 3} more` : '';
  return {
    code: 'DirtyWorkTree',
    severity: 'warning',
    message: `the time of the image is that of the commit ${commit}, which the files are not: ${names.join(', ')}${more}`,
    hint: 'commit or stash the changes, or leave the files out of the context and of git',
  };
}

/** Runs git, which finds nothing but what it needs in its environment, and writes nothing. */
function runGit(folder: string, args: readonly string[], { env, signal }: CommandIo): Promise<string> {
  const options = {
    env: { ...env, LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' },
    signal,
    maxBuffer: 64 * 1024 * 1024,
    encoding: 'utf8',
  } as const;
  return new Promise((resolve, reject) => {
    execFile('git', ['-C', folder, ...args], options, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else if (signal.aborted) reject(signal.reason);
      else reject(noCommit(folder, error, stderr));
    });
  });
}

function noCommit(folder: string, error: Error, stderr: string): unknown {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  const why = missing
    ? 'git is not installed'
    : printable(
        stderr
          .trim()
          .split('\n')[0]!
          .replace(/^fatal: /, ''),
      );
  try {
    return fail(
      {
        code: 'InvalidEpoch',
        message: `--timestamp git: there is no commit for ${quote(folder)}: ${why}`,
        hint: 'build in a git checkout, or name the time: --timestamp 2024-01-31T12:00:00Z',
      },
      error,
    );
  } catch (diagnosed) {
    return diagnosed;
  }
}
