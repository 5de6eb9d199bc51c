/** The options of the command line → addresses, with the files that they name read. */
import { readFileSync } from 'node:fs';
import { describeErrno, fail } from '../diagnostic/build-error.js';
import { type BuilderAddress, type BuilderOptions, parseAddresses, type TlsMaterial } from './address.js';

/** @throws BuildError `Usage` for a text that is no address, or a file that cannot be read */
export function openAddresses(options: BuilderOptions): BuilderAddress[] {
  return parseAddresses(options.addresses, { dockerHost: options.dockerHost, tls: readTls(options) });
}

function readTls({ tlsCaCert, tlsCert, tlsKey, tlsServerName }: BuilderOptions): TlsMaterial | undefined {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const [has, lacks] = tlsCert === undefined ? ['--tlskey', '--tlscert'] : ['--tlscert', '--tlskey'];
    fail({ code: 'Usage', message: `${has} is given without ${lacks}`, hint: 'a certificate and its key go together' });
  }
  if ([tlsCaCert, tlsCert, tlsServerName].every((option) => option === undefined)) return undefined;
  return {
    ...(tlsCaCert !== undefined && { ca: readPem('--tlscacert', tlsCaCert) }),
    ...(tlsCert !== undefined && { cert: readPem('--tlscert', tlsCert) }),
    ...(tlsKey !== undefined && { key: readPem('--tlskey', tlsKey) }),
    ...(tlsServerName !== undefined && { serverName: tlsServerName }),
  };
}

function readPem(option: string, file: string): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const message = `${option} ${file} cannot be read: ${describeErrno(error)}`;
    return fail({ code: 'Usage', message, hint: 'name a file in the PEM form' }, error);
  }
  if (bytes.includes('-----BEGIN ')) return bytes;
  return fail({
    code: 'Usage',
    message: `${option} ${file} is not in the PEM form`,
    hint: 'it begins with -----BEGIN',
  });
}
