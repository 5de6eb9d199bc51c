/** BuildKit itself builds the cases of testdata/build, and gives the index, manifest and config that are golden there: the same digests. */
import { expect, test } from '@jest/globals';
import { argumentsOf, casesOf, environmentOf, layOutCase, readCaseFile } from '../cases.js';
import { digestOf, type ReadImage, readImage } from '../read-image.js';
import { inside, peer, usePeersRig } from './peers.js';

const rig = usePeersRig();
/** What the BuildKit of the peers, 0.13, does in another way than a later one; ../shared/parity holds what the later one gives. */
const LATER: Readonly<Record<string, string>> = {
  chmod: 'modes in symbols, and what an octal one does to parents that are made',
  exclude: '--exclude is in its labs channel alone',
  parents: '--parents is in its labs channel alone',
};
const cases = casesOf('build').filter((name) => !(name in LATER));
const EXPORT = 'compression=uncompressed,rewrite-timestamp=true,force-compression=true';

test.each(cases)('%s', async (name) => {
  layOutCase(rig, 'build', name);
  const { SOURCE_DATE_EPOCH = '0' } = environmentOf('build', name);
  // paths are relative to the case, and the program runs elsewhere
  const args = argumentsOf('build', name).map((arg, i, all) => {
    if (all[i - 1] === '-f' || arg === 'context') return inside(rig, arg);
    return all[i - 1] === '--build-context' ? arg.replace(/=(?!.*:\/\/)/, `=${inside(rig)}/`) : arg;
  });
  const output = `type=oci,dest=${inside(rig, 'buildkit.tar')},${EXPORT}`;
  const flags = ['--no-cache', '--provenance=false', '-o', output];
  peer(`SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}`, 'docker', 'buildx', 'build', ...flags, ...args);
  const { index, manifest, config } = withoutSources(await readImage(rig.path('buildkit.tar')));
  expect({ index, manifest, config }).toEqual(JSON.parse(String(readCaseFile('build', name, 'index.json'))));
});

/** Where containerd noted that a blob came from. */
const SOURCE = 'containerd.io/distribution.source.';

/**
 * The image as it is where no test that ran before has loaded, pulled or pushed the same blobs under a name: BuildKit of this age writes into the
 * descriptors of the manifest, and into that of the index, what containerd noted of them then. A later one leaves it out
 * (exporter/containerimage/writer.go).
 */
function withoutSources({ index, manifest, config }: ReadImage): Pick<ReadImage, 'index' | 'manifest' | 'config'> {
  const drop = (key: string, value: unknown) => (key.startsWith(SOURCE) ? undefined : value);
  const clean = <T>(value: T): T => JSON.parse(JSON.stringify(value, drop));
  if (!JSON.stringify(manifest).includes(SOURCE)) return { index: clean(index), manifest, config };
  const text = JSON.stringify(manifest, drop, 2);
  const manifests = index.manifests.map((d) => ({ ...d, digest: digestOf(Buffer.from(text)), size: text.length }));
  return { index: clean({ ...index, manifests }), manifest: clean(manifest), config };
}
