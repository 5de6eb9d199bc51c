/**
 * What is said of a builder that is no use: all of it, as it is printed (testdata/builder). Fake peers stand in for daemons that nobody installs any
 * more; failures.test.ts of src/test/builder has the like with real ones. `UPDATE_GOLDEN=1` writes what is expected.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type FakeOptions, startFake } from '../test/builder/fake-builder.js';
import { makeCertificates } from '../test/certificates.js';
import { runCommand } from '../test/command.js';
import { expectGolden } from '../test/golden.js';
import { useRig } from '../test/rig.js';

const rig = useRig();
const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

const FILES = {
  'ctx/Dockerfile': 'FROM scratch\nCOPY a /\nCOPY --chmod=u=rw \\\n  a /b\n',
  'ctx/a': 'a',
} as const;

/** Builds on an address, and compares what is printed, without the address, with testdata/builder/NAME.txt. */
async function expectRefusal(name: string, address: string, ...more: string[]): Promise<void> {
  rig.write(FILES);
  const args = ['--builder', address, ...more, '-o', 'type=oci,dest=out.tar', '--progress', 'quiet', 'ctx'];
  const env = { XDG_CACHE_HOME: rig.cacheDir, HOME: rig.cacheDir };
  const { code, stdout, stderr } = await runCommand(args, { cwd: rig.dir, env });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m); // never a stack trace
  expectGolden(`builder/${name}.txt`, stderr.replaceAll(address, '<builder>'));
  expect(fs.existsSync(rig.path('out.tar'))).toBe(false);
}

async function fake(options: Partial<FakeOptions>): Promise<string> {
  const builder = await startFake(rig.path('../b.sock'), {
    version: 'v0.25.0',
    solve: async () => undefined,
    ...options,
  });
  open.push(builder.close);
  return builder.address;
}

const says = (details: string, code = grpc.status.UNKNOWN) => ({
  solve: async () => {
    throw Object.assign(new Error(details), { code, details });
  },
});

describe('BuilderTooOld', () => {
  test('by its version', async () => expectRefusal('too-old', await fake({ version: 'v0.12.5' })));

  test('for a step, which is shown', async () => {
    const capability = 'source.local.metadatatransfer';
    await expectRefusal('too-old-for-a-step', await fake(says(`unknown API capability ${capability}`)));
  });

  test('for a step, where it knows what it lacks', async () => {
    const message =
      'requested experimental feature source.local.metadatatransfer  has been disabled on the build server';
    await expectRefusal('too-old-for-a-step', await fake(says(`failed to load LLB: ${message}`)));
  });
});

describe('BuilderFailed', () => {
  test('with words of its own', async () => {
    await expectRefusal('failed', await fake(says('failed to solve: no space left on device')));
  });

  test('when a name has a control character', async () => {
    const details = 'header key "followpaths" contains value with non-printable ASCII characters';
    await expectRefusal('control-character', await fake(says(`rpc error: code = Internal desc = ${details}`)));
  });

  test('without the exporter', async () => {
    await expectRefusal('no-exporter', await fake(says('exporter "oci" could not be found')));
  });

  test('with no image', async () => expectRefusal('no-image', await fake({})));
});

// openssl makes the certificates; CI has it, and a skipped test is a failure there
const withOpenssl = spawnSync('openssl', ['version']).status === 0 ? test : test.skip;

describe('BuilderUntrusted', () => {
  const listen = async (server: net.Server): Promise<string> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push(() => server.close());
    return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  /** A TLS server that wants a certificate of ca.pem, and tells what it thinks of others as buildkitd does; Node's own says nothing. */
  const strictServer = async (pki: string): Promise<string> => {
    const files = ['-cert', 'server.pem', '-key', 'server-key.pem', '-CAfile', 'ca.pem'];
    const strict = ['-tls1_3', '-alpn', 'h2', '-Verify', '1', '-verify_return_error'];
    const server = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', ...files, ...strict], { cwd: pki });
    open.push(() => server.kill('SIGKILL'));
    server.stderr.resume();
    let said = '';
    for await (const chunk of server.stdout) {
      said += chunk;
      const [, port] = /^ACCEPT 127\.0\.0\.1:(\d+)$/m.exec(said) ?? [];
      if (port !== undefined) return `tcp://127.0.0.1:${port}`;
    }
    throw new Error(`openssl s_server did not start: ${said}`);
  };

  withOpenssl('a certificate of somebody else, and one for another name', async () => {
    makeCertificates(rig.path('pki'));
    const pem = (name: string) => fs.readFileSync(rig.path('pki', name));
    const server = tls.createServer({ cert: pem('server.pem'), key: pem('server-key.pem') });
    server.on('tlsClientError', () => undefined);
    const address = await listen(server);
    await expectRefusal('untrusted', address, '--tlscacert', 'pki/other-ca.pem');
    const name = ['--tlscacert', 'pki/ca.pem', '--tlsservername', 'builder.example'];
    await expectRefusal('untrusted-name', address, ...name);
  });

  withOpenssl('no TLS at all', async () => {
    makeCertificates(rig.path('pki'));
    const address = await listen(
      net.createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400\r\n\r\n')),
    );
    await expectRefusal('no-tls', address, '--tlscacert', 'pki/ca.pem');
  });

  withOpenssl(
    'no certificate, or one that the builder does not trust: under TLS 1.3 it says so behind the handshake',
    async () => {
      makeCertificates(rig.path('pki'));
      const address = await strictServer(rig.path('pki'));
      await expectRefusal('no-certificate', address, '--tlscacert', 'pki/ca.pem');
      const strange = ['--tlscert', 'pki/other-ca.pem', '--tlskey', 'pki/other-ca-key.pem'];
      await expectRefusal('strange-certificate', address, '--tlscacert', 'pki/ca.pem', ...strange);
      await expectRefusal('wants-tls', address);
    },
  );
});
