import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { BuildEvent } from '../progress/event.js';
import type { Env, OutputStream } from './io.js';
import type { ProgressMode } from './progress-mode.js';
import { createProgressPrinter, resolveMode } from './progress-printer.js';
import { formatBytes } from './progress-step.js';

/** A terminal, or a pipe, that keeps what is written; and a clock that stands still until it is told. */
function rig(mode: ProgressMode, { terminal = {}, env = {} }: { terminal?: Partial<OutputStream>; env?: Env } = {}) {
  let text = '';
  let time = 1000;
  const restores = new Set<() => void>();
  const write = (chunk: string) => {
    text += chunk;
    return true;
  };
  const stderr = { ...terminal, write } as unknown as OutputStream;
  const atExit = (restore: () => void) => {
    restores.add(restore);
    return () => restores.delete(restore);
  };
  const printer = createProgressPrinter({ mode, io: { stderr, env, atExit }, clock: () => time });
  return {
    ...printer,
    restores,
    text: () => text,
    /** What was written since the last call. */
    take: () => {
      const taken = text;
      text = '';
      return taken;
    },
    at: (milliseconds: number, ...events: BuildEvent[]) => {
      time = 1000 + milliseconds;
      for (const event of events) printer.emit(event);
    },
  };
}

const started = (id: string, name = id): BuildEvent => ({ type: 'step-started', id, name });
const done = (id: string, cached = false): BuildEvent => ({ type: 'step-done', id, cached });
const failed = (id: string, message: string): BuildEvent => ({ type: 'step-failed', id, message });
const progress = (id: string, bytes: number, total?: number): BuildEvent => ({
  type: 'step-progress',
  id,
  bytes,
  ...(total !== undefined && { total }),
});

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

test.each<[ProgressMode, Partial<OutputStream>, Env, ProgressMode]>([
  ['auto', { isTTY: true }, { TERM: 'xterm' }, 'tty'],
  ['auto', { isTTY: true }, { TERM: 'dumb' }, 'plain'],
  ['auto', {}, { TERM: 'xterm' }, 'plain'],
  ['tty', {}, {}, 'plain'],
  ['tty', { isTTY: true }, {}, 'tty'],
  ['plain', { isTTY: true }, {}, 'plain'],
  ['rawjson', { isTTY: true }, {}, 'rawjson'],
  ['quiet', {}, {}, 'quiet'],
])('mode %s on %j with %j is %s', (mode, stream, env, resolved) => {
  expect(resolveMode(mode, { stderr: stream as OutputStream, env })).toBe(resolved);
});

describe('plain', () => {
  test('numbered lines, an empty one between steps', () => {
    const out = rig('plain');
    out.at(0, started('context', '[internal] load build context'));
    out.at(100, progress('context', 12_345_678), started('a', '[1/2] COPY a /'));
    out.at(110, done('a', true));
    out.at(240, done('context'), started('b', '[2/2] COPY b\x1b[2J\n /'));
    out.at(5500, progress('b', 1000, 4000), progress('b', 2000, 4000));
    out.at(6000, failed('b', 'no\nsuch file'));
    out.close(true);
    out.close(true);
    expect(out.text()).toBe(`#1 [internal] load build context

#2 [1/2] COPY a /
#2 CACHED

#1 12.3MB 0.2s done
#1 DONE 0.2s

#3 [2/2] COPY b\\x1b[2J\\n /
#3 1kB / 4kB 5.3s
#3 ERROR: no\\nsuch file
`);
  });

  test('steps that were given up are canceled', () => {
    const out = rig('plain');
    out.at(0, started('a'), started('b'), done('a'));
    out.close(true);
    expect(out.text()).toBe('#1 a\n\n#2 b\n\n#1 DONE 0.0s\n\n#2 CANCELED\n');
  });

  test('events out of order are dropped', () => {
    const out = rig('plain');
    out.at(0, done('x'), progress('x', 1), started('a'), started('a', 'twice'), done('a'), done('a'), failed('a', 'm'));
    out.close(false);
    out.at(1, started('late'));
    expect(out.text()).toBe('#1 a\n#1 DONE 0.0s\n');
  });
});

test('quiet says nothing', () => {
  const out = rig('quiet', { terminal: { isTTY: true } });
  out.at(0, started('a'), failed('a', 'm'));
  out.close(true);
  expect(out.text()).toBe('');
});

test('rawjson is a line for each event, with the time, and few of them for progress', () => {
  const out = rig('rawjson');
  out.at(0, started('a', 'COPY \x9b\udcff'), progress('a', 1, 9));
  out.at(50, progress('a', 2, 9));
  out.at(100.4, progress('a', 3, 9), done('a', true));
  out.close(false);
  expect(out.text()).toBe(`{"time":0,"type":"step-started","id":"a","name":"COPY \\u009b\\\\xff"}
{"time":0,"type":"step-progress","id":"a","bytes":1,"total":9}
{"time":100,"type":"step-progress","id":"a","bytes":3,"total":9}
{"time":100,"type":"step-done","id":"a","cached":true}
`);
});

describe('tty', () => {
  const terminal = { isTTY: true, columns: 41, rows: 24 };
  const noColor = { NO_COLOR: '1' };

  test('a picture is drawn over the one before, and the last one stays', () => {
    const out = rig('tty', { terminal, env: noColor });
    out.at(0, started('a', 'load build context'));
    expect(out.take()).toBe(
      '\x1b[?25l' + '\x1b[2K[+] Building 0.0s (0/1)\n' + '\x1b[2K => load build context              0.0s\n' + '\x1b[J',
    );
    out.at(50, progress('a', 1_500_000, 3_000_000), started('b', 'COPY b /'));
    expect(out.take()).toBe('');
    out.at(1100, done('b', true));
    expect(out.take()).toBe(
      '\x1b[2A\r' +
        '\x1b[2K[+] Building 1.1s (1/2)\n' +
        '\x1b[2K => load build conte… 1.5MB / 3MB   1.1s\n' +
        '\x1b[2K => CACHED COPY b /                 1.1s\n' +
        '\x1b[J',
    );
    out.at(1200, done('a'));
    out.close(false);
    expect(out.take()).toMatch(
      /\x1b\[3A\r\x1b\[2K\[\+\] Building 1\.2s \(2\/2\) FINISHED\n(?:.*\n){2}\x1b\[J\x1b\[\?25h$/,
    );
    expect(out.restores.size).toBe(0);
  });

  test('time goes on between events', () => {
    const out = rig('tty', { terminal, env: noColor });
    out.at(0, started('a'));
    out.take();
    out.at(300);
    jest.advanceTimersByTime(100);
    expect(out.take()).toContain('Building 0.3s');
    out.close(false);
    out.take();
    jest.advanceTimersByTime(1000);
    expect(out.take()).toBe('');
  });

  test('a picture has less lines than the terminal; the last one has all', () => {
    const out = rig('tty', { terminal: { ...terminal, rows: 5 }, env: noColor });
    out.at(0, ...[1, 2, 3, 4, 5].map((n) => started(`s${n}`)));
    out.at(200, done('s1'), done('s2'), done('s4'));
    out.at(400, progress('s5', 1));
    const picture = out.take().split('\x1b[J').at(-2)!;
    expect([...picture.matchAll(/=> (s\d)/g)].map((m) => m[1])).toEqual(['s3', 's4', 's5']);
    out.close(true);
    expect([...out.take().matchAll(/=> (?:\w+ )?(s\d)/g)].map((m) => m[1])).toEqual(['s1', 's2', 's3', 's4', 's5']);
  });

  test('no line is wider than the terminal, whatever the name', () => {
    const out = rig('tty', { terminal: { ...terminal, columns: 30 }, env: noColor });
    out.at(0, started('a', `COPY ${'漢字'.repeat(40)} /`), started('b', 'COPY \x1b[2J\n /'));
    out.close(false);
    const lines = out.take().split('\x1b[J').at(-2)!.split('\n');
    expect(lines.slice(1, 3).map((line) => line.replace(/^\x1b\[2K/, ''))).toEqual([
      ' => CANCELED COPY 漢…    0.0s',
      ' => CANCELED COPY …      0.0s',
    ]);
  });

  test('colour by state, unless NO_COLOR is set', () => {
    const out = rig('tty', { terminal });
    out.at(0, started('a'), started('b'), started('c'), done('a'), done('b', true), failed('c', 'm'));
    out.close(true);
    const rows = out.take().split('\x1b[J').at(-2)!.split('\n');
    expect(rows.map((row) => /\x1b\[\d+m/.exec(row)?.[0])).toEqual([
      '\x1b[31m',
      '\x1b[34m',
      '\x1b[36m',
      '\x1b[31m',
      undefined,
    ]);
  });

  test('an end from elsewhere gives the cursor back', () => {
    const out = rig('tty', { terminal });
    out.at(0, started('a'));
    out.take();
    for (const restore of out.restores) restore();
    expect(out.take()).toBe('\x1b[?25h');
  });

  test('a build without a step leaves the terminal alone', () => {
    const out = rig('tty', { terminal });
    out.close(true);
    expect(out.text()).toBe('');
  });
});

test.each([
  [0, '0B'],
  [999, '999B'],
  [1000, '1kB'],
  [1234, '1.23kB'],
  [999_499, '999kB'],
  [999_500, '1MB'],
  [12_345_678, '12.3MB'],
  [40e9, '40GB'],
  [5e15, '5000TB'],
])('formatBytes(%d)', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
