/** Outputs that cannot carry what they are asked to. Said before anything is built. */
import { fail } from '../diagnostic/build-error.js';
import { type AttestOptions, attestsAny, attestsOf } from './options.js';

/** What of an output is looked at. */
interface Output {
  readonly type: string;
  readonly ociMediaTypes: boolean;
  /** It goes into a running Docker. */
  readonly load?: object;
}

/**
 * Whether an output is an index for the sake of attestations.
 * @throws BuildError `InvalidOutput` for one that cannot carry them
 */
export function checkAttested(output: Output, attest: AttestOptions, platforms: number): boolean {
  const { type, ociMediaTypes, load } = output;
  const wanted = attestsOf(attest, output, platforms);
  if (!attestsAny(wanted)) return false;
  const given = [...(wanted.sbom ? ['sbom'] : []), ...(wanted.provenance ? ['provenance'] : [])];
  const what = `--attest type=${given.join(' and type=')}`;
  if (type === 'wasm')
    refuse(`-o type=wasm is one module, and ${what} has no place in it`, 'attest an image: -o type=oci');
  if (type === 'docker' && !load) {
    const hint =
      'write -o type=oci,dest=FILE, which docker load takes as well where Docker has the containerd image store; or leave the attestation out';
    refuse(`-o type=docker holds one image, and ${what} makes an index of it`, hint);
  }
  const isImage = type !== 'local' && type !== 'tar';
  if (isImage && !ociMediaTypes)
    refuse(`${what}: Docker's media types have no attestations`, 'leave oci-mediatypes=false out');
  return isImage;
}

function refuse(message: string, hint: string): void {
  fail({ code: 'InvalidOutput', message, hint });
}
