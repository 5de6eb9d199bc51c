/**
 * The vertices of every Dockerfile of ../shared/llb are BuildKit's own, byte for byte and in its order, with the same names and capabilities.
 * What is equal here shares its vertices, and so its cache on a daemon, with `docker build`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { planBuild } from '../../build/plan.js';
import { listVertices, terminalOp } from '../../llb/marshal.js';
import type { OpMetadata } from '../../llb/op.js';
import { parsePlatform } from '../../oci/platform.js';
import { recordScore } from '../results.js';
import { ROOT } from '../rig.js';

interface Vector {
  readonly case: string;
  readonly dockerfile: string;
  readonly platform: string;
  readonly target?: string;
  /** None for an image without files. */
  readonly ops: readonly {
    readonly digest: string;
    readonly pb: string;
    readonly metadata: { readonly description?: Record<string, string>; readonly caps?: Record<string, boolean> };
  }[];
}

const file = path.join(ROOT, '../shared/llb/vectors.jsonl');
const there = fs.existsSync(file);
const vectors: Vector[] = there
  ? fs
      .readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];

interface Vertex {
  readonly digest: string;
  readonly pb: string;
  readonly metadata: OpMetadata;
}

async function verticesOf({ dockerfile, platform, target }: Vector): Promise<Vertex[]> {
  const { result } = await planBuild(
    {
      file: 'Dockerfile',
      bytes: Buffer.from(dockerfile),
      target,
      platform: platformOf(platform),
      excludes: [],
      named: new Map(),
    },
    () => undefined,
  );
  if (!result) return [];
  const last = { ...terminalOp(result), metadata: TERMINAL };
  return [...listVertices(result), last].map(({ digest, bytes, metadata }) => ({
    digest,
    pb: Buffer.from(bytes).toString('base64'),
    metadata,
  }));
}

/** What marshalDefinition says of the vertex that names the result. */
const TERMINAL: OpMetadata = { name: '', ranges: [], caps: ['constraints', 'meta.description', 'platform'] };

function platformOf(specifier: string) {
  const platform = parsePlatform(specifier, { os: 'linux', architecture: 'amd64' });
  if (typeof platform === 'string') throw new Error(platform);
  return platform;
}

if (!there) {
  test('../shared/llb is there in CI', () => {
    expect(process.env.CI).not.toBe('true');
    console.warn(`not checked: BuildKit's LLB, since ../shared/llb is not there`);
  });
} else {
  describe("BuildKit's vertices", () => {
    test('all are byte-equal, in the same order', async () => {
      const differing: Record<string, unknown> = {};
      for (const vector of vectors) {
        const expected = vector.ops.map(({ digest, pb }) => `${digest} ${pb}`);
        const ours = await verticesOf(vector).catch((error) => [{ digest: String(error), pb: '' }]);
        const actual = ours.map(({ digest, pb }) => `${digest} ${pb}`);
        if (actual.join('\n') !== expected.join('\n')) differing[vector.case] = { actual, expected };
      }
      const total = vectors.length;
      recordScore('llb', { identical: total - Object.keys(differing).length, total });
      expect(total).toBeGreaterThan(0);
      expect(differing).toEqual({});
    });

    test('all have the names that people see, and ask a daemon for the same capabilities', async () => {
      const said = (name: string, caps: readonly string[]) => `${name}: ${[...caps].sort()}`;
      for (const vector of vectors) {
        const expected = vector.ops.map(({ metadata }) =>
          said(metadata.description?.['llb.customname'] ?? '', Object.keys(metadata.caps ?? {})),
        );
        const actual = (await verticesOf(vector)).map(({ metadata }) => said(metadata.name, metadata.caps));
        expect({ case: vector.case, vertices: actual }).toEqual({ case: vector.case, vertices: expected });
      }
    });
  });
}
