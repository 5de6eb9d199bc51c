import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Diagnostic } from './diagnostic.js';
import { formatGithub } from './format-github.js';

function diagnostic(more: Partial<Diagnostic>, file = 'Dockerfile'): Diagnostic {
  const range = { file, start: { line: 3, column: 6 }, end: { line: 3, column: 12 } };
  return { code: 'SourceNotFound', severity: 'error', message: 'not found', range, ...more };
}

/** What GitHub's runner reads in a line: it ends at the second `::`, commas part properties, and escapes are taken back last. */
function readCommand(line: string) {
  const end = line.indexOf('::', 2);
  const [, name, list] = /^::(\w+) (.*)$/s.exec(line.slice(0, end))!;
  const data = (text: string) => text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
  const property = (text: string) => data(text.replaceAll('%3A', ':').replaceAll('%2C', ','));
  const properties = list!
    .split(',')
    .map((pair) => [pair.slice(0, pair.indexOf('=')), property(pair.slice(pair.indexOf('=') + 1))]);
  return {
    name,
    properties: Object.fromEntries(properties) as Record<string, string>,
    message: data(line.slice(end + 2)),
  };
}

const same = (file: string) => file;

describe('a command of a GitHub workflow', () => {
  test('names the file, the place and the code, and has the message with its hint', () => {
    expect(formatGithub([diagnostic({ hint: 'did you mean a?' })], (file) => `app/${file}`)).toBe(
      '::error file=app/Dockerfile,line=3,endLine=3,col=6,endColumn=11,title=SourceNotFound::not found (did you mean a?)\n',
    );
  });

  test('has columns only within one line, and the last of an empty range is the first', () => {
    const over = { file: 'f', start: { line: 1, column: 2 }, end: { line: 4, column: 1 } };
    expect(formatGithub([diagnostic({ range: over })], same)).toContain('::error file=f,line=1,endLine=4,title=');
    const empty = { file: 'f', start: { line: 1, column: 2 }, end: { line: 1, column: 2 } };
    expect(formatGithub([diagnostic({ range: empty })], same)).toContain('col=2,endColumn=2');
  });

  test('is a warning without a file where there is no place', () => {
    expect(formatGithub([{ code: 'Usage', severity: 'warning', message: 'm' }], same)).toBe(
      '::warning title=Usage::m\n',
    );
    expect(formatGithub([], same)).toBe('');
  });

  test.each([
    ['a:b,c', 'file=a%3Ab%2Cc,'],
    ['100%/%0A', 'file=100%25/%250A,'],
    ['a\r\nb::error::', 'file=a%0D%0Ab%3A%3Aerror%3A%3A,'],
    ['é ☃=😀', 'file=é ☃=😀,'],
    ['\udcff', 'file=\ufffd,'],
  ])('escapes the file name %j', (file, escaped) => {
    const out = formatGithub([diagnostic({}, file)], same);
    expect(out).toContain(escaped);
    expect(out.split('\n')).toHaveLength(2);
  });

  test('escapes a message, in which colons and commas stand as they are', () => {
    const out = formatGithub([diagnostic({ message: '50%: a,b\n::error::x\r' })], same);
    expect(out).toMatch(/::50%25: a,b%0A::error::x%0D\n$/);
  });

  test('is read back as it was meant, whatever is in it', () => {
    const awkward = fc.string({
      unit: fc.constantFrom('a', '%', '\r', '\n', ':', ',', '=', ' ', '0', 'A', '2', '5', '3', 'é'),
      minLength: 1,
    });
    fc.assert(
      fc.property(awkward, awkward, (file, message) => {
        const out = formatGithub([diagnostic({ message }, file)], same);
        expect(out.indexOf('\n')).toBe(out.length - 1);
        const properties = { file, line: '3', endLine: '3', col: '6', endColumn: '11', title: 'SourceNotFound' };
        expect(readCommand(out.slice(0, -1))).toEqual({ name: 'error', properties, message });
      }),
    );
  });
});
