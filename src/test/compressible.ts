/** Bytes of several kinds, of which the tests of the compressors hold the golden digests. */

/** Bytes on which the zlibs in use differ: words in pseudo-random order, so that matching has choices, and a run of noise. */
export function compressibleText(): Buffer {
  const next = random(1);
  const words = 'the quick brown fox jumps over lazy dogs wasm module layer image blob digest'.split(' ');
  const text = Array.from({ length: 8000 }, () => words[next() % words.length]).join(' ');
  const noise = Buffer.from(Uint8Array.from({ length: 4096 }, () => next() >>> 24));
  return Buffer.concat([Buffer.from(text), noise, Buffer.from(text.slice(0, 10000))]);
}

/** Two megabytes: text, tables of numbers, code-like bytes, a tar of small files, noise, zeros, repeats near and far, and mixtures. */
export function kindsOfBytes(): Buffer[] {
  const next = random(7);
  const noise = Buffer.from(Uint8Array.from({ length: 192 * 1024 }, () => next() >>> 24));
  const text = compressibleText();
  const size = 256 * 1024;
  const table = new Uint32Array(size / 4);
  for (let i = 0, value = 0; i < table.length; i++) {
    value += next() >>> 20;
    table[i] = i % 4 === 3 ? value : next() >>> 27;
  }
  const files = Buffer.alloc(size);
  for (let at = 0, n = 0; at + 2048 <= size; at += 2048, n++) {
    files.write(`usr/share/app/file-${n}.txt`, at);
    files.write('0000644\x000000000\x000000000\x0000000002000\x0000000000000\x00', at + 100);
    text.copy(files, at + 512, (n * 131) % 20000, ((n * 131) % 20000) + 1024);
  }
  const code = Buffer.alloc(size);
  for (let i = 0; i < size; i++) code[i] = i % 3 === 0 ? 0x20 + (next() >>> 30) : next() >>> 28;
  const mixed = Buffer.alloc(size);
  for (let at = 0, source = text; at < size; source = source === text ? noise : text) {
    const length = 1 + (next() >>> 18);
    const from = (next() >>> 8) % (source.length / 2);
    at += Math.max(1, source.copy(mixed, at, from, from + length));
  }
  return [
    Buffer.alloc(size, text),
    Buffer.from(table.buffer),
    files,
    code,
    mixed,
    Buffer.alloc(size, noise),
    Buffer.alloc(size),
    Buffer.alloc(size, noise.subarray(0, 33_000)), // a repeat from just beyond the window
    Buffer.alloc(300, 'ab'),
    Buffer.alloc(1, 'x'),
    Buffer.alloc(0),
  ];
}

/** A linear congruential generator: numbers below 2^32, the high bits good. */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}
