// Until standard input ends: prunes a store in a loop, in every way, and verifies it now and then; or tears blobs out of it, as nothing of wbuild does.
//   node sweeper.mjs STORE prune|tear
import fs from 'node:fs';
import path from 'node:path';
import { BlobStore } from '../../../dist/store/blobs.js';
import { pruneStore } from '../../../dist/store/prune.js';
import { verifyStore } from '../../../dist/store/verify.js';

const store = new BlobStore(process.argv[2]);
let ended = false;
process.stdin.on('end', () => {
  ended = true;
});
process.stdin.resume();
const counts = { prunes: 0, records: 0, blobs: 0, verifies: 0, damaged: 0, torn: 0 };
const WAYS = [{ all: true }, { maxSize: 1 }, { olderThanMs: 0 }, { maxSize: 100_000 }, {}];

async function sweep() {
  const { records, blobs } = await pruneStore(store, { ...WAYS[counts.prunes % WAYS.length], now: Date.now() });
  counts.prunes++;
  counts.records += records;
  counts.blobs += blobs.length;
  if (counts.prunes % 20 !== 0) return;
  counts.damaged += (await verifyStore(store)).damaged.length;
  counts.verifies++;
}

function tear() {
  const folder = path.join(store.folder, 'blobs/sha256');
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  if (names.length === 0) return;
  fs.rmSync(path.join(folder, names[counts.torn % names.length]), { force: true });
  counts.torn++;
}

while (!ended) {
  try {
    if (process.argv[3] === 'tear') tear();
    else await sweep();
  } catch (error) {
    if (!/no cache of wbuild/.test(String(error))) throw error; // the first build has not begun
  }
  await new Promise((resolve) => setTimeout(resolve, process.argv[3] === 'tear' ? 50 : 5));
}
process.stdout.write(JSON.stringify(counts));
