import { describe, expect, test } from '@jest/globals';
import { makeVertex } from './marshal.js';
import type { Vertex } from './op.js';
import { printDot, printJson, printMermaid, printText } from './print.js';

const metadata = (name: string) => ({ name, ranges: [], caps: [] });
const COPY = {
  kind: 'copy',
  src: '/a',
  dest: '/b',
  mode: 0o755,
  followSymlink: true,
  dirCopyContents: true,
  createDestPath: true,
  allowWildcard: true,
  allowEmptyWildcard: true,
  includePatterns: [],
  excludePatterns: ['*.md'],
  modeStr: '',
  requiredPaths: [],
} as const;

/** Two steps; the name of the second is as awkward as a Dockerfile can make it. */
function graph(): Vertex {
  const attrs = { 'local.sharedkeyhint': 'context' };
  const context = makeVertex(
    { kind: 'source', identifier: 'local://context', attrs },
    [],
    metadata('[internal] load build context'),
  );
  const owner = { user: { id: 7 }, group: { name: 'staff', input: -1 } };
  const data = Buffer.from('hello');
  const actions = [
    { input: -1, secondaryInput: 0, output: -1, action: { ...COPY, owner } },
    { input: 1, secondaryInput: -1, output: 0, action: { kind: 'mkfile' as const, path: '/EOF', mode: 0o644, data } },
  ];
  return makeVertex({ kind: 'file', actions }, [context], metadata('[1/1] COPY "a" <é|{#;> &\n/'));
}

const SHORT = /[0-9a-f]{12}/g;
const CONTEXT = graph().inputs[0]!.digest.slice(7, 19);
const STEP = graph().digest.slice(7, 19);

describe('a graph', () => {
  test('as text', () => {
    expect(printText(graph())).toBe(`${CONTEXT}  [internal] load build context
    local://context
    local.sharedkeyhint context
${STEP}  [1/1] COPY "a" <é|{#;> &
/
    copy /a → /b  owner 7:staff  mode 755  exclude *.md
    mkfile /EOF 644 5 bytes
    inputs ${CONTEXT}
`);
  });

  test('as JSON, with the bytes of files in base64', () => {
    const list = JSON.parse(printJson(graph()));
    expect(list.map((v: { name: string }) => v.name)).toEqual([
      '[internal] load build context',
      '[1/1] COPY "a" <é|{#;> &\n/',
    ]);
    expect(list[1]).toMatchObject({ digest: graph().digest, inputs: [graph().inputs[0]!.digest] });
    expect(list[1].op.actions[1].action).toEqual({ kind: 'mkfile', path: '/EOF', mode: 0o644, data: 'aGVsbG8=' });
  });

  test('as DOT, every name within its quotes', () => {
    const [head, first, second, edge, end] = printDot(graph()).trimEnd().split('\n');
    expect([head, end]).toEqual(['digraph llb {', '}']);
    expect(first).toBe(`  "${CONTEXT}" [label="[internal] load build context" shape=ellipse];`);
    expect(second).toBe(`  "${STEP}" [label="[1/1] COPY \\"a\\" \\<é\\|\\{#;\\> &\\n/" shape=box];`);
    expect(edge).toBe(`  "${CONTEXT}" -> "${STEP}";`);
  });

  test('as Mermaid, with nothing in a name that Mermaid would read', () => {
    expect(printMermaid(graph())).toBe(`flowchart TD
  ${CONTEXT}(["[internal] load build context"])
  ${STEP}["[1/1] COPY #34;a#34; #60;#233;|{#35;#59;#62; #38;#10;/"]
  ${CONTEXT} --> ${STEP}
`);
  });
});

test('an empty image has no vertices in any form', () => {
  expect(printText(undefined)).toBe('an empty image: no vertices\n');
  expect(printJson(undefined)).toBe('[]\n');
  for (const print of [printDot, printMermaid]) expect(print(undefined)).not.toMatch(SHORT);
});
