import { expect, test } from '@jest/globals';
import { type OptionTable, parseBool, tokenize } from './argv.js';

const TABLE: OptionTable = {
  long: new Map([
    ['file', 'value'],
    ['quiet', 'nothing'],
  ]),
  short: new Map([
    ['f', 'file'],
    ['q', 'quiet'],
  ]),
};

const file = (as: string, value: string) => ({ kind: 'option', name: 'file', as, value });
const quiet = (as: string, value = 'true') => ({ kind: 'option', name: 'quiet', as, value });
const operand = (text: string) => ({ kind: 'operand', text });

test.each<[string, object[]]>([
  ['--file a b', [file('--file', 'a'), operand('b')]],
  ['b --file=a', [operand('b'), file('--file', 'a')]],
  ['--file=', [file('--file', '')]],
  ['--file=a=b', [file('--file', 'a=b')]],
  ['-f a', [file('-f', 'a')]],
  ['-fa', [file('-f', 'a')]],
  ['-f=a', [file('-f', 'a')]],
  ['-f -', [file('-f', '-')]],
  ['-f -q', [file('-f', '-q')]],
  ['-qfa', [quiet('-q'), file('-f', 'a')]],
  ['-qf a', [quiet('-q'), file('-f', 'a')]],
  ['-q=false', [quiet('-q', 'false')]],
  ['--quiet=0 .', [quiet('--quiet', '0'), operand('.')]],
  ['--quiet false', [quiet('--quiet'), operand('false')]],
  ['-', [operand('-')]],
  ['-- -q --file', [operand('-q'), operand('--file')]],
  ['--file', [{ kind: 'no-value', as: '--file' }]],
  ['-qf', [quiet('-q'), { kind: 'no-value', as: '-f' }]],
  ['--fiel=x', [{ kind: 'unknown', as: '--fiel' }]],
  ['-qx', [quiet('-q'), { kind: 'unknown', as: '-x' }]],
  ['-😀', [{ kind: 'unknown', as: '-😀' }]],
  ['--__proto__', [{ kind: 'unknown', as: '--__proto__' }]],
])('%s', (line, tokens) => {
  expect(tokenize(line.split(' '), TABLE)).toEqual(tokens);
});

test('booleans are those of Go', () => {
  expect(['1', 't', 'T', 'true', 'TRUE', 'True'].map(parseBool)).toEqual(Array(6).fill(true));
  expect(['0', 'f', 'F', 'false', 'FALSE', 'False'].map(parseBool)).toEqual(Array(6).fill(false));
  expect(['', 'yes', 'tRUE', ' true', '2'].map(parseBool)).toEqual(Array(5).fill(undefined));
});
