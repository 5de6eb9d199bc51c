/**
 * `# check=skip=…;error=…;experimental=…`: at the top for the whole file, right above an instruction for that one.
 * @see moby/buildkit frontend/dockerfile/linter/linter.go (ParseLintOptions, WithMergedConfigFromComments)
 */

import { readDirective } from './directive.js';

/** Which rules speak. Names mind case, as in BuildKit. */
export interface CheckConfig {
  readonly skip: ReadonlySet<string> | 'all';
  /** The experimental rules that are switched on; skip does not concern them. */
  readonly experimental: ReadonlySet<string> | 'all';
  /** A warning fails the build. */
  readonly error: boolean;
}

const EMPTY: CheckConfig = { skip: new Set(), experimental: new Set(), error: false };

/** Go's strconv.ParseBool. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map(
  [true, false].flatMap((value) => {
    const words = value ? ['1', 't', 'T', 'TRUE', 'true', 'True'] : ['0', 'f', 'F', 'FALSE', 'false', 'False'];
    return words.map((word) => [word, value] as const);
  }),
);

/**
 * Reads the value of `# check=`; undefined when BuildKit refuses it. It ends at the first blank: `skip=A, B` is `skip=A,`.
 * At most three options are told apart, a fourth belongs to the third.
 */
export function parseCheckConfig(text: string | undefined): CheckConfig | undefined {
  const value = text?.split(' ', 1)[0]?.trim() ?? '';
  if (value === '') return EMPTY;
  let { skip, experimental, error } = EMPTY;
  for (const part of splitOptions(value)) {
    const at = part.indexOf('=');
    const key = part.slice(0, Math.max(0, at)).trim();
    const option = part.slice(at + 1).trim();
    const flag = BOOLEANS.get(option);
    if (key === 'skip') skip = rulesAfter(skip, option);
    else if (key === 'experimental') experimental = rulesAfter(experimental, option);
    else if (key === 'error' && flag !== undefined) error = flag;
    else return undefined;
  }
  return { skip, experimental, error };
}

function splitOptions(value: string): string[] {
  const parts = value.split(';');
  return parts.length <= 3 ? parts : [parts[0]!, parts[1]!, parts.slice(2).join(';')];
}

/** Of two lists the later counts; `all` stays, whatever comes after it. */
function rulesAfter(before: CheckConfig['skip'], option: string): CheckConfig['skip'] {
  return option === 'all' || before === 'all' ? 'all' : new Set(option.split(',').map((name) => name.trim()));
}

/** The config for one instruction: the first of the comments right above it that is a check directive adds to that of the file. */
export function withComments(config: CheckConfig, comments: readonly string[]): CheckConfig {
  for (const comment of comments) {
    const directive = readDirective(comment);
    if (directive?.name !== 'check') continue;
    const own = parseCheckConfig(directive.value);
    if (!own) return config;
    return {
      skip: union(config.skip, own.skip),
      experimental: union(config.experimental, own.experimental),
      error: config.error,
    };
  }
  return config;
}

function union(a: ReadonlySet<string> | 'all', b: ReadonlySet<string> | 'all'): ReadonlySet<string> | 'all' {
  return a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b]);
}

/** Whether a rule speaks under a config. */
export function isEnabled(config: CheckConfig, rule: { readonly code: string; readonly experimental?: true }): boolean {
  const has = (names: ReadonlySet<string> | 'all') => names === 'all' || names.has(rule.code);
  return rule.experimental ? has(config.experimental) : !has(config.skip);
}
