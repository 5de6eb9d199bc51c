/**
 * The values of --cache-from and --cache-to, as `docker buildx build` reads them.
 * @see docker/buildx util/buildflags/cache.go; the keys: moby/buildkit cache/remotecache/local/local.go
 */
import type { CacheFrom, CacheTo } from '../build/build-options.js';
import { BuildError } from '../diagnostic/build-error.js';
import { suggest } from '../diagnostic/suggest.js';
import { quote } from '../util/text.js';
import { parseBool } from './argv.js';
import { type AttributeErrors, type Attributes, readAttributes, splitFields } from './attributes.js';
import { usage } from './collect.js';

const LOCAL = 'a cache of wbuild is a folder, which whatever moves folders can keep: type=local';
const ONE_CACHE = 'a folder holds the cache of one build: name another folder for another one';
const LAYERS = 'layers are kept in the forms that the outputs ask for with -o';

/** What buildx has and wbuild lacks, and why. */
const FOREIGN_TYPES: readonly string[] = ['registry', 'inline', 'gha', 's3', 'azblob'];
const FOREIGN_KEYS: Readonly<Record<string, string>> = {
  tag: ONE_CACHE,
  digest: ONE_CACHE,
  compression: LAYERS,
  'compression-level': LAYERS,
  'force-compression': LAYERS,
  'oci-mediatypes': 'the image in the cache has those of the first -o',
  'image-manifest': 'the cache is an image manifest in an OCI layout anyway',
};

/** `type=local,src=DIR`. @throws BuildError `Usage` */
export function parseCacheFrom(text: string): CacheFrom {
  const { attributes, invalid } = read(text, '--cache-from', ['src']);
  const src = attributes.get('src') ?? '';
  if (src === '') return invalid('src= is missing', 'write type=local,src=DIR');
  return { type: 'local', src };
}

/** `type=local,dest=DIR[,mode=min|max][,ignore-error=true]`; there is nothing that mode=max would add. @throws BuildError `Usage` */
export function parseCacheTo(text: string): CacheTo {
  const { attributes, invalid } = read(text, '--cache-to', ['dest', 'mode', 'ignore-error']);
  const dest = attributes.get('dest') ?? '';
  if (dest === '') return invalid('dest= is missing', 'write type=local,dest=DIR');
  const mode = attributes.get('mode') ?? 'min';
  if (mode !== 'min' && mode !== 'max')
    invalid(`mode cannot be ${quote(mode)}`, 'it is min or max, which are the same here');
  const ignore = attributes.get('ignore-error') ?? 'false';
  const ignoreError = parseBool(ignore) ?? invalid(`ignore-error cannot be ${quote(ignore)}`, 'it is true or false');
  return { type: 'local', dest, ignoreError };
}

function read(
  text: string,
  option: string,
  keys: readonly string[],
): { readonly attributes: Attributes; readonly invalid: AttributeErrors['invalid'] } {
  const example = `${option} type=local,${keys[0]}=DIR`;
  const invalid = (problem: string, hint: string): never => {
    throw new BuildError(usage(`${option} ${quote(text)}: ${problem}`, hint));
  };
  const fields = splitFields(text, { example, invalid });
  if (!text.includes('=')) invalid('that is a cache in a registry for buildx', `${LOCAL}, ${example}`);
  const attributes = readAttributes(fields, { example, invalid });
  const type = attributes.get('type') ?? '';
  attributes.delete('type');
  if (FOREIGN_TYPES.includes(type)) invalid(`wbuild has no type=${type}`, LOCAL);
  if (type !== 'local')
    invalid(type === '' ? 'type= is missing' : `there is no type ${quote(type)}`, `for example: ${example}`);
  for (const key of attributes.keys()) {
    if (keys.includes(key)) continue;
    if (Object.hasOwn(FOREIGN_KEYS, key)) invalid(`wbuild has no ${key}=`, FOREIGN_KEYS[key]!);
    const near = suggest(key, keys, { caseInsensitive: true });
    const list = `its keys are ${keys.join(', ')}`;
    invalid(`type=local has no key ${quote(key)}`, near ? `did you mean ${near}? ${list}` : list);
  }
  return { attributes, invalid };
}
