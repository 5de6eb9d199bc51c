/** Certificates for tests, made by openssl in a folder. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/**
 * An authority with a server and a client that it signed, and one that nobody trusts: `ca.pem`, `server.pem`, `server-key.pem`, `client.pem`,
 * `client-key.pem`, `other-ca.pem`. The server is localhost and 127.0.0.1.
 */
export function makeCertificates(folder: string): void {
  fs.mkdirSync(folder, { recursive: true });
  const run = (line: string) => {
    const { status, stderr } = spawnSync('openssl', line.split(' '), { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${line}: ${stderr}`);
  };
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
  for (const ca of ['ca', 'other-ca'])
    run(`req -x509 ${key} -keyout ${ca}-key.pem -out ${ca}.pem -days 2 -subj /CN=${ca}`);
  for (const [name, usage] of [
    ['server', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ['client', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    fs.writeFileSync(path.join(folder, `${name}.ext`), `${usage}\n`);
    run(`req ${key} -keyout ${name}-key.pem -out ${name}.csr -subj /CN=${name}`);
    run(
      `x509 -req -in ${name}.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile ${name}.ext -out ${name}.pem`,
    );
  }
}
