// Lays a case out on disk, as materialize.mjs of ../shared/parity does, with times before 1970 and modes of links' targets left alone.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const DEFAULT_MTIME = 1700000000;

/** mulberry32, one byte (bits 24 to 31) a step. */
function noise({ bytes, seed }) {
  const out = Buffer.alloc(bytes);
  let a = seed >>> 0;
  for (let i = 0; i < bytes; i++) {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    out[i] = (t ^ (t >>> 14)) >>> 24;
  }
  return out;
}

const bytesOf = ({ text, hex, fill }) =>
  text !== undefined ? Buffer.from(text) : hex !== undefined ? Buffer.from(hex, 'hex') : noise(fill);

/** Node takes a negative number for "now", but not a negative Date. */
const time = (e) => new Date((e.mtime ?? DEFAULT_MTIME) * 1000);

function writeTree(root, entries) {
  const folders = new Map([[root, {}]]);
  const fifos = [];
  fs.mkdirSync(root, { recursive: true });
  for (const e of entries) {
    const p = path.join(root, e.path);
    for (let d = path.dirname(p); d.length > root.length; d = path.dirname(d)) if (!folders.has(d)) folders.set(d, {});
    fs.mkdirSync(path.dirname(p), { recursive: true });
    if (e.dir) {
      fs.mkdirSync(p, { recursive: true });
      folders.set(p, e);
    } else if (e.symlink !== undefined) {
      fs.symlinkSync(e.symlink, p);
      fs.lutimesSync(p, time(e), time(e));
    } else if (e.hardlink !== undefined) fs.linkSync(path.join(root, e.hardlink), p);
    else if (e.fifo) fifos.push([p, e]);
    else {
      fs.writeFileSync(p, bytesOf(e));
      fs.chmodSync(p, parseInt(e.mode ?? '0644', 8));
      fs.utimesSync(p, time(e), time(e));
    }
  }
  if (fifos.length > 0) execFileSync('mkfifo', ['--', ...fifos.map(([p]) => p)]);
  for (const [p, e] of fifos) {
    fs.chmodSync(p, parseInt(e.mode ?? '0644', 8));
    fs.utimesSync(p, time(e), time(e));
  }
  // folders last and deepest first, since filling one changes its mtime
  for (const [p, e] of [...folders].sort(([a], [b]) => b.length - a.length)) {
    fs.chmodSync(p, parseInt(e.mode ?? '0755', 8));
    fs.utimesSync(p, time(e), time(e));
  }
}

/** @returns the paths: { context, dockerfile, contexts, out } */
export function layOut(c, dir) {
  const context = path.join(dir, 'context');
  const dockerfile = typeof c.dockerfile === 'string' ? { text: c.dockerfile } : c.dockerfile;
  const entry = { path: dockerfile.path ?? 'Dockerfile', hex: bytesOf(dockerfile).toString('hex') };
  let folder = context;
  if (c.dockerfileDir) {
    folder = path.join(dir, 'dockerfile');
    writeTree(folder, [entry, ...c.dockerfileDir]);
  }
  writeTree(context, c.dockerfileDir ? c.context : [...c.context, entry]);
  const contexts = {};
  for (const [name, entries] of Object.entries(c.contexts ?? {})) {
    contexts[name] = path.join(dir, 'named', encodeURIComponent(name));
    writeTree(contexts[name], entries);
  }
  return { context, dockerfile: path.join(folder, entry.path), contexts };
}
