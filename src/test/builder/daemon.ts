/**
 * A dockerd, and so a BuildKit, of the test's own: in the Debian root of the peers, with its data in memory, which makes a build several times as
 * fast, and which may be killed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pingDocker } from '../../buildkit/dial.js';

export interface Daemon {
  readonly socket: string;
  /** Ends it without a warning, with all that it started. */
  readonly kill: () => void;
  /** Stops and continues it. */
  readonly signal: (signal: 'SIGSTOP' | 'SIGCONT') => void;
  /** Memory of the process, in bytes. */
  readonly close: () => Promise<void>;
}

let count = 0;

export async function startDaemon(): Promise<Daemon> {
  const { PEERS_ROOTFS: rootfs } = process.env;
  if (!rootfs) throw new Error('these tests run by `npm run test:builder`');
  const name = `/srv/wbuild-${process.pid}-${count++}`;
  const folder = path.join(rootfs, name);
  fs.mkdirSync(folder);
  run('mount', '-t', 'tmpfs', '-o', 'size=1500m', 'wbuild', folder);
  const config = { features: { 'containerd-snapshotter': true }, iptables: false, ip6tables: false, bridge: 'none' };
  fs.writeFileSync(path.join(folder, 'daemon.json'), JSON.stringify(config));
  const at = (file: string) => `${name}/${file}`;
  const args = ['--config-file', at('daemon.json'), '--data-root', at('data'), '--exec-root', at('exec')];
  const log = fs.openSync(path.join(folder, 'log'), 'w');
  const env = ['-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'];
  const command = ['dockerd', ...args, '--pidfile', at('pid'), '-H', `unix://${at('docker.sock')}`];
  const child = spawn('chroot', [rootfs, '/usr/bin/env', ...env, ...command], {
    stdio: ['ignore', log, log],
    cwd: '/',
  });
  const socket = path.join(folder, 'docker.sock');
  const containerd = () => Number(fs.readFileSync(path.join(folder, 'exec/containerd/containerd.pid'), 'utf8'));
  const kill = () => {
    const pid = containerd();
    child.kill('SIGKILL');
    process.kill(pid, 'SIGKILL');
  };
  const close = async () => {
    await end(child);
    run('umount', '-l', folder);
    fs.rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; ; tries++) {
    const up = await pingDocker({ shown: socket, kind: 'docker', at: { path: socket } }).catch(() => undefined);
    if (up !== undefined) break;
    if (tries > 300 || child.exitCode !== null) {
      const said = fs.readFileSync(path.join(folder, 'log'), 'utf8');
      await close();
      throw new Error(`dockerd did not start:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { socket, kill, close, signal: (signal) => child.kill(signal) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await gone;
  clearTimeout(timer);
}

function run(...[command, ...args]: string[]): void {
  const { status, stderr } = spawnSync(command!, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
