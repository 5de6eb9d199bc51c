/**
 * The value of -o, as `docker buildx build` reads it.
 * @see docker/buildx util/buildflags/export.go; the keys of each type: moby/buildkit exporter/{containerimage,oci,local,tar}
 */
import type { OutputSpec } from '../build/build-options.js';
import { fail } from '../diagnostic/build-error.js';
import { suggest } from '../diagnostic/suggest.js';
import type { Annotation } from '../oci/annotations.js';
import { formatReference, parseReference } from '../oci/reference.js';
import { quote } from '../util/text.js';
import { parseAnnotationKey } from './annotation-option.js';
import { parseBool } from './argv.js';
import { type Attributes, isLoneWord, readAttributes, splitFields } from './attributes.js';

type Type = OutputSpec['type'];

const IMAGE_KEYS = ['name', 'oci-mediatypes', 'compression', 'compression-level', 'force-compression', 'oci-artifact'];
const IMAGE_OUTPUT = ['dest', 'tar', 'rewrite-timestamp', ...IMAGE_KEYS];

/** The keys that each type takes, `type` aside. */
const KEYS: Readonly<Record<Type, readonly string[]>> = {
  oci: IMAGE_OUTPUT,
  docker: [...IMAGE_OUTPUT, 'context'],
  image: ['push', 'push-by-digest', 'registry.insecure', 'rewrite-timestamp', ...IMAGE_KEYS],
  wasm: ['dest', 'tar', 'name', 'push', 'push-by-digest', 'registry.insecure'],
  local: ['dest', 'mode', 'platform-split', 'attestation-prefix'],
  tar: ['dest', 'attestation-prefix'],
  cacheonly: [],
};

/** What `type=` can be: `registry` is an image that is pushed. */
export const OUTPUT_TYPES: readonly string[] = [...Object.keys(KEYS), 'registry'];

/** The types that are images, and so have annotations. */
const IMAGE_TYPES: readonly Type[] = ['oci', 'docker', 'image', 'wasm'];

const DAEMON = 'it concerns the image store of a daemon, and wbuild has none';

/** What buildx has and wbuild lacks, and why. */
const FOREIGN_TYPES: Readonly<Record<string, string>> = { moby: DAEMON };
const FOREIGN_KEYS: Readonly<Record<string, string>> = {
  'name-canonical': DAEMON,
  'dangling-name-prefix': DAEMON,
  'danging-name-empty-only': DAEMON,
  unpack: DAEMON,
  store: DAEMON,
  load: 'leave dest= out of type=docker, or give --load',
  'attestation-inline': 'give inline-only= to --attest type=provenance',
  'prefer-nondist-layers': 'it only concerns the layers of a base image',
  'source-date-epoch': 'set the environment variable SOURCE_DATE_EPOCH, which holds for the whole build',
};

/**
 * One value of -o → the output.
 * `DIR` alone means type=local,dest=DIR, and `-` alone type=tar,dest=-; `oci` and `tar` without dest go to standard output.
 * @throws BuildError `InvalidOutput`, or `InvalidReference` for the value of name=
 */
export function parseOutputOption(text: string): OutputSpec {
  const context = {
    example: '-o type=oci,dest=image.tar',
    invalid: (problem: string, hint: string) => invalid(text, problem, hint),
  };
  const fields = splitFields(text, context);
  if (isLoneWord(fields, text) && !isAttribute(text)) {
    return text === '-'
      ? build('tar', new Map([['dest', '-']]), text)
      : build('local', new Map([['dest', text]]), text);
  }
  const attributes = readAttributes(fields, context);
  const annotations: Annotation[] = [];
  for (const [key, value] of attributes) {
    const annotation = parseAnnotationKey(key, value, `-o ${quote(text)}`);
    if (!annotation) continue;
    annotations.push(annotation);
    attributes.delete(key);
  }
  // in buildx, too, a registry is an image that is pushed
  if (attributes.get('type') === 'registry') {
    attributes.set('type', 'image');
    if (!attributes.has('push')) attributes.set('push', 'true');
  }
  const type = checkType(attributes.get('type'), text);
  attributes.delete('type');
  for (const key of attributes.keys()) checkKey(type, key, text);
  if (annotations.length === 0) return build(type, attributes, text);
  if (!IMAGE_TYPES.includes(type)) invalid(text, `an annotation does not fit type=${type}`, 'it is one of an image');
  return { ...build(type, attributes, text), annotations };
}

/** A lone field with a known key in front is an attribute; buildx takes any but type= for the name of a folder, which nobody means. */
function isAttribute(text: string): boolean {
  const known = ['type', ...Object.values(KEYS).flat(), ...Object.keys(FOREIGN_KEYS)];
  return text.includes('=') && (known.includes(keyOf(text)) || /^annotation[.[-]/.test(keyOf(text)));
}

function keyOf(field: string): string {
  return field.slice(0, field.indexOf('=')).trim().toLowerCase();
}

function checkType(type: string | undefined, text: string): Type {
  const types = Object.keys(KEYS) as Type[];
  const known = types.find((name) => name === type);
  if (known) return known;
  const list = `a type is one of ${types.join(', ')}`;
  if (type === undefined || type === '') return invalid(text, 'type= is missing', list);
  if (Object.hasOwn(FOREIGN_TYPES, type)) return invalid(text, `wbuild has no type=${type}`, FOREIGN_TYPES[type]!);
  return invalid(text, `there is no type ${quote(type)}`, didYouMean(type, types, list));
}

function checkKey(type: Type, key: string, text: string): void {
  const keys = KEYS[type];
  if (keys.includes(key)) return;
  const list = keys.length > 0 ? `its keys are ${keys.join(', ')}` : 'it has none at all';
  if (Object.values(KEYS).flat().includes(key)) invalid(text, `${key}= does not fit type=${type}`, list);
  if (Object.hasOwn(FOREIGN_KEYS, key)) invalid(text, `wbuild has no ${key}=`, FOREIGN_KEYS[key]!);
  invalid(text, `type=${type} has no key ${quote(key)}`, didYouMean(key, keys, list));
}

function didYouMean(word: string, candidates: readonly string[], list: string): string {
  const near = suggest(word, candidates, { caseInsensitive: true });
  return near ? `did you mean ${near}? ${list}` : list;
}

/** Checked attributes → the output. */
function build(type: Type, attributes: Attributes, text: string): OutputSpec {
  const bool = (key: string, absent: boolean) => readBool(attributes, key, absent, text);
  const tar = bool('tar', true);
  bool('force-compression', true); // there are no layers but our own, so that all have the compression that is asked for
  if (!bool('rewrite-timestamp', true)) {
    const hint =
      'leave it out: no time after SOURCE_DATE_EPOCH enters an image, or the digest would change from build to build';
    invalid(text, 'rewrite-timestamp cannot be turned off', hint);
  }
  if (!tar && type === 'docker') invalid(text, 'type=docker writes a tar', 'for a folder: type=oci,tar=false,dest=DIR');
  const mode = attributes.get('mode') ?? '';
  if (mode !== '' && mode !== 'copy') {
    invalid(
      text,
      `mode cannot be ${quote(mode)}`,
      'wbuild has mode=copy alone, which keeps what else is in the folder',
    );
  }
  const dest = readDest(
    type,
    { tar, pushes: bool('push', attributes.has('push')) },
    attributes.get('dest') ?? '',
    text,
  );
  const compression = readCompression(attributes.get('compression') ?? '', text);
  const level = readLevel(attributes.get('compression-level') ?? '', compression, text);
  return {
    type,
    ...(dest !== undefined && { dest }),
    tar,
    names: readNames(attributes.get('name') ?? ''),
    ociMediaTypes: bool('oci-mediatypes', true),
    compression,
    ...(level !== undefined && { compressionLevel: level }),
    ...((type === 'image' || type === 'wasm') && readPush(attributes, bool)),
    ...(type === 'docker' && readLoad(attributes, dest, text)),
    ...(bool('oci-artifact', false) && { ociArtifact: true }),
    ...readPrefix(attributes.get('attestation-prefix') ?? '', text),
    ...(attributes.get('platform-split') && { platformSplit: bool('platform-split', true) }),
  };
}

/** It becomes part of the name of a file in the root of the output, and must not lead out of it. */
function readPrefix(prefix: string, text: string): Pick<OutputSpec, 'attestationPrefix'> {
  if (/[/\0]/.test(prefix))
    invalid(text, `attestation-prefix cannot be ${quote(prefix)}`, 'it is part of a name, without a folder');
  return prefix === '' ? {} : { attestationPrefix: prefix };
}

/** A key without a value means true, as in BuildKit. */
function readPush(attributes: Attributes, bool: (key: string, absent: boolean) => boolean): Pick<OutputSpec, 'push'> {
  const isSet = (key: string) => bool(key, attributes.has(key));
  const [push, byDigest, insecure] = [isSet('push'), isSet('push-by-digest'), isSet('registry.insecure')];
  return push || byDigest ? { push: { insecure, byDigest } } : {};
}

function readLoad(attributes: Attributes, dest: string | undefined, text: string): Pick<OutputSpec, 'load'> {
  const context = attributes.get('context') || undefined;
  if (dest === undefined) return { load: context === undefined ? {} : { context } };
  if (context !== undefined)
    invalid(
      text,
      'context= and dest= exclude one another',
      'leave dest= out to load the image, or context= to write it',
    );
  return {};
}

function readDest(
  type: Type,
  { tar, pushes }: { tar: boolean; pushes: boolean },
  dest: string,
  text: string,
): string | undefined {
  if (type === 'cacheonly' || type === 'image') return undefined;
  const folder = type === 'local' || !tar;
  if (dest !== '' && !(folder && dest === '-')) return dest;
  if (type === 'wasm' && dest === '' && pushes) return undefined;
  if (folder) {
    const shape = type === 'local' ? 'type=local,dest=DIR' : 'type=oci,tar=false,dest=DIR';
    return invalid(
      text,
      `${dest === '' ? 'dest= is missing' : 'a folder cannot go to standard output'}`,
      `write ${shape}`,
    );
  }
  return type === 'docker' ? undefined : '-'; // as in buildx, an archive for Docker that goes nowhere else is loaded
}

/** Several names stand in one quoted field: `"name=a:1,a:2"`. */
function readNames(value: string): string[] {
  return value === '' ? [] : value.split(',').map((name) => formatReference(parseReference(name)));
}

function readCompression(value: string, text: string): OutputSpec['compression'] {
  if (value === '' || value === 'gzip') return 'gzip';
  if (value === 'uncompressed' || value === 'zstd') return value;
  const list = 'compression is gzip, zstd or uncompressed';
  if (value === 'estargz') return invalid(text, `wbuild has no compression=${value}`, list);
  return invalid(
    text,
    `there is no compression ${quote(value)}`,
    didYouMean(value, ['gzip', 'zstd', 'uncompressed'], list),
  );
}

const LEVELS: Readonly<Record<OutputSpec['compression'], readonly [highest: number, meaning: string]>> = {
  gzip: [9, 'of gzip it is a digit: 0 stores, 1 is fast, 9 is small'],
  zstd: [22, 'of zstd it is a number from 0, which is fast, to 22, which is small'],
  uncompressed: [22, 'it is a number from 0 to 22, and has no effect on what is not compressed'],
};

/** As in BuildKit, -1 is what is taken when nothing is said. */
function readLevel(value: string, compression: OutputSpec['compression'], text: string): number | undefined {
  if (value === '' || value === '-1') return undefined;
  const [highest, meaning] = LEVELS[compression];
  if (/^(0|[1-9][0-9]?)$/.test(value) && Number(value) <= highest) return Number(value);
  return invalid(text, `compression-level cannot be ${quote(value)}`, meaning);
}

function readBool(attributes: Attributes, key: string, absent: boolean, text: string): boolean {
  const value = attributes.get(key) ?? '';
  if (value === '') return absent;
  return parseBool(value) ?? invalid(text, `${key} cannot be ${quote(value)}`, 'it is true or false');
}

function invalid(text: string, problem: string, hint: string): never {
  fail({ code: 'InvalidOutput', message: `-o ${quote(text)}: ${problem}`, hint });
}
