import { describe, expect, test } from '@jest/globals';
import wabt from 'wabt';
import { producers } from './wasm-producers.js';
import { type WasmContents, WasmScanner } from './wasm-sections.js';

const MODULE = `(module
  (import "env" "memory" (memory 1 2))
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (import "env" "base" (global i32))
  (func $start)
  (table (export "t") 1 funcref)
  (export "_start" (func $start)))`;

async function compile(text: string): Promise<Buffer> {
  return Buffer.from((await wabt()).parseWat('m.wat', text).toBinary({ write_debug_names: true }).buffer);
}

const leb = (n: number) => Buffer.from(n < 128 ? [n] : [(n & 127) | 128, n >> 7]);
const text = (s: string) => Buffer.concat([leb(Buffer.byteLength(s)), Buffer.from(s)]);

function section(id: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(id), leb(body.length), body]);
}

/** Pushes in pieces of every size that could split something. */
function scan(bytes: Buffer, size: number): WasmContents | undefined {
  const scanner = new WasmScanner();
  for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size));
  return scanner.finish();
}

describe('WasmScanner', () => {
  test('finds sections, imports and exports, however the bytes come', async () => {
    const bytes = await compile(MODULE);
    const whole = scan(bytes, bytes.length)!;
    for (const size of [1, 2, 3, 7, 64]) expect(scan(bytes, size)).toEqual(whole);
    expect(whole.sections.map((s) => s.name)).toEqual([
      'type',
      'import',
      'function',
      'table',
      'export',
      'code',
      'custom "name"',
    ]);
    expect(whole.imports).toEqual([
      { name: 'env.memory', kind: 'memory' },
      { name: 'wasi_snapshot_preview1.fd_write', kind: 'func' },
      { name: 'env.base', kind: 'global' },
    ]);
    expect(whole.exports).toEqual([
      { name: 't', kind: 'table' },
      { name: '_start', kind: 'func' },
    ]);
    expect(whole.damaged).toBeUndefined();
  });

  test('says where a module ends too early, and knows what is no module', async () => {
    const bytes = await compile(MODULE);
    expect(scan(bytes.subarray(0, bytes.length - 3), 5)?.damaged).toBe('it ends within a section');
    expect(scan(Buffer.from('\0asn plain'), 3)).toBeUndefined();
    expect(scan(Buffer.from('\0as'), 3)).toBeUndefined();
    expect(scan(Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255]), 4)?.damaged).toMatch(
      /no length/,
    );
  });

  test('looks into the modules of a component', async () => {
    const inner = await compile(MODULE);
    const imported = section(10, leb(1), Buffer.of(0), text('wasi:cli/run@0.2.0'), Buffer.of(5, 0));
    const exported = section(11, leb(1), Buffer.of(0), text('run'), Buffer.of(1, 0, 0));
    const head = Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);
    const found = scan(Buffer.concat([head, section(1, inner), imported, exported]), 11)!;
    expect(found.kind).toBe('component');
    expect(found.sections.map((s) => s.name)).toContain('core module 0: custom "name"');
    expect(found.imports).toEqual([{ name: 'wasi:cli/run@0.2.0', kind: 'instance' }]);
    expect(found.exports).toEqual([{ name: 'run', kind: 'func' }]);
  });
});

test('producers', () => {
  const values = Buffer.concat([leb(2), text('rustc'), text('1.80.0'), text('clang'), text('')]);
  const content = Buffer.concat([text('producers'), leb(1), text('processed-by'), values]);
  expect(producers(content)).toEqual(['processed-by rustc 1.80.0', 'processed-by clang']);
  expect(producers(content.subarray(0, 20))).toEqual([]);
});
