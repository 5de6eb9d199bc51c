/** The Dockerfile of a build on a folder, and what is said where there is none. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDockerfileName, nearName } from '../context/open-context.js';
import { describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import { printable } from '../diagnostic/display.js';

/**
 * Reads the Dockerfile of -f, or that of the context; `dockerfile` does for `Dockerfile`.
 * @throws BuildError `DockerfileNotFound`
 */
export function readDockerfile(given: string | undefined, context: string): { path: string; bytes: Buffer } {
  const file = given ?? path.join(context, 'Dockerfile');
  const lower = path.join(path.dirname(file), 'dockerfile');
  for (const candidate of path.basename(file) === 'Dockerfile' ? [file, lower] : [file]) {
    try {
      return { path: candidate, bytes: readFileSync(candidate) };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') continue;
      const within = path.join(file, 'Dockerfile');
      const hint = existsSync(within)
        ? `did you mean -f ${printable(within)}?`
        : errnoOf(error) === 'EISDIR'
          ? 'name the Dockerfile with -f'
          : 'make it readable, or name another one with -f';
      const message = `${printable(file)} cannot be read: ${describeErrno(error)}`;
      fail({ code: 'DockerfileNotFound', message, hint }, error);
    }
  }
  const where = given === undefined ? `in the folder ${printable(context)}` : `at ${printable(file)}`;
  const hint = missingDockerfile(given, context);
  return fail({ code: 'DockerfileNotFound', message: `there is no Dockerfile ${where}`, hint });
}

function missingDockerfile(given: string | undefined, context: string): string {
  const inContext = given === undefined || path.isAbsolute(given) ? undefined : path.join(context, given);
  if (inContext !== undefined && existsSync(inContext))
    return `did you mean -f ${printable(inContext)}? it is relative to the working directory, and not to the context`;
  const near =
    nearName(given ?? path.join(context, 'Dockerfile')) ?? otherDockerfile(given === undefined ? context : '');
  if (near !== undefined) return `did you mean ${printable(near)}? name it with -f`;
  return given === undefined
    ? 'name it with -f, or write one: FROM scratch'
    : 'check the name given with -f; it is relative to the working directory';
}

/** A Dockerfile of another name, if there is one and no second. */
function otherDockerfile(folder: string): string | undefined {
  if (folder === '') return undefined;
  const [only, ...more] = readdirSync(folder).filter(isDockerfileName);
  return more.length === 0 && only !== undefined ? path.join(folder, only) : undefined;
}
