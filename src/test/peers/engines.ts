/**
 * Docker, podman and containerd of the tests' own, where wbuild looks for them: in the root of scripts/debian-root.sh, in mount and process
 * namespaces that end with the tests. No process outside of these can be signalled by what is in here.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BIN, type Rig, ROOT, type RunOptions } from '../rig.js';

const { PEERS_ENGINES } = process.env;
if (!PEERS_ENGINES) throw new Error('these tests run by `npm run test:peers`');
const rootfs = PEERS_ENGINES;

const PODMAN = ['podman', '--root', '/srv/podman/data', '--runroot', '/srv/podman/run'];
const DOCKER_SOCKET = '/run/docker-own.sock'; // not the default, so that podman is found where nothing is named

export type EngineName = 'docker' | 'podman' | 'containerd';

const COMMANDS: Readonly<Record<EngineName, readonly string[]>> = {
  docker: [
    ...[
      'dockerd',
      '--config-file',
      '/srv/docker.json',
      '-H',
      `unix://${DOCKER_SOCKET}`,
      '--data-root',
      '/srv/docker/data',
    ],
    ...['--exec-root', '/srv/docker/exec', '--pidfile', '/srv/docker.pid'],
  ],
  podman: [...PODMAN, 'system', 'service', '--time', '0', 'unix:///run/podman/podman.sock'],
  containerd: ['containerd', '--root', '/srv/containerd/data', '--state', '/srv/containerd/state'],
};

const PINGS: Readonly<Record<EngineName, readonly string[]>> = {
  docker: ['docker', '-H', `unix://${DOCKER_SOCKET}`, 'version'],
  podman: ['podman', '--url', 'unix:///run/podman/podman.sock', 'version'],
  containerd: ['ctr', 'version'],
};

/** DOCKER_HOST of each that speaks Docker's API. */
export const HOSTS = { docker: `unix://${DOCKER_SOCKET}`, podman: 'unix:///run/podman/podman.sock' };

/** What is asked of an engine itself. */
export const CLIENTS = { docker: ['docker', '-H', HOSTS.docker], podman: PODMAN, containerd: ['ctr'] };

export class Engines {
  private readonly started = new Map<EngineName, ChildProcess>();

  private constructor(
    private readonly holder: ChildProcess,
    private readonly pid: string,
  ) {}

  static async open(): Promise<Engines> {
    const command = [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      'bash',
      path.join(ROOT, 'scripts/engines.sh'),
      'hold',
    ];
    const env = { ...process.env, DEBIAN_ROOT: path.dirname(rootfs) };
    const holder = spawn('unshare', command, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('close', (code) => reject(new Error(`engines.sh hold ended: ${code}`)));
    });
    const children = fs.readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8');
    return new Engines(holder, children.trim());
  }

  /** Ends all that was started, and with it what was mounted. */
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.holder.once('close', resolve));
    this.holder.stdin!.end();
    await ended;
  }

  /** Runs a program in the root. @returns standard output @throws Error with all that it printed, when it fails */
  run(...command: readonly string[]): string {
    const { status, stdout, stderr } = this.result(command);
    if (status !== 0) throw new Error(`${command.join(' ')} failed (${status}):\n${stdout}${stderr}`);
    return stdout;
  }

  /** As {@link run}, however it ends. `input` is an open file. */
  result(command: readonly string[], input?: number) {
    const [program, ...args] = this.inside(command);
    return spawnSync(program!, args, { cwd: '/', encoding: 'utf8', stdio: [input ?? 'ignore', 'pipe', 'pipe'] });
  }

  /** Starts an engine, and waits until it answers. `daemonJson` is Docker's setting. */
  async start(name: EngineName, daemonJson: object = {}): Promise<void> {
    const config = { ...daemonJson, iptables: false, ip6tables: false, bridge: 'none' };
    const script =
      'mkdir -p /srv/tmp /run/podman; echo "$2" >/srv/docker.json; echo $$ >/srv/$1.ns; shift 2; exec "$@" >/srv/log 2>&1';
    const shell = ['TMPDIR=/srv/tmp', 'sh', '-c', script, 'sh', name, JSON.stringify(config), ...COMMANDS[name]];
    const [program, ...args] = this.inside(shell);
    const child = spawn(program!, args, { cwd: '/', stdio: 'ignore' });
    this.started.set(name, child);
    for (let tries = 0; this.result(PINGS[name]).status !== 0; tries++) {
      if (tries > 300 || child.exitCode !== null)
        throw new Error(`${name} did not start:\n${this.run('cat', '/srv/log')}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Halts an engine, by its number in the namespace. */
  halt(name: EngineName): void {
    this.run('sh', '-c', `kill -STOP $(cat /srv/${name}.ns)`);
  }

  /** Ends an engine, halted or not, without a warning. */
  async kill(name: EngineName): Promise<void> {
    const child = this.started.get(name)!;
    const ended = new Promise((resolve) => child.once('close', resolve));
    this.run('sh', '-c', `kill -KILL $(cat /srv/${name}.ns)`);
    child.kill('SIGCONT'); // nsenter halts with what it runs
    await ended;
  }

  /** Leaves so much room for data; undefined: enough. */
  leaveRoom(megabytes: number | undefined): void {
    const used = Number(this.run('df', '--output=used', '-k', '/srv').split('\n')[1]);
    const size = megabytes === undefined ? '3g' : `${used + megabytes * 1024}k`;
    this.run('mount', '-o', `remount,size=${size}`, '/srv');
  }

  /** wbuild, where the sockets of the engines are those of the machine, and ctr is on PATH. */
  wbuild(rig: Rig, env: Readonly<Record<string, string>> = {}): RunOptions {
    const script = `#!/bin/sh\nexec chroot ${rootfs} ctr "$@"\n`;
    rig.write({ 'bin/ctr': { content: script, mode: 0o755 } });
    return {
      env: { PATH: `${rig.path('bin')}:${process.env.PATH}`, ...env },
      program: ['nsenter', '-t', this.pid, '--mount', `--wd=${rig.dir}`, process.execPath, BIN],
    };
  }

  private inside(command: readonly string[]): string[] {
    const env = ['-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'PODMAN_IGNORE_CGROUPSV1_WARNING=1'];
    return ['nsenter', '-t', this.pid, '--mount', '--pid', 'chroot', rootfs, '/usr/bin/env', ...env, ...command];
  }
}
