#!/usr/bin/env node
// What moves between wbuild and a builder: a context of many small files, built for the first time, again, and with one file changed.
//   node bench/builder-wire.mjs --builder /var/run/docker.sock [--files 100000] [--size 1024]
// Prints one line a build: bytes to the builder, bytes from it, seconds. The bytes are counted by a proxy in front of the socket.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    builder: { type: 'string' },
    files: { type: 'string', default: '100000' },
    size: { type: 'string', default: '1024' },
  },
});
if (!values.builder) throw new Error('usage: node bench/builder-wire.mjs --builder SOCKET [--files N] [--size BYTES]');
const [files, size] = [Number(values.files), Number(values.size)];
const base = fs.mkdtempSync(path.join(os.tmpdir(), 'wbuild-wire-'));
const bin = new URL('../bin/wbuild.js', import.meta.url).pathname;

/** Random content, in folders of a thousand. */
function lay() {
  const context = path.join(base, 'context');
  for (let i = 0; i < files; i++) {
    const folder = path.join(context, 'data', String(Math.floor(i / 1000)));
    if (i % 1000 === 0) fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, String(i)), randomBytes(size));
  }
  fs.writeFileSync(path.join(context, 'Dockerfile'), 'FROM scratch\nCOPY data /data\n');
  return context;
}

const moved = { to: 0, from: 0 };
const proxy = net.createServer((client) => {
  const server = net.connect(values.builder);
  for (const [one, other] of [
    [client, server],
    [server, client],
  ]) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
  client.on('data', (chunk) => (moved.to += chunk.length)).pipe(server);
  server.on('data', (chunk) => (moved.from += chunk.length)).pipe(client);
});
const socket = path.join(base, 'proxy.sock');
await new Promise((resolve) => proxy.listen(socket, resolve));

function build(context, ...extra) {
  Object.assign(moved, { to: 0, from: 0 });
  const started = performance.now();
  const args = ['--builder', socket, '--cache-dir', path.join(base, 'cache'), '--progress', 'quiet', ...extra];
  const child = spawn(process.execPath, [bin, ...args, '-o', `type=oci,dest=${path.join(base, 'out.tar')}`, context], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.on('close', (code) =>
      code === 0
        ? resolve({ ...moved, seconds: (performance.now() - started) / 1000 })
        : reject(new Error(`exit code ${code}`)),
    );
  });
}

const show = (what, { to, from, seconds }) =>
  console.log(
    `${what.padEnd(34)} ${(to / 1e6).toFixed(1).padStart(8)} MB to ${(from / 1e6).toFixed(1).padStart(8)} MB from ${seconds.toFixed(1).padStart(7)} s`,
  );

try {
  const context = lay();
  show(`${files} files of ${size} bytes, first`, await build(context));
  show('again', await build(context));
  fs.writeFileSync(path.join(context, 'data/0/0'), randomBytes(size));
  show('one file changed', await build(context));
  fs.writeFileSync(path.join(context, 'Dockerfile'), 'FROM scratch\nCOPY data/0/0 /data\n');
  show('one file of them copied', await build(context));
} finally {
  proxy.close();
  fs.rmSync(base, { recursive: true, force: true });
}
