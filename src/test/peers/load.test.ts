/** --load into a real Docker, by its socket and by a context of its command line. */
import { afterEach, expect, test } from '@jest/globals';
import { inside, peer, usePeersRig } from './peers.js';

const rig = usePeersRig();
const { PEERS_DOCKER_SOCKET } = process.env;
const NAMES = ['wbuild-load:1', 'wbuild-load:2'];
afterEach(() => {
  peer('sh', '-c', `docker rmi -f ${NAMES.join(' ')} || true`);
});

async function load(args: readonly string[], env: Readonly<Record<string, string>>) {
  rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY app.wasm /\nENTRYPOINT ["app.wasm"]\n', 'c/app.wasm': '\0asm' });
  const result = await rig.run([...args, '--metadata-file', 'm.json', 'c'], { env });
  expect(result.stderr).not.toContain('error');
  expect(result.code).toBe(0);
  return result;
}

const idOf = (name: string) => peer('docker', 'images', '--no-trunc', '-q', name).trim();

test('docker images lists what --load loaded, of one platform and of several', async () => {
  const env = { DOCKER_HOST: `unix://${PEERS_DOCKER_SOCKET}` };
  const one = await load(['--platform', 'wasi/wasm', '-t', NAMES[0]!, '--load'], env);
  expect(one.stderr).toContain(`loaded    ${NAMES[0]}`);
  expect(one.stderr).toContain(`manifest  ${idOf(NAMES[0]!)}`);
  expect(rig.list()).not.toContain('image.tar');
  const several = await load(['--platform', 'wasi/wasm,linux/amd64', '-t', NAMES[1]!, '--load'], env);
  expect(several.stderr).toContain(`index     ${idOf(NAMES[1]!)}`);
});

test('a context that docker made is where -o type=docker loads', async () => {
  const own = `DOCKER_CONFIG=${inside(rig, 'docker')}`;
  peer(own, 'docker', 'context', 'create', 'peers', '--docker', `host=unix://${PEERS_DOCKER_SOCKET}`);
  const env = { DOCKER_CONFIG: rig.path('docker') };
  const result = await load(['--platform', 'wasi/wasm', '-t', NAMES[0]!, '-o', 'type=docker,context=peers'], env);
  expect(result.stderr).toContain(`manifest  ${idOf(NAMES[0]!)}`);
});
