/** The real programs that images are tried on: a Debian root that ../shared/peers/up.sh makes, see scripts/peers.mjs. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { type Rig, useRig } from '../rig.js';

const { PEERS_ROOTFS, PEERS_EXCHANGE, PEERS_REGISTRY, PEERS_DOCKER_SOCKET } = process.env;
if (!PEERS_ROOTFS || !PEERS_EXCHANGE || !PEERS_REGISTRY || !PEERS_DOCKER_SOCKET)
  throw new Error('these tests run by `npm run test:peers`');
const [rootfs, exchange] = [PEERS_ROOTFS, PEERS_EXCHANGE];

/** `host:port` of a registry without TLS. */
export const REGISTRY: string = PEERS_REGISTRY;

/** Where dockerd listens, as seen from outside of the root. */
export const DOCKER_SOCKET: string = PEERS_DOCKER_SOCKET;

/** A rig in the folder that the peers see too. */
export function usePeersRig(): Rig {
  return useRig(exchange);
}

/** The path by which the peers see a file of the rig. */
export function inside(rig: Rig, ...parts: string[]): string {
  return rig.path(...parts).replace(exchange, '/exchange');
}

/** As {@link peer}, while servers of the test itself go on answering. */
export async function peerMeanwhile(...command: string[]): Promise<string> {
  const env = ['-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'];
  const { stdout } = await promisify(execFile)('chroot', [rootfs, '/usr/bin/env', ...env, ...command], { cwd: '/' });
  return stdout;
}

/**
 * Runs a program among the peers. `NAME=value` words before its name are its environment.
 * @returns what it prints on standard output
 * @throws Error with all that it printed, when it fails
 */
export function peer(...command: string[]): string {
  const { status, stdout, stderr } = peerResult({}, ...command);
  if (status !== 0) throw new Error(`${command.join(' ')} failed (${status}):\n${stdout}${stderr}`);
  return stdout;
}

/** As {@link peer}, however it ends. */
export function peerResult({ input }: { readonly input?: string }, ...command: string[]) {
  const env = ['-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'];
  const args = [rootfs, '/usr/bin/env', ...env, ...command];
  const { status, stdout, stderr, error } = spawnSync('chroot', args, { cwd: '/', encoding: 'utf8', input });
  if (error) throw error;
  return { status, stdout, stderr };
}
