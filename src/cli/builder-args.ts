/** The command lines of `wbuild builder`, and what of a build's options says where it is built. */
import type { BuilderOptions, TypedAttrs } from '../buildkit/address.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { suggest } from '../diagnostic/suggest.js';
import { quote } from '../util/text.js';
import { type OptionTable, type Takes, tokenize } from './argv.js';
import { readAttributes, splitFields } from './attributes.js';
import { lacksOption, usage, type Values } from './collect.js';
import type { Env } from './io.js';
import { parseAge, parseSize } from './store-args.js';

export type BuilderCommand = { readonly builder: BuilderOptions; readonly json: boolean } & (
  | { readonly kind: 'ls' | 'inspect' }
  | { readonly kind: 'du'; readonly filter: readonly string[] }
  | {
      readonly kind: 'prune';
      readonly filter: readonly string[];
      readonly all: boolean;
      readonly olderThanMs?: number;
      readonly maxSize?: number;
    }
);

export const BUILDER_VERBS = ['ls', 'inspect', 'du', 'prune'] as const;
type Verb = (typeof BUILDER_VERBS)[number];

/** The options that say who we are to a builder. */
export const TLS_OPTIONS = ['tlscacert', 'tlscert', 'tlskey', 'tlsservername'] as const;

const COMMON: readonly [string, Takes][] = [
  ...TLS_OPTIONS.map((name): [string, Takes] => [name, 'value']),
  ['json', 'nothing'],
  ['help', 'nothing'],
];
const OPTIONS: Readonly<Record<Verb, readonly [string, Takes][]>> = {
  ls: COMMON,
  inspect: COMMON,
  du: [...COMMON, ['filter', 'value']],
  prune: [...COMMON, ['filter', 'value'], ['all', 'nothing'], ['older-than', 'value'], ['max-size', 'value']],
};

/** A command line behind `wbuild builder`; `help` when that is asked for. @throws BuildError `Usage` */
export function parseBuilderArgs([verb, ...argv]: readonly string[], env: Env): BuilderCommand | 'help' {
  if (verb === undefined || /^(-h|--help|help)$/.test(verb)) return 'help';
  const kind = BUILDER_VERBS.find((name) => name === verb);
  if (!kind) {
    const near = suggest(verb, BUILDER_VERBS);
    const hint = near ? `did you mean wbuild builder ${near}?` : `it is one of ${BUILDER_VERBS.join(', ')}`;
    throw new BuildError(usage(`wbuild builder has no ${quote(verb)}`, hint));
  }
  const { values, filter, operands } = readLine(kind, argv);
  if (values.has('help')) return 'help';
  const addresses = operands.length > 0 ? operands.join(',') : env.BUILDKIT_HOST;
  if (!addresses)
    throw new BuildError(
      usage(`wbuild builder ${kind} needs an address`, 'docker, unix:///path or tcp://host:port; or set BUILDKIT_HOST'),
    );
  const one = {
    builder: builderOptions(addresses, (name) => values.get(name), env),
    json: values.get('json') === 'true',
  };
  if (kind === 'ls' || kind === 'inspect') return { kind, ...one };
  if (kind === 'du') return { kind, ...one, filter };
  const [age, size] = [values.get('older-than'), values.get('max-size')];
  return {
    kind,
    ...one,
    filter,
    all: values.get('all') === 'true',
    ...(age !== undefined && { olderThanMs: parseAge(age) }),
    ...(size !== undefined && { maxSize: parseSize(size) }),
  };
}

/** What a verb of `wbuild builder` takes. */
export function builderTable(kind: Verb): OptionTable {
  const short = new Map([['h', 'help'], ...(kind === 'prune' ? ([['a', 'all']] as const) : [])] as [string, string][]);
  return { long: new Map(OPTIONS[kind]), short };
}

function readLine(kind: Verb, argv: readonly string[]) {
  const table = builderTable(kind);
  const values = new Map<string, string>();
  const filter: string[] = [];
  const operands: string[] = [];
  const wrong: Diagnostic[] = [];
  const help = 'wbuild builder --help shows how it is used';
  for (const token of tokenize(argv, table)) {
    if (token.kind === 'operand') operands.push(token.text);
    else if (token.kind === 'option' && token.name === 'filter') filter.push(token.value);
    else if (token.kind === 'option') values.set(token.name, token.value);
    else if (token.kind === 'no-value') wrong.push(usage(`${token.as} needs a value`, help));
    else wrong.push(lacksOption(token.as, `builder ${kind}`, table, help));
  }
  if (kind !== 'ls' && (operands.length > 1 || operands[0]?.includes(',')))
    wrong.push(usage(`wbuild builder ${kind} takes one address, not ${operands.map(quote).join(' ')}`, help));
  if (wrong.length > 0) throw new BuildError(wrong);
  return { values, filter, operands };
}

/**
 * Where and as whom. For Docker over TCP its own variables count where no option does.
 * @param value the value of an option
 */
export function builderOptions(
  addresses: string,
  value: (option: (typeof TLS_OPTIONS)[number]) => string | undefined,
  env: Env,
): BuilderOptions {
  const [ca, cert, key, name] = TLS_OPTIONS.map(value);
  const own = {
    ...(ca !== undefined && { tlsCaCert: ca }),
    ...(cert !== undefined && { tlsCert: cert }),
    ...(key !== undefined && { tlsKey: key }),
    ...(name !== undefined && { tlsServerName: name }),
  };
  const folder = env.DOCKER_TLS_VERIFY ? env.DOCKER_CERT_PATH : undefined;
  const docker =
    addresses === 'docker' && folder && Object.keys(own).length === 0
      ? { tlsCaCert: `${folder}/ca.pem`, tlsCert: `${folder}/cert.pem`, tlsKey: `${folder}/key.pem` }
      : {};
  return { addresses, ...(env.DOCKER_HOST && { dockerHost: env.DOCKER_HOST }), ...docker, ...own };
}

/**
 * Where a build runs by its options: --builder, or BUILDKIT_HOST; undefined: here, which `--builder local` says as well.
 * @throws BuildError `Usage`
 */
export function remoteOptions(values: Values, env: Env): BuilderOptions | undefined {
  const last = (name: string) => values.get(name)?.at(-1);
  const addresses = last('builder') ?? env.BUILDKIT_HOST ?? '';
  if (addresses === '' || addresses === 'local') {
    const tls = TLS_OPTIONS.find((name) => values.has(name));
    if (tls === undefined) return undefined;
    throw new BuildError(
      usage(`--${tls} is for builders, and the build runs here`, 'name one with --builder, or leave it out'),
    );
  }
  if (values.has('explain'))
    throw new BuildError(
      usage('--explain tells of the cache of this machine, and the build runs on a builder', 'leave one of them out'),
    );
  const caches = (option: 'cache-to' | 'cache-from') =>
    (values.get(option) ?? []).map((text) => remoteCache(option, text, env));
  return { ...builderOptions(addresses, last, env), cacheTo: caches('cache-to'), cacheFrom: caches('cache-from') };
}

/** What buildx adds of the environment where no attribute says otherwise: who may use the cache. @see docker/buildx util/buildflags/cache.go */
const FROM_ENV: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  gha: { token: 'ACTIONS_RUNTIME_TOKEN', url: 'ACTIONS_CACHE_URL', url_v2: 'ACTIONS_RESULTS_URL' },
  s3: {
    access_key_id: 'AWS_ACCESS_KEY_ID',
    secret_access_key: 'AWS_SECRET_ACCESS_KEY',
    session_token: 'AWS_SESSION_TOKEN',
  },
};

/** A cache of the daemon: `type=registry,ref=…,mode=max`, or a reference alone, which is one in a registry. What the keys mean is the daemon's to say. */
function remoteCache(option: 'cache-to' | 'cache-from', text: string, env: Env): TypedAttrs {
  const invalid = (problem: string, hint: string): never => {
    throw new BuildError(usage(`--${option} ${quote(text)}: ${problem}`, hint));
  };
  const example = `--${option} type=registry,ref=NAME`;
  if (!text.includes('=') && text !== '') return { type: 'registry', attrs: { ref: text } };
  const { type = '', ...attrs } = Object.fromEntries(
    readAttributes(splitFields(text, { example, invalid }), { example, invalid }),
  );
  if (type === '') invalid('type= is missing', `for example: ${example}`);
  const folder = option === 'cache-to' ? 'dest' : 'src';
  if (type === 'local' && !attrs[folder]) invalid(`${folder}= is missing`, `write type=local,${folder}=DIR`);
  if (type === 'local' && attrs.reset !== undefined)
    invalid('wbuild has no reset=', 'nothing is removed from the folder: delete it to begin anew');
  for (const [key, variable] of Object.entries(FROM_ENV[type] ?? {})) {
    const value = env[variable];
    if (attrs[key] === undefined && value) attrs[key] = value;
  }
  return { type, attrs };
}
