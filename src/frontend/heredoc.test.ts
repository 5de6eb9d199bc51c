import { describe, expect, test } from '@jest/globals';
import { type CopyCommand, parseInstruction } from './instructions.js';
import { parseDockerfile } from './parse.js';

/** The sources of the first COPY: names of files, and heredocs as name and content. */
function sourcesOf(...lines: string[]): { files: string[]; heredocs: [string, string][] } {
  const fail = (d: { message: string }) => {
    throw new Error(d.message);
  };
  const document = parseDockerfile(['FROM scratch', ...lines, ''].join('\n'), 'Dockerfile', fail);
  const copy = parseInstruction(document.instructions[1]!, fail) as CopyCommand;
  return { files: copy.sources.map((s) => s.text), heredocs: copy.heredocs.map((h) => [h.name, h.content]) };
}

describe('COPY', () => {
  test('takes <<NAME among its sources as the text that follows', () => {
    expect(sourcesOf('COPY a <<E b <<-F /x/', 'one', 'E', '\ttwo', '\tF')).toEqual({
      files: ['a', 'b'],
      heredocs: [
        ['E', 'one\n'],
        ['F', 'two\n'],
      ],
    });
  });

  test('reads << with a blank behind it as names of files, although the lines that follow are those of a heredoc', () => {
    expect(sourcesOf('COPY << EOF /x', 'text', 'EOF')).toEqual({ files: ['<<', 'EOF'], heredocs: [] });
  });

  test('gives nothing to a heredoc in the JSON form', () => {
    expect(sourcesOf('COPY ["<<EOF", "/x/"]')).toEqual({ files: [], heredocs: [['EOF', '']] });
  });

  test('gives the last of two texts of one name to both', () => {
    expect(sourcesOf('COPY <<E <<E /x/', 'one', 'E', 'two', 'E').heredocs).toEqual([
      ['E', 'two\n'],
      ['E', 'two\n'],
    ]);
  });
});
