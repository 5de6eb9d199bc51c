#!/usr/bin/env node
// The main job, to look at: builds testdata/hello-wasi in a temporary folder, shows what was written, and runs the module out of the image.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readAll, readTar } from '../dist/util/read-tar.js';
import { BIN, ROOT } from './results.mjs';

const NAME = 'moimhossain/dotnet-wasi-helloworld:alpha';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wbuild-demo-'));
const tar = path.join(folder, 'image.tar');

const bold = (text) => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text);
const say = (command) => console.log(`\n${bold(`$ ${command}`)}`);

/** The files of a tar, by path. */
async function filesOf(bytes) {
  const files = new Map();
  for await (const entry of readTar([bytes]))
    if (entry.type === 'file') files.set(entry.path, await readAll(entry.content));
  return files;
}

function run(command, args, options) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

fs.cpSync(path.join(ROOT, 'testdata/hello-wasi'), folder, { recursive: true });
say(`cd ${folder} && cat Dockerfile`);
process.stdout.write(fs.readFileSync(path.join(folder, 'Dockerfile')));

const args = ['-f', 'Dockerfile', '--platform', 'wasi/wasm', '-t', NAME, '.'];
say(`wbuild ${args.join(' ')}`);
run(process.execPath, [BIN, ...args], { cwd: folder });

say('tar -tf image.tar');
const image = await filesOf(fs.readFileSync(tar));
for (const [name, bytes] of image) console.log(`${String(bytes.length).padStart(7)}  ${name}`);

const [{ Layers }] = JSON.parse(image.get('manifest.json'));
const layers = await Promise.all(Layers.map((name) => filesOf(unpacked(image.get(name)))));
const module = layers[0].get('SampleApp.wasm');
say('node:wasi runs /SampleApp.wasm, taken out of the image');
run(process.execPath, ['--no-warnings', path.join(ROOT, 'scripts/run-wasi.mjs')], {
  input: module,
  stdio: ['pipe', 'inherit', 'inherit'],
});

const daemon = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 5000 });
if (daemon.status === 0)
  console.log(
    `\nDocker ${String(daemon.stdout).trim()} is running here. Next:\n  docker load -i ${tar}\n  docker images`,
  );
else console.log(`\nWhere Docker runs: docker load -i ${tar}`);

function unpacked(blob) {
  return blob[0] === 0x1f && blob[1] === 0x8b ? gunzipSync(blob) : blob;
}
