/**
 * Instructions outside the subset: what BuildKit refuses of them wherever they stand, even in a stage that is not built.
 * @see moby/buildkit frontend/dockerfile/instructions/parse.go, frontend/dockerfile/parser/line_parsers.go
 */
import { trimSpace } from '../util/text.js';
import type { Instruction } from './document.js';
import type { FlagTable, FlagValues } from './flags.js';
import { parseHeredoc } from './heredoc.js';
import { parseJsonArray } from './json-form.js';
import { KEYWORDS } from './keywords.js';
import { splitCommand, splitQuotedWords, splitWords } from './words.js';

/** What is wrong with an instruction, in one sentence; undefined when BuildKit takes it. */
export function foreignProblem(
  name: string,
  { args, rest, json }: Instruction,
  flags: FlagValues<FlagTable>,
): string | undefined {
  const words = args.map((a) => a.text);
  switch (name) {
    case 'ADD':
      if (args.length < 2) return 'ADD takes at least one source and a destination';
      return parseHeredoc(words.at(-1)!) ? 'a heredoc cannot be the destination' : undefined;
    case 'SHELL':
      return json && args.length > 0 ? undefined : 'SHELL takes a JSON array with at least one element';
    case 'ARG':
      if (words.some((w) => w.startsWith('='))) return 'ARG takes names; one is empty';
      break;
    case 'ENV':
    case 'LABEL':
      return (
        assignmentProblem(name, words, rest.text) ??
        (words[0]!.includes('=') && words.some((w) => w.startsWith('='))
          ? `${name} takes names and values; a name is empty`
          : undefined)
      );
    case 'VOLUME':
      if (words.some((w) => trimSpace(w) === '')) return 'VOLUME takes paths; one is empty';
      break;
    case 'ONBUILD':
      return rest.text === '' ? 'ONBUILD takes an instruction' : triggerProblem(rest.text);
    case 'HEALTHCHECK':
      return healthProblem(rest.text, flags);
    case 'RUN':
      return runProblem(flags);
    case 'CMD':
      return undefined; // BuildKit takes it empty
  }
  return words.length === 0 ? `${name} takes at least one argument` : undefined;
}

/** `NAME value`, or a list of `name=value`. */
function assignmentProblem(name: string, words: readonly string[], rest: string): string | undefined {
  if (words.length === 0) return `${name} takes at least one argument`;
  if (!words[0]!.includes('=')) return splitWords(rest).length < 2 ? `${name} takes a name and a value` : undefined;
  const bare = words.find((w) => !w.includes('='));
  return bare === undefined ? undefined : `${name} takes name=value; ${JSON.stringify(bare)} has no =`;
}

/** The instruction behind ONBUILD is read, but only its form is judged. */
function triggerProblem(line: string): string | undefined {
  const escape = '\\'; // BuildKit minds # escape here; it matters for a quote in a name alone
  const { keyword, rest } = splitCommand(line, escape);
  const name = keyword.text.toUpperCase();
  if (['ONBUILD', 'FROM', 'MAINTAINER'].includes(name)) return `ONBUILD ${name} is not allowed`;
  if (name === 'ENV' || name === 'LABEL') {
    const words = splitQuotedWords(rest.text, escape).map((w) => w.text);
    return words.length === 0 ? undefined : assignmentProblem(name, words, rest.text);
  }
  const keywordName = keyword.text.toLowerCase();
  const form = Object.hasOwn(KEYWORDS, keywordName) ? KEYWORDS[keywordName] : undefined;
  const elements = form?.json ? parseJsonArray(rest.text) : undefined;
  return elements?.some((e) => e.value === undefined)
    ? `the JSON form of ${name} holds strings and nothing else`
    : undefined;
}

const DURATION = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
};

function healthProblem(text: string, flags: FlagValues<FlagTable>): string | undefined {
  const [, type, command] = /^(\S*)\s*([\s\S]*)$/.exec(text)!;
  if (/^none$/i.test(type!))
    return command === '' || parseJsonArray(command!)?.length === 0 ? undefined : 'HEALTHCHECK NONE takes no arguments';
  const elements = parseJsonArray(command!);
  if (elements?.some((e) => e.value === undefined))
    return 'the JSON form of HEALTHCHECK holds strings and nothing else';
  if (!/^cmd$/i.test(type!) || command === '' || elements?.length === 0)
    return 'HEALTHCHECK takes NONE, or CMD and a command';
  for (const flag of ['interval', 'timeout', 'start-period', 'start-interval']) {
    const value = flags[flag]?.value as string | undefined;
    if (value && !isInterval(value)) return `--${flag}=${value} is no duration of a millisecond or more, such as 30s`;
  }
  const retries = flags.retries?.value as string | undefined;
  if (retries && !(/^[+-]?\d+$/.test(retries) && Number(retries) >= 0 && Number(retries) < 2 ** 31))
    return `--retries=${retries} is no number of tries`;
  return undefined;
}

/** A duration as Go writes it; 0 means the default. */
function isInterval(text: string): boolean {
  if (!DURATION.test(text)) return false;
  let nanoseconds = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g))
    nanoseconds += Number(number) * NANOSECONDS[unit!]!;
  const whole = Math.trunc(nanoseconds);
  return whole === 0 || (whole >= 1e6 && !text.startsWith('-') && whole < 2 ** 63);
}

function runProblem(flags: FlagValues<FlagTable>): string | undefined {
  const network = flags.network?.value as string | undefined;
  if (network !== undefined && !['default', 'none', 'host'].includes(network))
    return `--network=${network} is no network of RUN`;
  const security = flags.security?.value as string | undefined;
  if (security !== undefined && !['sandbox', 'insecure'].includes(security))
    return `--security=${security} is no security mode of RUN`;
  for (const mount of (flags.mount?.value ?? []) as readonly string[]) {
    const fields = csvFields(mount);
    if (!fields) return `--mount=${mount} is no list of key=value`;
    const from = fields.find((f) => /^from=[\s\S]*\$[\s\S]/i.test(f));
    if (from) return `--mount=${mount}: from expands no variables`;
  }
  for (const device of (flags.device?.value ?? []) as readonly string[])
    if (!isDevice(device)) return `--device=${device} is no device`;
  return undefined;
}

/** The fields of one CSV record; undefined when a quote is out of place, or there is nothing at all. */
function csvFields(text: string): string[] | undefined {
  if (text === '' || !/^(?:"(?:[^"]|"")*"|[^",]*)(?:,(?:"(?:[^"]|"")*"|[^",]*))*$/.test(text)) return undefined;
  return [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    (m) => m[1]?.replaceAll('""', '"') ?? m[2] ?? '',
  );
}

function isDevice(text: string): boolean {
  let name = '';
  for (const field of csvFields(text) ?? ['', '']) {
    const at = field.indexOf('=');
    const key = field.slice(0, at < 0 ? undefined : at).toLowerCase();
    const value = at < 0 ? undefined : field.slice(at + 1);
    if (key === 'required') {
      if (value !== undefined && !/^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)) return false;
    } else if (name !== '') return false;
    else name = key === 'name' && value !== undefined ? value : field;
  }
  return csvFields(text) !== undefined;
}
