/** What Go's and BuildKit's own functions gave for lists of inputs: testdata/vectors/*.jsonl, one JSON object a line. */
import fs from 'node:fs';
import path from 'node:path';
import { decodeText } from '../util/text.js';
import { TESTDATA } from './rig.js';

/** Text; bytes that are no UTF-8 in hexadecimal. */
export type VectorText = string | { readonly hex: string };

/** A text as wbuild carries it. */
export function textOf(text: VectorText): string {
  return typeof text === 'string' ? text : decodeText(Buffer.from(text.hex, 'hex'));
}

/** The lines of testdata/vectors/<name>.jsonl. */
export function readVectors<T>(name: string): T[] {
  const lines = fs
    .readFileSync(path.join(TESTDATA, 'vectors', `${name}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}
