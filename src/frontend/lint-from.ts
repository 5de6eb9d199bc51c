/** Rules about FROM: its base and its platform. */
import { suggest } from '../diagnostic/suggest.js';
import { parsePlatform } from '../oci/platform.js';
import { normalizeContextName } from './context-name.js';
import { mentionedVariables } from './expand.js';
import { type Finding, globalArgs, type LintContext, tryExpand } from './lint-context.js';

/** A base that is neither a stage nor the name of an image when no build argument is given. Ends at the first that is malformed. */
export function invalidDefaultArg({ froms, env, document }: LintContext): Finding[] {
  const findings: Finding[] = [];
  for (const { base } of env ? froms : []) {
    const name = tryExpand(base.text, env!, document);
    if (name === undefined) break;
    if (name !== '' && normalizeContextName(name) !== undefined) continue;
    const message = `FROM ${base.text} is ${name === '' ? 'empty' : `${name}, which names no image,`} when no argument is given`;
    const hint = 'name the stage or scratch itself, in lower case; or give ARG a default that does';
    findings.push({ range: base.range, message, hint });
  }
  return findings;
}

export function undefinedArg({ froms, env, commands, document }: LintContext): Finding[] {
  if (!env) return [];
  const known = new Set([...globalArgs(commands).map((a) => a.text.split('=', 1)[0]!), ...env.keys()]);
  return froms.flatMap(({ base, platform, instruction }) => {
    const words = [base, ...(platform?.value ? [{ text: platform.value, range: platform.range }] : [])];
    return words.flatMap(({ text, range }) =>
      [...mentionedVariables(text, document)]
        .filter((name) => !known.has(name))
        .map((name) => {
          const near = suggest(name, known, { caseInsensitive: true });
          const hint = near ? `did you mean $${near}?` : 'write the value itself, or a variable that FROM knows';
          return { range, message: `FROM does not know $${name}`, hint, above: instruction };
        }),
    );
  });
}

export function redundantPlatform({ froms, env, document }: LintContext): Finding[] {
  return froms.flatMap(({ platform, instruction }) => {
    if (!platform?.value || !env) return [];
    const names = [...mentionedVariables(platform.value, document)];
    if (names.length !== 1 || names[0] !== 'TARGETPLATFORM') return [];
    if (tryExpand(platform.value, env, document) !== env.get('TARGETPLATFORM')) return [];
    const message = `--platform=${platform.value} says what is the default`;
    return [{ range: platform.range, message, hint: 'leave it out', above: instruction }];
  });
}

export function constantPlatform({ froms, env, document }: LintContext): Finding[] {
  return froms.flatMap(({ platform, name = '', instruction }) => {
    if (!platform?.value || !env || mentionedVariables(platform.value, document).size > 0) return [];
    const value = tryExpand(platform.value, env, document);
    const parsed = value === undefined ? '' : parsePlatform(value, { os: 'linux', architecture: 'amd64' });
    if (typeof parsed === 'string') return []; // an error says so
    if (name.includes(parsed.os) || name.includes(parsed.architecture)) return []; // a stage that names its platform means it
    const message = `FROM --platform=${value} is the same on every build`;
    return [
      { range: platform.range, message, hint: 'leave it out, and give --platform to wbuild', above: instruction },
    ];
  });
}
