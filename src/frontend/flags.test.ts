import { describe, expect, test } from '@jest/globals';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import type { Instruction } from './document.js';
import { type FlagTable, parseFlags } from './flags.js';
import { parseDockerfile } from './parse.js';

const TABLE = { chown: 'string', exclude: 'strings', link: 'boolean' } as const satisfies FlagTable;

function parse(flags: string, table: FlagTable = TABLE) {
  const { instructions } = parseDockerfile(`COPY ${flags} a /\n`, 'Dockerfile', () => undefined);
  const said: Diagnostic[] = [];
  const values = parseFlags(instructions[0] as Instruction, table, (d) => said.push(d));
  return {
    values: values && Object.fromEntries(Object.entries(values).map(([name, flag]) => [name, flag!.value])),
    said: said.map((d) => `${d.code} ${d.range!.start.column}: ${d.message} (${d.hint})`),
  };
}

describe('flags', () => {
  test.each<[string, object]>([
    ['', {}],
    ['--chown=a:b', { chown: 'a:b' }],
    ['--chown=', { chown: '' }],
    ['--chown=a=b', { chown: 'a=b' }],
    ['--exclude=1 --exclude=2', { exclude: ['1', '2'] }],
    ['--link', { link: true }],
    ['--link=TRUE', { link: true }],
    ['--link=false', { link: false }],
  ])('%j', (flags, values) => {
    expect(parse(flags)).toEqual({ values, said: [] });
  });

  test.each<[string, string]>([
    ['--chwon=1', 'UnknownFlag 6: COPY has no flag --chwon (did you mean --chown?)'],
    ['--zzz', 'UnknownFlag 6: COPY has no flag --zzz (it knows --chown, --exclude, --link)'],
    ['--constructor', 'UnknownFlag 6: COPY has no flag --constructor (it knows --chown, --exclude, --link)'],
    ['--link --link', 'InvalidFlag 13: --link may stand only once (remove one of them)'],
    ['--chown', 'InvalidFlag 6: --chown lacks its value (write --chown=…)'],
    ['--link=1', 'InvalidFlag 6: --link is true or false, not "1" (write --link)'],
  ])('%j is refused', (flags, said) => {
    expect(parse(flags)).toEqual({ values: undefined, said: [said] });
  });

  test('all that is wrong is said at once', () => {
    expect(parse('--a --chown --link=x').said.map((line) => line.split(' ')[0])).toEqual([
      'UnknownFlag',
      'InvalidFlag',
      'InvalidFlag',
    ]);
  });

  test('an instruction without flags says how an argument may begin with two dashes', () => {
    expect(parse('--x', {}).said[0]).toContain('it takes no flags; write -- in front of an argument');
  });
});
