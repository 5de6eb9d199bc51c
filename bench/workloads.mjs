/** What is built in benchmarks: contexts made from fixed seeds, so that two machines measure the same work. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const MIB = 1024 * 1024;

/** A stream of numbers below 2^32 from a seed: a linear congruential generator, its high bits. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state ^ (state >>> 15)) >>> 0;
  };
}

/** Bytes that no compressor makes smaller. */
function noise(size, seed) {
  const out = Buffer.alloc(size);
  let state = createHash('sha512').update(`noise ${seed}`).digest();
  for (let at = 0; at < size; at += state.length) {
    state = createHash('sha512').update(state).digest();
    state.copy(out, at);
  }
  return out;
}

/** Words of a made-up language, short ones often: text as people and programs write it. */
function text(size, seed) {
  const next = random(seed);
  const words = Array.from({ length: 4096 }, () => {
    const length = 2 + (next() % 9);
    return Array.from({ length }, () => String.fromCharCode(97 + (next() % 26))).join('');
  });
  const parts = [];
  for (let at = 0; at < size; ) {
    const word = words[Math.floor(4096 * (next() / 2 ** 32) ** 3)];
    parts.push(word, next() % 12 === 0 ? '\n' : ' ');
    at += word.length + 1;
  }
  return Buffer.from(parts.join('')).subarray(0, size);
}

/** Records of numbers that grow by a little, as tables, indexes and machine code have them. */
function records(size, seed) {
  const next = random(seed);
  const out = Buffer.alloc(size);
  let value = next() >>> 8;
  for (let at = 0; at + 16 <= size; at += 16) {
    value += next() % 4096;
    out.writeUInt32LE(value >>> 0, at);
    out.writeUInt16LE(next() % 97, at + 4);
    out.writeUInt32LE(0x8b48 + (next() % 13), at + 8);
    out.writeUInt32LE(at, at + 12);
  }
  return out;
}

/** A stretch of bytes as artefacts have them: text, tables, and what is compressed already. Compresses to about half. */
export function block(seed, size = MIB) {
  const part = Math.floor((size * 3) / 8);
  return Buffer.concat([text(part, seed), records(part, seed + 1), noise(size - 2 * part, seed)]);
}

function leb(value) {
  const bytes = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest & 127) | 128);
  }
}

/** A module with an empty `_start`, and a custom section that gives it its size. */
function wasm(size) {
  const section = (id, bytes) => Buffer.concat([Buffer.from([id, ...leb(bytes.length)]), Buffer.from(bytes)]);
  const start = Buffer.concat([
    Buffer.from('\0asm\x01\0\0\0', 'latin1'),
    section(1, [1, 0x60, 0, 0]),
    section(3, [1, 0]),
    section(7, [1, 6, ...Buffer.from('_start'), 0, 0]),
    section(10, [1, 2, 0, 0x0b]),
  ]);
  return Buffer.concat([start, section(0, Buffer.concat([Buffer.from([4]), Buffer.from('data'), block(1, size)]))]);
}

function smallFiles(dir, { folders, files, size }) {
  const bytes = Buffer.concat(Array.from({ length: 8 }, (_, i) => block(i)));
  for (let d = 0; d < folders; d++) {
    const folder = path.join(dir, `d${d}`);
    fs.mkdirSync(folder);
    for (let f = 0; f < files; f++) {
      const at = ((d * files + f) * 4099) % (bytes.length - size);
      fs.writeFileSync(path.join(folder, `f${f}.bin`), bytes.subarray(at, at + size));
    }
  }
}

const COPY_ALL = 'FROM scratch\nCOPY . /\n';
const STAGES = 40;

/** Each makes its files in a context; `touched` is the file that a change of one byte is made in, in the middle of the layer. */
export const WORKLOADS = {
  wasm: {
    title: 'wasm module, 3.6 MB',
    dockerfile: 'FROM scratch\nCOPY app.wasm /\nENTRYPOINT ["/app.wasm"]\n',
    touched: 'app.wasm',
    make: (dir) => fs.writeFileSync(path.join(dir, 'app.wasm'), wasm(3.6 * MIB)),
  },
  '10k': {
    title: '10,000 files of 4 KiB',
    dockerfile: COPY_ALL,
    touched: 'd50/f50.bin',
    make: (dir) => smallFiles(dir, { folders: 100, files: 100, size: 4096 }),
  },
  '100k': {
    title: '100,000 files of 1 KiB',
    dockerfile: COPY_ALL,
    touched: 'd500/f50.bin',
    make: (dir) => smallFiles(dir, { folders: 1000, files: 100, size: 1024 }),
  },
  '1g': {
    title: '1 GiB in one file',
    dockerfile: COPY_ALL,
    touched: 'big.bin',
    make(dir) {
      const blocks = Array.from({ length: 16 }, (_, i) => block(i * 3));
      const file = fs.openSync(path.join(dir, 'big.bin'), 'w');
      for (let i = 0; i < 1024; i++) fs.writeSync(file, blocks[(i * 7) % 16]);
      fs.closeSync(file);
    },
  },
  stages: {
    title: `${STAGES} stages of one COPY, and ${STAGES} COPY --from`,
    dockerfile: [
      ...Array.from({ length: STAGES }, (_, i) => `FROM scratch AS s${i}\nCOPY f${i} /out/\n`),
      'FROM scratch\n',
      ...Array.from({ length: STAGES }, (_, i) => `COPY --from=s${i} /out/f${i} /app/\n`),
    ].join(''),
    touched: 'f20',
    make(dir) {
      for (let i = 0; i < STAGES; i++) fs.writeFileSync(path.join(dir, `f${i}`), block(i, 300_000));
    },
  },
};

/** Makes a workload's context and its Dockerfile below `work`, if they are not there. */
export function prepare(name, work) {
  const { make, dockerfile, touched } = WORKLOADS[name];
  const context = path.join(work, name, 'context');
  const file = path.join(work, name, 'Dockerfile');
  if (!fs.existsSync(file)) {
    fs.rmSync(context, { recursive: true, force: true });
    fs.mkdirSync(context, { recursive: true });
    make(context);
    fs.writeFileSync(file, dockerfile);
  }
  return { context, dockerfile: file, touched: path.join(context, touched) };
}

/** Changes one byte in the middle of a file, to a value that it did not have. */
export function changeOneByte(file) {
  const handle = fs.openSync(file, 'r+');
  const at = Math.floor(fs.fstatSync(handle).size / 2);
  const byte = Buffer.alloc(1);
  fs.readSync(handle, byte, 0, 1, at);
  byte[0] = (byte[0] + 1) & 0xff;
  fs.writeSync(handle, byte, 0, 1, at);
  fs.closeSync(handle);
}
