/** What Docker and podman say when they do not load an image, in words of ours where theirs do not help. */
import { fail } from '../diagnostic/build-error.js';
import { printable } from '../diagnostic/display.js';

/** Who answers. Podman speaks Docker's API. */
export type Engine = 'Docker' | 'podman';

/** What the classic image store of Docker says of images for other systems than its own. */
const OTHER_SYSTEM =
  /cannot load \S+ image on |operating system is not supported|unsupported os|cannot be used on this platform/i;

/** What it says of an archive without manifest.json, which an index is: it takes the folders for layers of the oldest format. */
const INDEX = /docker-import-\d+\/(?:repositories|.*\bjson)|manifest\.json|invalid archive/i;

const SETTING =
  'turn on the containerd image store: {"features":{"containerd-snapshotter":true}} in daemon.json, or Settings, General, "Use containerd for pulling and storing images" in Docker Desktop';

/** Podman tries each format that it knows; ours is this one, and the others only say that it is not theirs. */
const OUR_FORMAT = /^ \* oci-archive: (?:unable to perform copy: )?(?:unable to copy from source \S+: )?(.*)$/m;

const NOT_FOR_THIS_MACHINE = /no image found in (?:image index|manifest list)/;

/** @throws BuildError `DockerRefused` */
export function refused(text: string, engine: Engine = 'Docker'): never {
  const said = (engine === 'podman' && OUR_FORMAT.exec(text)?.[1]) || text;
  const why = printable(said.trim()).slice(0, 500);
  const hint = hintFor(said, engine);
  return fail({ code: 'DockerRefused', message: `${engine} does not load the image: ${why}`, ...(hint && { hint }) });
}

function hintFor(text: string, engine: Engine): string | undefined {
  if (engine === 'podman')
    return NOT_FOR_THIS_MACHINE.test(text)
      ? 'of several platforms podman keeps the one of this machine, and there is none: load one platform at a time'
      : undefined;
  if (OTHER_SYSTEM.test(text)) return SETTING;
  return INDEX.test(text)
    ? `an index, of several platforms or with attestations, is not for its store: ${SETTING}`
    : undefined;
}
