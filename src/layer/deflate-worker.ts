/** A thread of deflate-workers.ts: pieces come, deflated ones go, in order. */
import { parentPort, workerData } from 'node:worker_threads';
import type { DeflateJob } from './deflate-workers.js';
import { nodeDeflateSync } from './node-zlib.js';

const { level, engine } = workerData as DeflateJob;
const port = parentPort!;

const deflate = deflater();
port.on('message', async (piece: Uint8Array) => {
  const out = Uint8Array.from((await deflate)(piece)); // answers keep the order of the questions
  port.postMessage(out, [out.buffer]);
});

async function deflater(): Promise<(piece: Uint8Array) => Uint8Array> {
  if (engine === 'node') return (piece) => nodeDeflateSync(piece, level);
  if (engine === 'zstd') {
    const { zstdCompressor } = await import('./zstd.js');
    return zstdCompressor(level);
  }
  const { pakoDeflateSync } = await import('./pako.js');
  return (piece) => pakoDeflateSync(piece, level);
}
