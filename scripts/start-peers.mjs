// The programs that ../shared/peers/up.sh sets up: dockerd, buildx, skopeo and others, in a Debian root of their own.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT, SHARED } from './results.mjs';

const up = path.join(SHARED, 'peers/up.sh');

/** @returns why the peers cannot be set up here, or undefined */
export function obstacle() {
  if (!fs.existsSync(up)) return '../shared/peers/up.sh is not there';
  if (process.getuid?.() !== 0) return 'setting up the peers needs root';
  for (const program of ['debootstrap', 'python3', 'gzip', 'curl']) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `${program} is not installed`;
  }
  return undefined;
}

/** Starts the peers; those that run already are left as they are. @returns their environment */
export const startPeers = () => environmentOf(up);

/** Sets up the root of the engines that images are loaded into; tests start them. @returns its environment */
export const installEngines = () => environmentOf(path.join(ROOT, 'scripts/engines.sh'), 'install');

function environmentOf(script, ...args) {
  const { status, stdout } = spawnSync('bash', [script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${path.basename(script)} failed`);
  return Object.fromEntries(
    [...stdout.matchAll(/^export (PEERS_\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
}
