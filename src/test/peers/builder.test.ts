/** `wbuild builder` on the BuildKit in dockerd: by its own socket, and over the bridge as BuildKit daemons are met. */
import fs from 'node:fs';
import { afterAll, expect, test } from '@jest/globals';
import { makeCertificates } from '../certificates.js';
import { type Bridge, bridge } from './bridge.js';
import { DOCKER_SOCKET, inside, peer, usePeersRig } from './peers.js';

const rig = usePeersRig();
const bridges: Bridge[] = [];
afterAll(() => Promise.all(bridges.map((b) => b.close())));

async function bridged(at: Parameters<typeof bridge>[1]): Promise<string> {
  bridges.push(await bridge(DOCKER_SOCKET, at));
  return bridges.at(-1)!.address;
}

test('ls says what answers and what does not', async () => {
  const direct = await bridged(rig.path('b.sock'));
  const gone = 'tcp://127.0.0.1:1';
  const run = await rig.run(['builder', 'ls', '--json', `unix://${DOCKER_SOCKET}`, direct, gone]);
  expect(run).toMatchObject({ code: 3, stderr: '' });
  const platforms = expect.arrayContaining(['linux/amd64']);
  expect(JSON.parse(run.stdout)).toEqual([
    { address: `unix://${DOCKER_SOCKET}`, up: true, version: expect.any(String), dockerApi: '1.45', platforms },
    { address: direct, up: true, version: expect.any(String), platforms },
    { address: gone, up: false, error: `the builder ${gone} cannot be reached: nobody listens there` },
  ]);
  const shown = await rig.run(['builder', 'ls', 'docker'], { env: { DOCKER_HOST: `unix://${DOCKER_SOCKET}` } });
  expect(shown.stdout).toMatch(
    /^BUILDER +STATUS +BUILDKIT +PLATFORMS\ndocker +up +.*\(Docker API 1\.45\) +linux\/amd64/,
  );
});

test('inspect, du, prune', async () => {
  const env = { BUILDKIT_HOST: `unix://${DOCKER_SOCKET}` };
  const inspect = await rig.run(['builder', 'inspect', '--json'], { env });
  expect(JSON.parse(inspect.stdout)).toMatchObject({ workers: [{ platforms: expect.anything(), labels: {} }] });
  expect((await rig.run(['builder', 'inspect'], { env })).stdout).toMatch(/^Worker: +\w+$/m);
  const du = await rig.run(['builder', 'du', '--json'], { env });
  expect(JSON.parse(du.stdout)).toBeInstanceOf(Array);
  expect((await rig.run(['builder', 'du'], { env })).stdout).toMatch(/in all .*, of which .* could be pruned\n$/);
});

test('prune removes what its filter says, and nothing that was used lately', async () => {
  const env = { BUILDKIT_HOST: `unix://${DOCKER_SOCKET}` };
  // a step that no other test has, so that what is removed here is nobody else's: the tests run side by side
  const mark = `/pruned-${process.pid}-${Date.now()}`;
  rig.write({ 'p/Dockerfile': `FROM scratch\nCOPY x ${mark}\n`, 'p/x': 'x' });
  const build = await rig.run(['--builder', 'docker', '-o', 'type=oci,dest=p.tar', 'p'], {
    env: { DOCKER_HOST: `unix://${DOCKER_SOCKET}` },
  });
  expect(build).toMatchObject({ code: 0 });
  const held = async () =>
    JSON.parse((await rig.run(['builder', 'du', '--json', '--filter', `description~="${mark}"`], { env })).stdout);
  const [record] = await held();
  expect(record).toMatchObject({ type: 'regular', description: expect.stringContaining(mark) });
  // prune of this age knows ids, and no descriptions
  const ours = ['--filter', `id==${record.id}`];
  const lately = await rig.run(['builder', 'prune', '--older-than', '520w', ...ours], { env });
  expect(lately).toMatchObject({ code: 0, stdout: 'freed 0B: 0 records\n' });
  const now = await rig.run(['builder', 'prune', ...ours], { env });
  expect(now.stdout).toMatch(new RegExp(`^removed ${record.id} \\(.*\\).*\nfreed .*: 1 records\n$`));
  expect(await held()).toEqual([]);
  const wrong = await rig.run(['builder', 'du', '--filter', 'id~=/'], { env });
  expect(wrong).toMatchObject({ code: 1, stdout: '' });
  expect(wrong.stderr).toContain('help: a filter is a field, an operator (==, !=, ~=) and a value');
});

test('a folder of --cache-to is one of buildx, and the reverse', async () => {
  const socket = `unix://${DOCKER_SOCKET}`;
  const mark = `/cached-${process.pid}-${Date.now()}`;
  rig.write({ 'c/Dockerfile': `FROM scratch\nCOPY x ${mark}\n`, 'c/x': mark });
  const held = async (): Promise<string[]> => {
    const { stdout } = await rig.run(['builder', 'du', '--json', '--filter', `description~="${mark}"`, socket]);
    return JSON.parse(stdout).map(({ id }: { id: string }) => id);
  };
  const forget = async () => {
    for (const id of await held()) await rig.run(['builder', 'prune', '--filter', `id==${id}`, socket]);
    expect(await held()).toEqual([]);
  };
  const ours = async (...args: string[]) =>
    expect(
      await rig.run(['--builder', socket, '--platform', 'linux/amd64', '-o', 'type=oci,dest=c.tar', ...args, 'c']),
    ).toMatchObject({ code: 0, stderr: expect.not.stringContaining('CacheNotUsable') });
  const theirs = (option: string, value: string) =>
    peer(
      ...['SOURCE_DATE_EPOCH=0', 'docker', 'buildx', 'build', '--provenance=false', '--platform', 'linux/amd64'],
      ...[option, value, '-o', `type=oci,dest=${inside(rig, 'theirs.tar')},rewrite-timestamp=true`, inside(rig, 'c')],
    );

  await ours('--cache-to', 'type=local,dest=ours,mode=max');
  expect(await held()).toHaveLength(1);
  await forget();
  theirs('--cache-from', `type=local,src=${inside(rig, 'ours')}`);
  expect(await held()).toEqual([]); // it came out of the folder

  rig.write({ 'c/x': `${mark} again` });
  theirs('--cache-to', `type=local,dest=${inside(rig, 'theirs')},mode=max`);
  expect(await held()).toHaveLength(1);
  await forget();
  await ours('--cache-from', 'type=local,src=theirs');
  expect(await held()).toEqual([]);
}, 60_000);

test('over TLS, with a certificate of our own', async () => {
  makeCertificates(rig.path('pki'));
  const pem = (name: string) => fs.readFileSync(rig.path('pki', name));
  const address = await bridged({
    cert: pem('server.pem'),
    key: pem('server-key.pem'),
    ca: pem('ca.pem'),
    requestCert: true,
    rejectUnauthorized: true,
  });
  const ours = ['--tlscert', 'pki/client.pem', '--tlskey', 'pki/client-key.pem'];
  const good = await rig.run(['builder', 'inspect', '--tlscacert', 'pki/ca.pem', ...ours, address]);
  expect(good).toMatchObject({ code: 0, stderr: '' });
  const wrong = await rig.run(['builder', 'inspect', '--tlscacert', 'pki/other-ca.pem', ...ours, address]);
  expect(wrong).toMatchObject({ code: 1, stdout: '' });
  expect(wrong.stderr).toMatch(/has a certificate that is not to be trusted.*\n.*--tlscacert/);
  const nobody = await rig.run(['builder', 'inspect', '--tlscacert', 'pki/ca.pem', address]);
  expect(nobody).toMatchObject({ code: 1, stdout: '' });
  expect(nobody.stderr).toMatch(/certificate/);
  const plain = await rig.run(['builder', 'inspect', address]);
  expect(plain).toMatchObject({ code: 1, stdout: '' });
  expect(plain.stderr).toContain('BuilderUnreachable');
});
