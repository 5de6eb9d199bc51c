import { describe, expect, test } from '@jest/globals';
import { componentWorld, inspectWasm } from './wasm.js';

const HEAD = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const inspect = (bytes: readonly number[]) => {
  const all = Uint8Array.from(bytes);
  return inspectWasm((offset, length) => all.subarray(offset, offset + length), all.length);
};
/** Exports by name and kind. */
const exportsSection = (...list: readonly (readonly [name: string, kind: number])[]) => {
  const body = [list.length, ...list.flatMap(([name, kind]) => [name.length, ...Buffer.from(name), kind, 0])];
  return [7, body.length, ...body];
};

describe('inspectWasm', () => {
  test('a module tells its functions, wherever the section stands', () => {
    const custom = [0, 3, 1, 0x61, 0];
    const bytes = [...HEAD, ...custom, ...exportsSection(['memory', 2], ['_start', 0], ['run', 0]), ...custom];
    expect(inspect(bytes)).toEqual({ kind: 'module', functions: ['_start', 'run'] });
  });

  test('a module without exports', () => {
    expect(inspect(HEAD)).toEqual({ kind: 'module', functions: [] });
  });

  test('a component', () => {
    expect(inspect([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0])).toEqual({ kind: 'component' });
  });

  test.each([
    ['nothing', []],
    ['a script', [...Buffer.from('#!/bin/sh\n')]],
    ['text format', [...Buffer.from('(module)')]],
    ['another version', [0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]],
    ['a cut header', HEAD.slice(0, 6)],
  ])('%s is neither', (_, bytes) => {
    expect(inspect(bytes)).toEqual({ kind: 'other' });
  });

  test.each([
    ['a section that is cut', [7, 20, 1]],
    ['a length that never ends', [7, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['a name that is cut', [7, 3, 1, 40, 0x61]],
    ['more exports than there are', [7, 1, 9]],
  ])('%s is damage, and not read past', (_, section) => {
    expect(inspect([...HEAD, ...section])).toEqual({ kind: 'module', functions: undefined });
  });
});

describe('componentWorld', () => {
  const COMPONENT = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];
  const world = (...sections: readonly (readonly number[])[]) => {
    const all = Uint8Array.from([...COMPONENT, ...sections.flat()]);
    return componentWorld((offset, length) => all.subarray(offset, offset + length), all.length);
  };
  const section = (id: number, ...body: readonly (number | string)[]) => {
    const bytes = body.flatMap((part) => (typeof part === 'string' ? [part.length, ...Buffer.from(part)] : [part]));
    return [id, bytes.length, ...bytes];
  };

  test('names what a component asks for and gives, over several sections, and not what is within it', () => {
    // name form, name, kind and index of each import; name form, name, sort, index and no description of each export
    const imports = section(10, 2, 0, 'wasi:cli/environment@0.2.0', 5, 0, 1, 'a', 0, 0x11, 3);
    const more = section(10, 2, 0, 'f', 1, 7, 0, 't', 3, 1);
    const exports = section(11, 2, 0, 'wasi:cli/run@0.2.0', 5, 1, 0, 0, 'g', 0, 0x11, 2, 1, 1, 4);
    const inner = section(4, ...COMPONENT, ...section(11, 1, 0, 'inner', 5, 0, 0));
    expect(world(section(7, 0), imports, inner, more, exports)).toEqual({
      imports: ['wasi:cli/environment@0.2.0', 'a', 'f', 't'],
      exports: ['wasi:cli/run@0.2.0', 'g'],
    });
    expect(world()).toEqual({ imports: [], exports: [] });
  });

  test.each([
    ['a section that is cut', [10, 20, 1]],
    ['another form of name', section(10, 1, 9, 'a', 5, 0)],
    ['a kind that is none', section(10, 1, 0, 'a', 9, 0)],
    ['more than there are', section(11, 9)],
    ['a description that is cut', section(11, 1, 0, 'a', 1, 0, 1)],
  ])('%s is damage', (_, bytes) => {
    expect(world(bytes)).toBeUndefined();
  });
});
