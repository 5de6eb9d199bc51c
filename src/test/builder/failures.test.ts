/** What can go wrong with a builder: each a clear error in bounded time, exit code 1, no output, nothing left running. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeCertificates } from '../certificates.js';
import { type Bridge, bridge } from '../peers/bridge.js';
import { type RunResult, useRig } from '../rig.js';
import { type Daemon, startDaemon } from './daemon.js';
import { startFake } from './fake-builder.js';

const rig = useRig();
let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon();
}, 60_000);
afterAll(() => daemon?.close(), 60_000);

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
const opened = <T extends { close(): unknown }>(one: T): T => {
  open.push(one);
  return one;
};

const OUTPUTS = ['-o', 'type=oci,dest=out.tar', '-o', 'type=local,dest=out', '--iidfile', 'id'];

/** A context that takes a while to send. */
function lay(size = 5): void {
  const big = { size: size * 1024 * 1024 };
  rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY big /\n', 'ctx/big': big });
}

const remote = (builder: string, ...more: string[]) => [
  '--builder',
  builder,
  '--progress',
  'plain',
  ...OUTPUTS,
  ...more,
  'ctx',
];

function expectFailure(run: RunResult, message: RegExp): void {
  expect(run.stderr).toMatch(message);
  expect(run.stderr).not.toMatch(/^\s+at /m);
  expect(run.code).toBe(1);
  expect(rig.list().filter((name) => !name.startsWith('ctx/') && !name.startsWith('pki/'))).toEqual([]);
}

/** Runs a build, and does something to it once the daemon has begun. */
async function disturb(builder: string, harm: () => void): Promise<RunResult> {
  const running = rig.start(remote(builder));
  await running.seen(/load build context/);
  harm();
  return running.done;
}

async function bridged(): Promise<Bridge> {
  return opened(await bridge(daemon.socket, rig.path('../b.sock')));
}

test('a daemon that is killed in the middle', async () => {
  const victim = await startDaemon();
  lay(400);
  const run = await disturb(`unix://${victim.socket}`, victim.kill);
  await victim.close();
  expectFailure(run, /BuilderLost.*the connection to the builder unix:.* broke in the middle of the build/);
}, 150_000);

test('connections that are cut in the middle', async () => {
  const b = await bridged();
  lay(400);
  expectFailure(await disturb(b.address, b.cut), /BuilderLost/);
}, 150_000);

test('a session that is cut off, while the daemon is still there', async () => {
  lay(400);
  // the session of dockerd is a connection of its own: a second socket leads to it
  const fake = opened(
    await startFake(rig.path('../b.sock'), {
      version: 'v0.25.0',
      solve: async (session, _, { cancelled }) => {
        session.channel.close();
        session.end();
        await cancelled;
      },
    }),
  );
  const started = Date.now();
  expectFailure(await rig.run(remote(fake.address)), /BuilderLost.*the session was cut off/);
  expect(Date.now() - started).toBeLessThan(20_000);
}, 150_000);

test('a daemon that says no more', async () => {
  const b = await bridged();
  lay(400);
  const started = Date.now();
  expectFailure(await disturb(b.address, b.freeze), /BuilderLost.*no sign of life for 30 seconds/);
  expect(Date.now() - started).toBeLessThan(50_000);
}, 150_000);

test('a daemon that takes connections and does not answer', async () => {
  const fake = opened(
    await startFake(rig.path('../b.sock'), {
      version: 'v0.25.0',
      info: () => new Promise(() => undefined),
      solve: async () => undefined,
    }),
  );
  lay();
  expectFailure(await rig.run(remote(fake.address)), /BuilderUnreachable.*did not answer within 10 seconds/);
}, 150_000);

describe('a daemon that is too old', () => {
  test.each([['v0.12.5'], ['v0.11.0-dev'], [undefined]])('version %s', async (version) => {
    const fake = opened(
      await startFake(rig.path('../b.sock'), { ...(version && { version }), solve: async () => undefined }),
    );
    lay();
    expectFailure(await rig.run(remote(fake.address)), /BuilderTooOld.*cannot rewrite the times in layers/);
    expect(fake.solves()).toBe(0);
  });
});

test('a step that a daemon is too old for is named, with its line', async () => {
  rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY a /\nCOPY --parents a /b/\n', 'ctx/a': '' });
  // --parents came after the BuildKit of Docker 26
  expectFailure(await rig.run(remote(`unix://${daemon.socket}`)), /BuilderTooOld(?:.|\n)*Dockerfile:3:1/);
});

test('a wrong certificate', async () => {
  makeCertificates(rig.path('pki'));
  const pem = (name: string) => fs.readFileSync(rig.path('pki', name));
  const b = opened(await bridge(daemon.socket, { cert: pem('server.pem'), key: pem('server-key.pem') }));
  lay();
  const other = await rig.run(remote(b.address, '--tlscacert', 'pki/other-ca.pem'));
  expectFailure(other, /BuilderUntrusted.*not to be trusted/);
  const name = await rig.run(remote(b.address, '--tlscacert', 'pki/ca.pem', '--tlsservername', 'builder.example'));
  expectFailure(name, /BuilderUntrusted(?:.|\n)*--tlsservername/);
  const good = await rig.run(remote(b.address, '--tlscacert', 'pki/ca.pem'));
  expect(good).toMatchObject({ code: 0 });
});

test('nobody there, and no socket', async () => {
  lay();
  expectFailure(await rig.run(remote('tcp://127.0.0.1:1')), /BuilderUnreachable.*nobody listens there/);
  expectFailure(await rig.run(remote(`unix://${rig.path('none.sock')}`)), /BuilderUnreachable.*no such socket/);
});

test('a context that changes while it is sent', async () => {
  lay();
  const fake = opened(
    await startFake(rig.path('../b.sock'), {
      version: 'v0.25.0',
      solve: async (session) => {
        await session.diffCopy({ 'dir-name': 'context', followpaths: ['big'] }, ({ stat }) => {
          if (!stat) return [];
          fs.appendFileSync(rig.path('ctx/big'), 'more');
          return [{ type: 1, id: 0 }];
        });
        throw new Error('the client failed');
      },
    }),
  );
  expectFailure(await rig.run(remote(fake.address)), /FileChanged.*big changed while the build read it/);
});

test('what a local build refuses is refused in the same words', async () => {
  rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY App.wasm /\n', 'ctx/app.wasm': '' });
  const there = await rig.run(['--builder', `unix://${daemon.socket}`, '--progress', 'quiet', ...OUTPUTS, 'ctx']);
  expectFailure(there, /SourceNotFound(?:.|\n)*ctx.Dockerfile:2:6|SourceNotFound(?:.|\n)*Dockerfile:2:6/);
  const here = await rig.run(['--progress', 'quiet', ...OUTPUTS, 'ctx']);
  expect(there.stderr).toBe(here.stderr);
});

test('Ctrl-C ends the solve on the daemon', async () => {
  let cancelled = false;
  const fake = opened(
    await startFake(rig.path('../b.sock'), {
      version: 'v0.25.0',
      solve: async (_session, _request, call) => {
        await call.cancelled;
        cancelled = true;
      },
    }),
  );
  lay();
  const running = rig.start(remote(fake.address));
  for (let i = 0; fake.solves() === 0 && i < 200; i++) await new Promise((resolve) => setTimeout(resolve, 50));
  running.child.kill('SIGINT');
  expect(await running.done).toMatchObject({ code: 130, stderr: expect.stringContaining('wbuild: interrupted') });
  for (let i = 0; !cancelled && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(cancelled).toBe(true);
  expect(rig.list().filter((name) => !name.startsWith('ctx/'))).toEqual([]);
});

describe('several builders', () => {
  test('one that does not answer is passed over, with a warning', async () => {
    lay();
    const run = await rig.run(remote(`tcp://127.0.0.1:1,unix://${daemon.socket},tcp://127.0.0.1:2`));
    expect(run.code).toBe(0);
    // as many warnings as there were builders before the one that answers
    for (const warning of run.stderr.match(/warning\[.*/g) ?? []) expect(warning).toMatch(/BuilderUnreachable/);
    expect(rig.list()).toContain('out.tar');
  });

  test('one that is lost in the middle as well', async () => {
    lay(60);
    const b = await bridged();
    const both = [b.address, `unix://${daemon.socket}`];
    const running = rig.start(remote(both.join(',')));
    await running.seen(/load build context/);
    b.cut(); // no harm where the other one came first
    expect(await running.done).toMatchObject({ code: 0 });
    expect(rig.list()).toContain('out.tar');
  }, 150_000);

  test('and when none is left, the last error is said', async () => {
    lay();
    const run = await rig.run(remote('tcp://127.0.0.1:1,tcp://127.0.0.1:2'));
    expectFailure(run, /error\[BuilderUnreachable\]/);
  });
});

test('nothing of a build stays on this machine', async () => {
  lay();
  expect(await rig.run(remote(`unix://${daemon.socket}`))).toMatchObject({ code: 0 });
  expect(fs.readdirSync(path.join(rig.cacheDir, 'wbuild/builds'))).toEqual([]);
});
