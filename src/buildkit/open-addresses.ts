/** The options of the command line → addresses, with the files that they name read. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { describeErrno, fail } from '../diagnostic/build-error.js';
import { type BuilderAddress, type BuilderOptions, parseAddresses, type TlsMaterial } from './address.js';
import { reasonOf } from './dial.js';

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
  const ca = tlsCaCert === undefined ? undefined : readPem('--tlscacert', tlsCaCert, 'ca');
  const cert = tlsCert === undefined ? undefined : readPem('--tlscert', tlsCert, 'cert');
  const key = tlsKey === undefined ? undefined : readPem('--tlskey', tlsKey, 'key');
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const message = `--tlskey ${tlsKey} is not the key of --tlscert ${tlsCert}`;
    fail({ code: 'Usage', message, hint: 'a certificate and its key go together' }, error);
  }
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(tlsServerName !== undefined && { serverName: tlsServerName }),
  };
}

/** @param role what it is good for, which is tried */
function readPem(option: string, file: string, role: 'ca' | 'cert' | 'key'): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const message = `${option} ${file} cannot be read: ${describeErrno(error)}`;
    return fail({ code: 'Usage', message, hint: 'name a file in the PEM form' }, error);
  }
  if (!bytes.includes('-----BEGIN ')) {
    const message = `${option} ${file} is not in the PEM form`;
    fail({ code: 'Usage', message, hint: 'it begins with -----BEGIN' });
  }
  try {
    createSecureContext({ [role]: bytes });
  } catch (error) {
    const message = `${option} ${file} cannot be used: ${reasonOf(error)}`;
    fail(
      { code: 'Usage', message, hint: `name a file of PEM with a ${role === 'key' ? 'private key' : 'certificate'}` },
      error,
    );
  }
  return bytes;
}
