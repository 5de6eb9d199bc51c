/** What is measured: wbuild, and whatever of its peers is on this machine. Each knows how to do a workload cold, and some how to do it again. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const WBUILD = fileURLToPath(new URL('../bin/wbuild.js', import.meta.url));
const { PEERS_ROOTFS: rootfs, PEERS_EXCHANGE: exchange } = process.env;

/** Runs a command. @returns seconds. @throws Error with what it printed, when it fails */
export function timed(command, args, options = {}) {
  const started = process.hrtime.bigint();
  const { status, stderr, error } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1e8,
    ...options,
  });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stderr}`);
  return seconds;
}

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const hasPeer = (program) =>
  rootfs !== undefined && spawnSync('chroot', [rootfs, 'sh', '-c', `command -v ${program}`], { cwd: '/' }).status === 0;

const shell = (line) => (env) => timed('bash', ['-o', 'pipefail', '-c', line], { env: { ...process.env, ...env } });

/** A shell pipe over CONTEXT that does what a builder cannot do without; OUT is where its output goes. */
function pipe(title, line, needs = []) {
  const run = shell(line);
  return { title, there: needs.every(has), cold: ({ context, out }) => run({ CONTEXT: context, OUT: out }) };
}

/** `compression`: of the output. The cache is a folder of its own, gone before a cold build. */
function wbuild(title, compression) {
  const run = ({ context, dockerfile, out, cache }, hook = []) => {
    const output = `type=oci,dest=${out},compression=${compression}`;
    const args = [...hook, WBUILD, 'build', '--progress', 'quiet', '-f', dockerfile, '-o', output, context];
    // BUILDKIT_HOST is for buildctl: wbuild would build there, too
    const { BUILDKIT_HOST: _, ...env } = process.env;
    return timed(process.execPath, args, { env: { ...env, WBUILD_CACHE_DIR: cache } });
  };
  return {
    title,
    there: true,
    cold(job, hook) {
      fs.rmSync(job.cache, { recursive: true, force: true });
      return run(job, hook);
    },
    again: run,
  };
}

/** Programs among the peers see the work folder as /exchange. */
const seen = (file) => file.replace(exchange, '/exchange');

function inPeers(program, args) {
  const env = ['-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'];
  return timed('chroot', [rootfs, '/usr/bin/env', ...env, program, ...args], { cwd: '/' });
}

const buildx = {
  title: 'docker buildx',
  there: hasPeer('docker'),
  peer: true,
  cold: (job) => buildx.again(job, ['--no-cache']),
  again: ({ context, dockerfile, out }, more = []) =>
    inPeers('docker', [
      ...['buildx', 'build', '--quiet', '--provenance=false', ...more, '-f', seen(dockerfile)],
      ...['-o', `type=oci,dest=${seen(out)}`, seen(context)],
    ]),
};

/** On the buildkitd that BUILDKIT_HOST names, without Docker. */
const buildctl = {
  title: 'buildctl',
  there: process.env.BUILDKIT_HOST !== undefined && has('buildctl'),
  peer: true,
  cold: (job) => buildctl.again(job, ['--no-cache']),
  again({ context, dockerfile, out }, more = []) {
    const file = [
      '--local',
      `dockerfile=${path.dirname(dockerfile)}`,
      '--opt',
      `filename=${path.basename(dockerfile)}`,
    ];
    const from = ['--frontend', 'dockerfile.v0', '--local', `context=${context}`, ...file];
    return timed('buildctl', ['build', '--progress', 'quiet', ...from, ...more, '--output', `type=oci,dest=${out}`]);
  },
};

/** A layout made afresh, one layer put into it. */
const umoci = {
  title: 'umoci',
  there: hasPeer('umoci'),
  peer: true,
  cold({ context, out }) {
    const [layout, tar] = [`${seen(out)}.layout`, `${seen(out)}.tar`];
    const line = `umoci init --layout ${layout} && umoci new --image ${layout}:a && tar -C ${seen(context)} -cf ${tar} . && umoci raw add-layer --image ${layout}:a ${tar}`;
    const seconds = inPeers('sh', ['-c', line]);
    for (const left of [`${out}.layout`, `${out}.tar`]) fs.rmSync(left, { recursive: true, force: true });
    return seconds;
  },
};

const buildah = {
  title: 'buildah',
  there: hasPeer('buildah'),
  peer: true,
  cold({ context, dockerfile, out }) {
    const args = [
      '--storage-driver',
      'vfs',
      'bud',
      '--isolation',
      'chroot',
      '--network',
      'host',
      '--no-cache',
      '-f',
      seen(dockerfile),
    ];
    return inPeers('buildah', [...args, '-t', `oci-archive:${seen(out)}`, seen(context)]);
  },
};

const HASHED = 'tee >(sha256sum >/dev/null)';

export const PROGRAMS = {
  gzip: wbuild('wbuild, gzip', 'gzip'),
  plain: wbuild('wbuild, uncompressed', 'uncompressed'),
  'pipe-gzip': pipe(
    'tar | gzip -6, two sha256sum',
    `tar -C "$CONTEXT" -c . | ${HASHED} | gzip -6 | tee "$OUT" | sha256sum`,
  ),
  'pipe-pigz': pipe(
    'tar | pigz -6, two sha256sum',
    `tar -C "$CONTEXT" -c . | ${HASHED} | pigz -6 | tee "$OUT" | sha256sum`,
    ['pigz'],
  ),
  'pipe-plain': pipe('tar | sha256sum', 'tar -C "$CONTEXT" -c . | sha256sum'),
  buildx,
  buildctl,
  buildah,
  umoci,
};

/** What start-up is held against. */
export const STARTUP = {
  node: () => timed(process.execPath, ['-e', '0']),
  version: () => timed(process.execPath, [WBUILD, '--version']),
};

/** Where work is done: the folder that the peers see, if they are there. */
export function workFolder(given) {
  return fs.mkdtempSync(path.join(given ?? exchange ?? os.tmpdir(), 'wbuild-bench-'));
}

/** Peak memory in MiB of a cold wbuild, as the kernel counts it: the process writes it down as it exits. */
export function peakMemory(program, job) {
  const [hook, peak] = [`${job.out}.hook.cjs`, `${job.out}.peak`];
  const text = `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(peak)}, String(process.resourceUsage().maxRSS)));`;
  fs.writeFileSync(hook, text);
  program.cold(job, ['--require', hook]);
  const kib = Number(fs.readFileSync(peak, 'utf8'));
  for (const file of [hook, peak]) fs.rmSync(file);
  return kib / 1024;
}
