/** `wbuild push`, `pull`, `login` and `logout`. */

import { login, logout } from '../../build/images/login.js';
import { pullToStore } from '../../build/images/pull-image.js';
import { pushImage } from '../../build/images/push-image.js';
import { fail } from '../../diagnostic/build-error.js';
import { rootOf } from '../../oci/image.js';
import { familiarName, parseReference } from '../../oci/reference.js';
import type { Emit } from '../../progress/event.js';
import { BlobStore } from '../../store/blobs.js';
import { readTarget } from '../../store/stored-image.js';
import { unreachable } from '../../util/unreachable.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import { createProgressPrinter } from '../progress-printer.js';
import type { RegistryCommand } from '../registry-args.js';
import { DiagnosticList, environmentError, printDiagnostics } from '../report.js';
import { findStored } from './images.js';

type Of<K extends RegistryCommand['kind']> = Extract<RegistryCommand, { readonly kind: K }>;

/** @throws BuildError `RegistryDenied` and its like, `CredentialsNotUsable`, `ImageNotFound` … */
export function runRegistry(command: RegistryCommand, io: CommandIo): Promise<ExitCode> {
  switch (command.kind) {
    case 'push':
      return transfer(command, io, async (emit) => {
        const store = new BlobStore(command.cacheDir);
        const { descriptor } = await findStored(store, familiarName(parseReference(command.name)));
        const target = await readTarget(store, descriptor);
        const { env, signal } = io;
        const names = [command.name];
        await pushImage({ target, content: store, names, insecure: command.insecure, env, signal, emit });
        return rootOf(target).descriptor.digest;
      });
    case 'pull':
      return transfer(command, io, async (emit) => {
        const { name, cacheDir, platform, insecure } = command;
        return pullToStore({ name, cacheDir, platform, insecure, env: io.env, signal: io.signal, emit });
      });
    case 'login':
      return runLogin(command, io);
    case 'logout':
      return runLogout(command, io);
    default:
      return unreachable(command);
  }
}

/** Shows the progress of `work`, and then the digest that it gives. */
async function transfer(
  command: Of<'push' | 'pull'>,
  io: CommandIo,
  work: (emit: Emit) => Promise<string>,
): Promise<ExitCode> {
  const printer = createProgressPrinter({ mode: command.progress, io });
  try {
    const digest = await work((event) => printer.emit(event));
    printer.close(false);
    if (command.quiet) io.stdout.write(`${digest}\n`);
    else if (command.progress !== 'rawjson' && command.progress !== 'quiet')
      io.stderr.write(`\n${command.kind}ed    ${familiarName(parseReference(command.name))}\ndigest    ${digest}\n`);
    return EXIT.done;
  } catch (error) {
    printer.close(true);
    const known = environmentError(error) ?? error;
    const list = new DiagnosticList();
    if (io.signal.aborted || !list.addError(known)) throw error;
    printDiagnostics(list.list(), { format: command.progress === 'rawjson' ? 'json' : 'text', io });
    return exitCodeOf(known);
  }
}

/** No password is longer; a file that is piped by mistake is not read to its end. */
const MAX_PASSWORD = 64 * 1024;

async function runLogin(command: Of<'login'>, io: CommandIo): Promise<ExitCode> {
  const { domain, insecure } = command;
  const account = await accountOf(command, io);
  if (account === undefined) return EXIT.interrupted;
  const { username, password } = account;
  const place = await login({ domain, username, password, insecure, env: io.env, signal: io.signal });
  if ('file' in place) {
    const hint = 'name a credential helper in credsStore of that file to keep it safe';
    const message = `the password is stored without encryption in ${place.file}`;
    const list = [{ code: 'CredentialsNotUsable', severity: 'warning', message, hint } as const];
    printDiagnostics(list, { format: 'text', io });
  }
  io.stdout.write('Login Succeeded\n');
  return EXIT.done;
}

/** Who logs in: as the command line says, or as the user types; undefined when the user has thought better of it. */
async function accountOf({ domain, username, password }: Of<'login'>, io: CommandIo) {
  if (username !== undefined && password?.from === 'stdin') return { username, password: await readPassword(io) };
  if (username !== undefined && password?.from === 'argument') {
    const message = 'a password in a command line can be read by every user of this machine';
    const hint = 'leave -p out to be asked for it, or pipe it: wbuild login -u USER --password-stdin < FILE';
    printDiagnostics([{ code: 'Usage', severity: 'warning', message, hint }], { format: 'text', io });
    return { username, password: password.text };
  }
  const { ask, canAsk } = await import('../prompt.js');
  if (!canAsk(io))
    return noPassword('wbuild login needs -u USER and --password-stdin where there is no terminal to ask on');
  io.stderr.write(`Credentials for ${domain}\n`);
  const name = username ?? (await ask('Username: ', { secret: false }, io));
  if (name === undefined) return undefined;
  if (name === '') return noPassword('there is no account without a name');
  const typed = await ask('Password: ', { secret: true }, io);
  if (typed === undefined) return undefined;
  return typed === '' ? noPassword('the password is empty') : { username: name, password: typed };
}

async function readPassword({ stdin }: CommandIo): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > MAX_PASSWORD) return noPassword('standard input holds more than a password');
  }
  const password = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  return password === '' ? noPassword('there is no password on standard input') : password;
}

function noPassword(message: string): never {
  return fail({ code: 'Usage', message, hint: 'for example: wbuild login -u USER --password-stdin HOST < FILE' });
}

async function runLogout({ domain }: Of<'logout'>, io: CommandIo): Promise<ExitCode> {
  const found = await logout(domain, io.env);
  io.stdout.write(found ? `Removed the credentials of ${domain}\n` : `There are no credentials of ${domain}\n`);
  return EXIT.done;
}
