import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  cleanUpTemporaries,
  registerTemporary,
  removeTree,
  TemporaryFile,
  type WriteStep,
  writeFileAtomically,
  writeFolderAtomically,
  writeSmallFile,
} from './atomic-write.js';

let dir: string;

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'atomic-'));
});

afterEach(() => removeTree(dir));

const at = (...parts: string[]) => path.join(dir, ...parts);
const text = (...parts: string[]) => fs.readFileSync(at(...parts), 'utf8');

/** A hook that fails at one step. */
function failAt(step: WriteStep) {
  return (reached: WriteStep) => {
    if (reached === step) throw Object.assign(new Error(`no ${step}`), { code: 'ENOSPC' });
  };
}

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

describe('a file', () => {
  test('is written from bytes or from chunks, and nothing else stays', async () => {
    await writeFileAtomically(at('a'), Buffer.from('one'));
    await writeFileAtomically(at('b'), chunks('t', 'wo'), { chmod: 0o640 });
    expect([text('a'), text('b')]).toEqual(['one', 'two']);
    expect(fs.statSync(at('b')).mode & 0o777).toBe(0o640);
    expect(fs.readdirSync(dir)).toEqual(['a', 'b']);
  });

  test.each(['create', 'write', 'rename'] as const)('that fails at %s leaves the previous one', async (step) => {
    fs.writeFileSync(at('a'), 'old');
    const writing = writeFileAtomically(at('a'), chunks('n', 'ew'), { onStep: failAt(step) });
    await expect(writing).rejects.toThrow(`no ${step}`);
    expect(text('a')).toBe('old');
    expect(fs.readdirSync(dir)).toEqual(['a']);
  });

  test('whose last write fails is not written', async () => {
    const file = await TemporaryFile.create(at('x.tmp'));
    await file.write(Buffer.from('one'));
    await file.write({ length: 3 } as Uint8Array); // what the system call refuses
    await expect(file.moveTo(at('a'))).rejects.toThrow();
    await file.discard();
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  test('whose source fails is not written', async () => {
    async function* broken() {
      yield Buffer.from('half');
      throw new Error('no more');
    }
    await expect(writeFileAtomically(at('a'), broken())).rejects.toThrow('no more');
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  test('in a folder that is not there fails with the system error', async () => {
    await expect(writeFileAtomically(at('no', 'a'), Buffer.from('x'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a small file', () => {
  test('is written, and nothing else stays', async () => {
    const steps: WriteStep[] = [];
    await writeSmallFile(at('t'), at('a'), Buffer.from('one'), { mode: 0o600, onStep: (step) => steps.push(step) });
    expect(text('a')).toBe('one');
    expect(fs.statSync(at('a')).mode & 0o777).toBe(0o600);
    expect(fs.readdirSync(dir)).toEqual(['a']);
    expect(steps).toEqual(['create', 'write', 'sync', 'rename']);
  });

  test.each(['create', 'write', 'sync', 'rename'] as const)(
    'that fails at %s leaves the previous one',
    async (step) => {
      fs.writeFileSync(at('a'), 'old');
      const writing = writeSmallFile(at('t'), at('a'), Buffer.from('new'), { onStep: failAt(step) });
      await expect(writing).rejects.toThrow(`no ${step}`);
      expect(text('a')).toBe('old');
      expect(fs.readdirSync(dir)).toEqual(['a']);
    },
  );
});

describe('a folder', () => {
  const fill = async (folder: string) => fs.writeFileSync(path.join(folder, 'f'), 'new');

  test('is written, and takes the place of the previous one with all that it held', async () => {
    await writeFolderAtomically(at('d'), fill);
    expect(text('d', 'f')).toBe('new');
    fs.writeFileSync(at('d', 'f'), 'old');
    fs.writeFileSync(at('d', 'g'), 'old');
    await writeFolderAtomically(at('d'), fill);
    expect(fs.readdirSync(at('d'))).toEqual(['f']);
    expect(fs.readdirSync(dir)).toEqual(['d']);
  });

  test.each(['create', 'set-aside', 'rename'] as const)('that fails at %s leaves the previous one', async (step) => {
    fs.mkdirSync(at('d'));
    fs.writeFileSync(at('d', 'f'), 'old');
    await expect(writeFolderAtomically(at('d'), fill, { onStep: failAt(step) })).rejects.toThrow(`no ${step}`);
    expect(text('d', 'f')).toBe('old');
    expect(fs.readdirSync(dir)).toEqual(['d']);
  });

  test('is in place even when the previous one cannot be removed', async () => {
    fs.mkdirSync(at('d'));
    await writeFolderAtomically(at('d'), fill, { onStep: failAt('remove-previous') });
    expect(text('d', 'f')).toBe('new');
  });

  test('whose filling fails is not written', async () => {
    const broken = async (folder: string) => {
      fs.mkdirSync(path.join(folder, 'sub'));
      throw new Error('stop');
    };
    await expect(writeFolderAtomically(at('d'), broken)).rejects.toThrow('stop');
    expect(fs.readdirSync(dir)).toEqual([]);
  });
});

test('an interrupt removes everything that is being written, newest first, and goes on after a failure', async () => {
  const undone: string[] = [];
  registerTemporary('first', () => undone.push('first'));
  registerTemporary('second', () => {
    undone.push('second');
    throw new Error('cannot');
  });
  const file = await TemporaryFile.create(at('x.tmp'));
  await file.write(Buffer.from('half'));
  cleanUpTemporaries();
  expect(undone).toEqual(['second', 'first']);
  expect(fs.readdirSync(dir)).toEqual([]);
  await expect(file.moveTo(at('x'))).rejects.toMatchObject({ code: 'ENOENT' });
  cleanUpTemporaries(); // nothing left to do
  expect(undone).toHaveLength(2);
});

test('a tree whose folders forbid it is removed all the same, names that are no UTF-8 included', () => {
  const name = Buffer.concat([Buffer.from(at('t', 'a', 'x')), Buffer.of(0xff)]);
  fs.mkdirSync(at('t', 'a'), { recursive: true });
  fs.mkdirSync(name);
  fs.writeFileSync(Buffer.concat([name, Buffer.from('/f')]), '');
  fs.chmodSync(name, 0o500);
  fs.chmodSync(at('t', 'a'), 0o500);
  removeTree(at('t'));
  expect(fs.existsSync(at('t'))).toBe(false);
});
