/** The dependency rule of the project, as a test: who may import whom. A failure prints the chain that breaks it. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parseFile } from '@swc/core';

/**
 * Every arrow that may be drawn between areas: an area is the first folder below src; index.ts belongs to `build`.
 * A target with a slash is that file alone. What is not listed is forbidden; no arrow turns back.
 */
const ARROWS: readonly (readonly [from: string, to: string])[] = [
  // what a build attests is options for it …
  ['cli', 'attest'],
  ['build', 'attest'],
  // … about a graph, the trees that it makes …
  ['attest', 'llb'],
  ['attest', 'snapshot'],
  // … and the image that they become
  ['attest', 'oci'],
  // a command is options for a build, and words for its result
  ['cli', 'build'],
  // -t is a reference and --platform a platform; both are checked before anything runs
  ['cli', 'oci'],
  // where the store is, by the environment; and what is in it
  ['cli', 'store'],
  // `wbuild llb` prints the graph
  ['cli', 'llb'],
  // `wbuild builder` looks at daemons
  ['cli', 'buildkit'],
  // `wbuild diff` and `inspect` print what a comparison found
  ['cli', 'compare'],
  // `wbuild verify` is a build, and a comparison with another
  ['build', 'compare'],
  // an image to compare lies in an archive, or in the store …
  ['compare', 'store'],
  // … and is made of the documents of OCI
  ['compare', 'oci'],
  // … with layers whose level is found by compressing again
  ['compare', 'layer'],
  // the one place that knows all phases, and wires them
  ['build', 'frontend'],
  ['build', 'llb'],
  ['build', 'context'],
  ['build', 'solver'],
  ['build', 'snapshot'],
  ['build', 'layer'],
  ['build', 'store'],
  ['build', 'oci'],
  ['build', 'exporter'],
  ['build', 'registry'],
  ['build', 'docker'],
  // login, logout and pull are about a registry and nothing else
  ['cli', 'registry'],
  // `wbuild version --json` says what decides bytes
  ['cli', 'layer/pieces.ts'],
  ['cli', 'solver/layer-key.ts'],
  // `wbuild run` runs the program of an image
  ['build', 'wasi'],
  // an image, and the blobs that it is made of, to a registry and from one
  ['registry', 'oci'],
  ['registry', 'store'],
  ['build', 'buildkit'],
  // the same graph on a daemon …
  ['buildkit', 'llb'],
  // … over files from a context …
  ['buildkit', 'context'],
  // … which are a tree, whose layers come back …
  ['buildkit', 'snapshot'],
  ['buildkit', 'store'],
  // … for an image
  ['buildkit', 'oci'],
  // Dockerfile text becomes a Definition …
  ['frontend', 'llb'],
  // … and the part of an image config that the Dockerfile says
  ['frontend', 'oci'],
  // a diagnostic names the rule that excludes a source; the frontend reads no context for it
  ['frontend', 'context/ignore.ts'],
  // CopyIgnoredFile asks the patterns of an ignore file
  ['frontend', 'snapshot/patterns.ts'],
  // a vertex is solved by what its op says …
  ['solver', 'llb'],
  // … over files from a context …
  ['solver', 'context'],
  // … into a tree …
  ['solver', 'snapshot'],
  // … and its difference into a layer …
  ['solver', 'layer'],
  // … kept for the next build
  ['solver', 'store'],
  // a cached layer is an image's layer
  ['solver', 'oci'],
  // bytes of an image, in the shape that an output type asks for
  ['exporter', 'oci'],
  ['exporter', 'store'],
  // `local` and `tar` write the tree itself
  ['exporter', 'snapshot'],
  // an archive has the same tar headers as a layer
  ['exporter', 'layer'],
  // the store is an OCI layout: images in its index, with manifests and configs
  ['store', 'oci'],
  // a layer is the changes of a tree, as a blob with its descriptor
  ['layer', 'snapshot'],
  ['layer', 'store'],
  ['layer', 'oci'],
  // a context is a tree, and may be an image in an OCI layout
  ['context', 'snapshot'],
  ['context', 'store'],
  ['context', 'oci'],
];

/** Areas that anyone may import; they import only one another. `generated` holds the grammars. */
const COMMON = ['diagnostic', 'progress', 'util', 'generated'];

/**
 * The files that may touch `process`, each the beginning of one; time, environment and streams are parameters everywhere else. The last two ask
 * what reaches no output: whose file it is, and how long something took.
 */
const PROCESS = ['cli/main.ts', 'wasi/runner.ts', 'store/checks.ts', 'util/monotonic.ts'];

interface Source {
  /** Files of src that it imports, relative to src. */
  readonly files: readonly string[];
  readonly packages: readonly string[];
  readonly touchesProcess: boolean;
}

const src = fileURLToPath(new URL('..', import.meta.url));
const sources = new Map<string, Source>();

beforeAll(async () => {
  const names = fs
    .readdirSync(src, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll(path.sep, '/'));
  for (const name of names.filter((n) => /\.ts$/.test(n) && !/\.(test|d)\.ts$|^(test|generated)\//.test(n)).sort()) {
    // generated messages, which are made of @bufbuild/protobuf
    const generated = /^buildkit\/proto\//.test(name);
    sources.set(name, generated ? { files: [], packages: [], touchesProcess: false } : await readSource(name));
  }
});

/** What is read of the parser's nodes. */
interface Node {
  readonly type: string;
  readonly source?: { readonly value: string } | null;
  readonly callee?: Node;
  readonly argument?: { readonly value: string };
  readonly arguments?: readonly { readonly expression: Node }[];
  readonly value?: unknown;
}

async function readSource(name: string): Promise<Source> {
  const imports: string[] = [];
  let touchesProcess = false;
  visit(await parseFile(path.join(src, name), { syntax: 'typescript', target: 'es2022' }), (node) => {
    if (/^(Import|ExportNamed|ExportAll)Declaration$/.test(node.type) && node.source) imports.push(node.source.value);
    if (node.type === 'CallExpression' && node.callee?.type === 'Import') imports.push(dynamicImport(name, node));
    if (node.type === 'TsImportType') imports.push(node.argument!.value);
    if (node.type === 'Identifier' && node.value === 'process') touchesProcess = true;
  });
  if (imports.includes('node:process')) touchesProcess = true;
  const inside = imports.filter((spec) => spec.startsWith('.'));
  const outside = imports.filter((spec) => !spec.startsWith('.') && !spec.startsWith('node:'));
  return {
    files: inside.map((spec) => path.posix.join(path.posix.dirname(name), spec).replace(/\.js$/, '.ts')),
    packages: outside.map((spec) => spec.split('/', spec.startsWith('@') ? 2 : 1).join('/')),
    touchesProcess,
  };
}

function dynamicImport(name: string, call: Node): string {
  const target = call.arguments?.[0]?.expression;
  if (target?.type !== 'StringLiteral') throw new Error(`src/${name}: import() of something else than a plain string`);
  return String(target.value);
}

function visit(node: unknown, see: (node: Node) => void): void {
  if (node === null || typeof node !== 'object') return;
  if ('type' in node) see(node as Node);
  for (const child of Object.values(node)) visit(child, see);
}

/** 'solver/ops/file-op.ts' → 'solver'. */
const areaOf = (file: string) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : 'build');

function mayImport(from: string, to: string): boolean {
  const [a, b] = [areaOf(from), areaOf(to)];
  if (a === b || COMMON.includes(b)) return true;
  return ARROWS.some(([x, y]) => x === a && (y === b || y === to));
}

/** The shortest way from a file that nobody imports (or from `file` itself) down to `file`. */
function chainTo(file: string): readonly string[] {
  const importers = [...sources].filter(([, source]) => source.files.includes(file)).map(([name]) => name);
  const seen = new Set([file]);
  let front = importers.map((name) => [name, file]);
  for (let chain = front.shift(); chain; chain = front.shift()) {
    const head = chain[0]!;
    if (seen.has(head)) continue;
    seen.add(head);
    const above = [...sources].filter(([, source]) => source.files.includes(head)).map(([name]) => name);
    if (above.length === 0) return chain;
    front = [...front, ...above.map((name) => [name, ...chain])];
  }
  return [file];
}

/** One cycle through each strongly connected group of files, as `a → b → a`. */
function cycles(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      found.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const next of sources.get(file)?.files ?? []) walk(next, [...trail, file]);
    done.add(file);
  };
  for (const file of sources.keys()) walk(file, []);
  return found;
}

describe('imports', () => {
  test('the table names areas and files that exist, once each, and draws no circle', () => {
    const areas = new Set([...sources.keys()].map(areaOf));
    const targets = ARROWS.flat().filter((end) => !sources.has(end) && !areas.has(end));
    expect(targets).toEqual([]);
    expect(new Set(ARROWS.map(String)).size).toBe(ARROWS.length);
    const above = (area: string, trail: readonly string[]): void => {
      expect(trail).not.toContain(area);
      for (const [from, to] of ARROWS) if (to === area) above(from, [...trail, area]);
    };
    for (const area of areas) above(area, []);
  });

  test('follow the arrows', () => {
    const wrong: string[] = [];
    for (const [from, { files }] of sources) {
      for (const to of files.filter((file) => !mayImport(from, file))) {
        const allowed = ARROWS.filter(([area]) => area === areaOf(from)).map(([, end]) => end);
        wrong.push(
          `${[...chainTo(from), to].join(' → ')}: ${areaOf(from)} may import ${[...allowed, ...COMMON].join(', ')}`,
        );
      }
    }
    expect(wrong).toEqual([]);
  });

  test('make no cycle, not even of types', () => {
    expect(cycles()).toEqual([]);
  });

  test('find their files', () => {
    const lost = [...sources].flatMap(([from, { files }]) =>
      files.filter((file) => !sources.has(file) && areaOf(file) !== 'generated').map((file) => `${from} → ${file}`),
    );
    expect(lost).toEqual([]);
  });

  test('each third-party package has one importer, and is declared', () => {
    const imported = [...new Set([...sources.values()].flatMap(({ packages }) => packages))].sort();
    const importers = (name: string) =>
      [...sources].filter(([, source]) => source.packages.includes(name)).map(([file]) => file);
    const shared = imported.filter((name) => importers(name).length > 1);
    expect(shared.map((name) => `${name}: ${importers(name).join(', ')}`)).toEqual([]);
    const manifest = JSON.parse(fs.readFileSync(path.join(src, '../package.json'), 'utf8'));
    expect(imported).toEqual(Object.keys(manifest.dependencies).sort());
  });
});

test('only the beginnings of a process touch it', () => {
  const touching = [...sources].filter(([name, source]) => source.touchesProcess && !PROCESS.includes(name));
  expect(touching.map(([name]) => name)).toEqual([]);
});
