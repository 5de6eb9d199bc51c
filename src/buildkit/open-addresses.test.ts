import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { makeCertificates } from '../test/certificates.js';
import { useRig } from '../test/rig.js';

const rig = useRig();
const withOpenssl = spawnSync('openssl', ['version']).status === 0 ? test : test.skip;

const ls = async (...options: string[]) => {
  const { code, stderr } = await rig.run(['builder', 'ls', ...options, 'tcp://127.0.0.1:1']);
  return { code, says: stderr };
};

test.each([
  [['--tlscert', 'a.pem'], '--tlscert is given without --tlskey'],
  [['--tlskey', 'a.pem'], '--tlskey is given without --tlscert'],
  [['--tlscacert', 'none.pem'], '--tlscacert none.pem cannot be read: no such file or directory'],
  [['--tlscacert', 'a.txt'], '--tlscacert a.txt is not in the PEM form'],
])('%j', async (options, message) => {
  rig.write({ 'a.txt': 'no certificate\n' });
  expect(await ls(...options)).toEqual({ code: 2, says: expect.stringContaining(`error[Usage]: ${message}\n`) });
});

withOpenssl('a key of another certificate, and files with something else in them', async () => {
  makeCertificates(rig.path('pki'));
  const pair = (cert: string, key: string) => ls('--tlscert', `pki/${cert}`, '--tlskey', `pki/${key}`);
  const other = await pair('client.pem', 'server-key.pem');
  expect(other).toEqual({
    code: 2,
    says: expect.stringContaining(
      'error[Usage]: --tlskey pki/server-key.pem is not the key of --tlscert pki/client.pem\n',
    ),
  });
  rig.write({ 'pki/bad.pem': '-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n' });
  expect(await pair('bad.pem', 'client-key.pem')).toEqual({
    code: 2,
    says: expect.stringMatching(/^error\[Usage\]: --tlscert pki\/bad.pem cannot be used: /),
  });
  expect((await pair('client.pem', 'client-key.pem')).code).toBe(3); // nobody listens
});
