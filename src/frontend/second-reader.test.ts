import { expect, test } from '@jest/globals';
import { parseDockerfile } from './parse.js';
import { secondOpinion } from './second-reader.js';

async function opinion(text: string): Promise<string[]> {
  const document = parseDockerfile(text, 'Dockerfile', () => undefined);
  return (await secondOpinion(document)).map((d) => `${d.code}:${d.range?.start.line}`);
}

test.each([
  ['plain', 'FROM scratch\nCOPY a /b\nENTRYPOINT ["/b"]\n'],
  ['continuations and comments', 'FROM scratch\nCOPY a \\\n # comment\n  /b\nentrypoint ["/b"]\n'],
  ['a heredoc', 'FROM scratch\nCOPY <<EOF /b\nRUN nothing\nEOF\nCOPY a /c\n'],
  ['CRLF and a byte order mark', '\ufeffFROM scratch\r\nCOPY a /b\r\n'],
  ['a stage of other instructions', 'FROM rust AS builder\nRUN cargo build\nFROM scratch\nCOPY --from=builder /a /a\n'],
  ['an unknown instruction', 'FORM scratch\nCOPPY a /b\nCOPY a /b\n'],
  ['an argument that is refused', 'FROM scratch\nENTRYPOINT [1, "a"]\nCOPY a /b\n'],
])('%s: both readers agree', async (_, text) => {
  expect(await opinion(text)).toEqual([]);
});

test('a doubled escape at the end of a line swallows the next instruction elsewhere', async () => {
  expect(await opinion('FROM scratch\nCOPY a /x\\\\\nCOPY b /y\n')).toEqual(['AmbiguousDockerfile:3']);
});

test('a quoted heredoc name with a blank is a heredoc to BuildKit alone', async () => {
  expect(await opinion('FROM scratch\nCOPY <<"E O" /x\nRUN nothing\nE O\nCOPY a /b\n')).toEqual([
    'AmbiguousDockerfile:3',
  ]);
});

test('a line too long for the second reader is left alone', async () => {
  expect(await opinion(`FROM scratch\nCOPY ${'a '.repeat(20_000)}/b\n`)).toEqual([]);
});
