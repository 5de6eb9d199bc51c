import { describe, expect, test } from '@jest/globals';
import type { Diagnostic } from './diagnostic.js';
import { formatDiagnostic, formatDiagnosticsJson } from './format.js';

type Place = readonly [number, number, number, number];

function diagnostic([line, column, endLine, endColumn]: Place, more: Partial<Diagnostic> = {}): Diagnostic {
  const range = { file: 'Dockerfile', start: { line, column }, end: { line: endLine, column: endColumn } };
  return { code: 'SourceNotFound', severity: 'error', message: 'not found', range, ...more };
}

function frame(text: string, place: Place, more: Partial<Diagnostic> = {}): string {
  return formatDiagnostic(diagnostic(place, more), { text, color: false });
}

describe('formatDiagnostic', () => {
  test('a word in a line, with a hint', () => {
    const text = 'FROM scratch\n\nCOPY ./bin/Debug/x.wasm /x\n';
    const hint = 'did you mean bin/debug/x.wasm?';
    expect(frame(text, [3, 6, 3, 24], { code: 'CopyIgnoredFile', message: 'it is ignored', hint })).toBe(
      `error[CopyIgnoredFile]: it is ignored
 --> Dockerfile:3:6
  |
3 | COPY ./bin/Debug/x.wasm /x
  |      ^^^^^^^^^^^^^^^^^^
  = help: did you mean bin/debug/x.wasm?`,
    );
  });

  test('a line number of two digits widens the margin', () => {
    expect(frame(`${'\n'.repeat(9)}COPY a /\n`, [10, 6, 10, 7], { severity: 'warning', hint: 'one\ntwo' })).toBe(
      `warning[SourceNotFound]: not found
  --> Dockerfile:10:6
   |
10 | COPY a /
   |      ^
   = help: one
           two`,
    );
  });

  test('a range over lines: all of them up to five, blank ones without a mark', () => {
    expect(frame('FROM scratch\nCOPY a \\\n\n\tb \\\r\n  /x y\n', [2, 6, 5, 5])).toBe(
      `error[SourceNotFound]: not found
 --> Dockerfile:2:6
  |
2 | COPY a \\
  |      ^^^
3 |
4 |     b \\
  |     ^^^
5 |   /x y
  |   ^^`,
    );
  });

  test('a range over many lines shows the first and the last', () => {
    const text = Array.from({ length: 12 }, (_, i) => `line ${i + 1}`).join('\n');
    expect(frame(text, [2, 1, 12, 5])).toBe(
      `error[SourceNotFound]: not found
  --> Dockerfile:2:1
   |
 2 | line 2
   | ^^^^^^
 3 | line 3
   | ^^^^^^
 4 | line 4
   | ^^^^^^
...
11 | line 11
   | ^^^^^^^
12 | line 12
   | ^^^^`,
    );
  });

  test('a range that ends at the start of a line ends with the line before', () => {
    expect(frame('COPY a /\nCOPY b /\n', [1, 1, 2, 1])).toBe(
      `error[SourceNotFound]: not found
 --> Dockerfile:1:1
  |
1 | COPY a /
  | ^^^^^^^^`,
    );
  });

  test.each<[string, Place, string, string]>([
    ['an empty range is one mark', [1, 1, 1, 1], '1 | COPY a', '  | ^'],
    ['at the end of the line', [1, 7, 1, 7], '1 | COPY a', '  |       ^'],
    ['past the end of the line', [1, 90, 1, 99], '1 | COPY a', '  |       ^'],
    ['an empty last line', [2, 1, 2, 1], '2 |', '  | ^'],
  ])('%s', (_about, place, line, marks) => {
    expect(frame('COPY a\n', place).split('\n').slice(3)).toEqual([line, marks]);
  });

  test.each<[string, string, number, number, string, string]>([
    ['tabs go to the next stop', 'COPY\ta\tb', 8, 9, 'COPY    a   b', '            ^'],
    ['wide characters take two columns', 'COPY 漢字 x', 9, 10, 'COPY 漢字 x', '          ^'],
    ['an emoji is a surrogate pair and takes two columns', 'COPY 😀 x', 6, 8, 'COPY 😀 x', '     ^^'],
    ['a combining mark takes none', 'COPY e\u0301e\u0301 x', 11, 12, 'COPY e\u0301e\u0301 x', '        ^'],
    ['a heart drawn as an emoji takes two', 'COPY \u2764\ufe0f x', 9, 10, 'COPY \u2764\ufe0f x', '        ^'],
    ['a skin tone joins its hand', 'COPY 👍🏽 x', 11, 12, 'COPY 👍🏽 x', '        ^'],
    ['a mark with nothing to stand on is shown by its number', 'COPY \u0301a', 6, 7, 'COPY \\u{301}a', '     ^^^^^^^'],
    ['control characters', 'COPY \x1b[2J x', 6, 7, 'COPY \\x1b[2J x', '     ^^^^'],
    ['C1 control characters', 'COPY \x9b2J', 6, 7, 'COPY \\u009b2J', '     ^^^^^^'],
    ['bidirectional overrides', 'COPY \u202ea', 7, 8, 'COPY \\u202ea', '           ^'],
    ['zero-width characters', 'COPY a\u200bb', 6, 9, 'COPY a\\u200bb', '     ^^^^^^^^'],
    ['bytes that are no UTF-8', 'COPY \udcff x', 6, 7, 'COPY \\xff x', '     ^^^^'],
    ['half a surrogate pair', 'COPY \ud800 x', 6, 7, 'COPY \\ud800 x', '     ^^^^^^'],
    ['a carriage return within a line', 'COPY a\rb', 8, 9, 'COPY a\\rb', '        ^'],
    ['a byte order mark does not count', '\ufeffCOPY a', 6, 7, 'COPY a', '     ^'],
  ])('%s', (_about, text, from, to, line, marks) => {
    expect(frame(text, [1, from, 1, to]).split('\n').slice(3)).toEqual([`1 | ${line}`, `  | ${marks}`]);
  });

  test.each<[string, Place, string, string]>([
    ['the start', [1, 1, 1, 5], '1 | COPY f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10…', '  | ^^^^'],
    ['the middle', [1, 80, 1, 83], '1 | …f18 f19 f20 f21 f22 f23 f24 f25 f26 f2…', '  |              ^^^'],
    [
      'the end',
      [1, 260, 1, 262],
      '1 | …f57 f58 f59 f60 f61 f62 f63 f64 f65 /x',
      '  |                                      ^^',
    ],
    ['more than fits', [1, 6, 1, 262], '1 | COPY f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10…', `  |      ${'^'.repeat(33)}`],
  ])('a long line is cut around %s of the range', (_about, place, line, marks) => {
    const text = `COPY ${Array.from({ length: 66 }, (_, i) => `f${i}`).join(' ')} /x`;
    const out = formatDiagnostic(diagnostic(place), { text, color: false, width: 38 }).split('\n').slice(3);
    expect(out).toEqual([line, marks]);
  });

  test('a line of ten million characters is not laid out in full, nor a pair at the cut torn', () => {
    const text = `${'😀'.repeat(2_500_000)}x${'😀'.repeat(2_500_000)}`;
    const out = formatDiagnostic(diagnostic([1, 5_000_001, 1, 5_000_002]), { text, color: false, width: 20 });
    expect(out.split('\n').slice(3)).toEqual([`1 | …😀😀😀x${'😀'.repeat(6)}…`, '  |        ^']);
  });

  test('without the text, or the line, the place is named alone', () => {
    const alone = 'error[SourceNotFound]: not found\n --> Dockerfile:7:3';
    expect(formatDiagnostic(diagnostic([7, 3, 7, 4]), { color: false })).toBe(alone);
    expect(frame('one line\n', [7, 3, 7, 4])).toBe(alone);
  });

  test('without a range, and with a message that tries to look like another', () => {
    const spoof: Diagnostic = { code: 'Usage', severity: 'error', message: 'a\nerror[b]: \x1b[2J', hint: 'c' };
    expect(formatDiagnostic(spoof, { color: false })).toBe('error[Usage]: a\n  error[b]: \\x1b[2J\n  = help: c');
  });

  test('a file name is escaped', () => {
    const range = { file: 'a\nb\x1b', start: { line: 1, column: 1 }, end: { line: 1, column: 2 } };
    const out = formatDiagnostic(diagnostic([1, 1, 1, 2], { range }), { color: false });
    expect(out).toBe('error[SourceNotFound]: not found\n --> a\\nb\\x1b:1:1');
  });

  test('colour, only if asked for', () => {
    const out = formatDiagnostic(diagnostic([1, 6, 1, 7], { hint: 'h' }), { text: 'COPY a', color: true });
    expect(JSON.stringify(out.split('\n'), null, 1)).toBe(
      JSON.stringify(
        [
          '\x1b[1;31merror[SourceNotFound]\x1b[0m\x1b[1m: \x1b[0m\x1b[1mnot found\x1b[0m',
          ' \x1b[1;34m-->\x1b[0m Dockerfile:1:6',
          '  \x1b[1;34m|\x1b[0m',
          '\x1b[1;34m1 |\x1b[0m COPY a',
          '  \x1b[1;34m|\x1b[0m \x1b[1;31m     ^\x1b[0m'.replace('\x1b[1;31m     ^', '     \x1b[1;31m^'),
          '  \x1b[1;34m=\x1b[0m \x1b[1mhelp\x1b[0m: h',
        ],
        null,
        1,
      ),
    );
  });
});

describe('formatDiagnosticsJson', () => {
  test('every key is there, null where there is nothing', () => {
    const list: Diagnostic[] = [
      diagnostic([3, 6, 4, 1], { hint: 'h' }),
      { code: 'Usage', severity: 'error', message: 'm' },
    ];
    expect(formatDiagnosticsJson(list)).toBe(
      '{"diagnostics":[' +
        '{"code":"SourceNotFound","severity":"error","message":"not found","hint":"h","file":"Dockerfile",' +
        '"start":{"line":3,"column":6},"end":{"line":4,"column":1}},' +
        '{"code":"Usage","severity":"error","message":"m","hint":null,"file":null,"start":null,"end":null}]}',
    );
    expect(formatDiagnosticsJson([])).toBe('{"diagnostics":[]}');
  });

  test('one line, safe on a terminal, without lone surrogates', () => {
    const message = 'a\n\x1b[2J \x9b \u202e \udcff é';
    expect(formatDiagnosticsJson([{ code: 'Usage', severity: 'error', message }])).toContain(
      '"message":"a\\n\\u001b[2J \\u009b \\u202e \\\\xff é"',
    );
  });
});
