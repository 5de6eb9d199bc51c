/** The command line of `wbuild run`: options stand before the image, and what follows it is the program's. */
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { defaultStoreFolder } from '../store/open-store.js';
import { quote } from '../util/text.js';
import { type OptionTable, parseBool, type Takes, tokenize } from './argv.js';
import { lacksOption, usage } from './collect.js';
import type { Env } from './io.js';

export interface RunCommand {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folders: readonly { readonly host: string; readonly guest: string; readonly writable: boolean }[];
  readonly writable: boolean;
  readonly cacheDir: string;
  readonly platform?: string;
}

export const RUN_TABLE: OptionTable = {
  long: new Map<string, Takes>([
    ['env', 'value'],
    ['dir', 'value'],
    ['writable', 'nothing'],
    ['platform', 'value'],
    ['cache-dir', 'value'],
    ['help', 'nothing'],
  ]),
  short: new Map([
    ['e', 'env'],
    ['h', 'help'],
  ]),
};

const HINT = 'wbuild run --help shows how it is used';
const UNKNOWN = `${HINT}; options of the program stand behind the image`;

/** What hands type that know docker run. */
const NO_CONTAINER = 'leave it out: there is no container, and standard input is that of wbuild';
const A_FOLDER = 'a folder of this machine: --dir HOST::GUEST';
const DOCKERS: Readonly<Record<string, string>> = {
  '--rm': NO_CONTAINER,
  '-i': NO_CONTAINER,
  '-t': NO_CONTAINER,
  '--interactive': NO_CONTAINER,
  '--tty': NO_CONTAINER,
  '-v': A_FOLDER,
  '--volume': A_FOLDER,
  '--mount': A_FOLDER,
};

/** A command line behind `wbuild run`; `help` when that is asked for. @throws BuildError `Usage` */
export function parseRunArgs(argv: readonly string[], hostEnv: Env): RunCommand | 'help' {
  const values = new Map<string, string[]>();
  const wrong: Diagnostic[] = [];
  const { tokens, rest } = splitAtImage(argv);
  for (const token of tokens) {
    if (token.kind === 'no-value') wrong.push(usage(`${token.as} needs a value`, HINT));
    else if (token.kind === 'unknown')
      wrong.push(lacksOption(token.as, 'run', RUN_TABLE, DOCKERS[token.as] ?? UNKNOWN));
    else if (token.kind === 'option') {
      if (RUN_TABLE.long.get(token.name) === 'nothing' && parseBool(token.value) === undefined)
        wrong.push(usage(`${token.as} is either given or not: ${quote(token.value)} is neither true nor false`, HINT));
      values.set(token.name, [...(values.get(token.name) ?? []), token.value]);
    }
  }
  const isSet = (name: string) => parseBool(values.get(name)?.at(-1) ?? 'false') ?? true;
  if (wrong.length > 0) throw new BuildError(wrong);
  if (isSet('help')) return 'help';
  const [image, ...args] = rest;
  if (image === undefined || image === '') throw new BuildError(usage('wbuild run needs an image', HINT));
  const platform = values.get('platform')?.at(-1);
  return {
    image,
    args,
    env: Object.fromEntries((values.get('env') ?? []).flatMap((text) => variable(text, hostEnv))),
    folders: (values.get('dir') ?? []).map(folder),
    writable: isSet('writable'),
    cacheDir: values.get('cache-dir')?.at(-1) ?? defaultStoreFolder(hostEnv),
    ...(platform && { platform }),
  };
}

/** The first operand is the image; a program's own options are none of ours. */
function splitAtImage(argv: readonly string[]) {
  for (let count = 1; count <= argv.length; count++) {
    const tokens = tokenize(argv.slice(0, count), RUN_TABLE);
    if (tokens.at(-1)?.kind === 'operand') return { tokens: tokens.slice(0, -1), rest: argv.slice(count - 1) };
  }
  return { tokens: tokenize(argv, RUN_TABLE), rest: [] };
}

/** `K=V`; `K` alone takes the value that it has here, and nothing where it has none, as with docker. */
function variable(text: string, hostEnv: Env): [string, string][] {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (name === '') throw new BuildError(usage(`--env ${quote(text)} has no name`, 'for example: --env LANG=C'));
  const value = equals < 0 ? hostEnv[text] : text.slice(equals + 1);
  return value === undefined ? [] : [[name, value]];
}

/** `HOST`, `HOST::GUEST` or `HOST::GUEST::ro`. */
function folder(text: string): RunCommand['folders'][number] {
  const [host = '', guest = host, mode, ...more] = text.split('::');
  const known = mode === undefined || mode === 'ro' || mode === 'rw';
  if (host !== '' && guest !== '' && known && more.length === 0) return { host, guest, writable: mode !== 'ro' };
  throw new BuildError(
    usage(`--dir ${quote(text)} is not HOST::GUEST`, 'for example: --dir ./data::/data, or --dir ./data::/data::ro'),
  );
}
