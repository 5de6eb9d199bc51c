/**
 * --attest, and its shorthands --provenance and --sbom, as `docker buildx build` reads them.
 * @see docker/buildx util/buildflags/attests.go; the parameters: moby/buildkit docs/attestations/{slsa-provenance,sbom}.md
 */
import { type AttestOptions, PROVENANCE, type ProvenanceOptions } from '../attest/options.js';
import { BuildError } from '../diagnostic/build-error.js';
import { suggest } from '../diagnostic/suggest.js';
import { quote } from '../util/text.js';
import { parseBool } from './argv.js';
import { type Attributes, readAttributes, splitFields } from './attributes.js';
import { usage } from './collect.js';

export const ATTEST_TYPES = ['provenance', 'sbom'] as const;
type Type = (typeof ATTEST_TYPES)[number];

const KEYS: Readonly<Record<Type, readonly string[]>> = {
  provenance: ['mode', 'version', 'builder-id', 'reproducible', 'filename', 'inline-only'],
  sbom: [],
};

/** What BuildKit has and wbuild lacks, and why. */
const FOREIGN: Readonly<Record<Type, Readonly<Record<string, string>>>> = {
  provenance: {
    'capture-usage': 'it measures the machine, and an attestation of wbuild is the same on every machine',
    'complete-materials': 'leave it out: materials are complete, since contexts have digests',
  },
  sbom: { generator: 'leave it out: wbuild reads the files itself, and runs no scanner' },
};

/** What of a command line concerns attestations, in the order in which it counts. */
export interface AttestValues {
  readonly attest?: readonly string[];
  readonly provenance?: string | undefined;
  readonly sbom?: string | undefined;
}

/**
 * The attestations that are asked for. Of two of one type the last counts, and a shorthand counts more than --attest, as in buildx.
 * @returns undefined when there are none
 * @throws BuildError `Usage`
 */
export function parseAttests({ attest = [], provenance, sbom }: AttestValues): AttestOptions | undefined {
  const all = attest.map((text) => parseAttest(text, `--attest ${quote(text)}`));
  if (provenance) all.push(shorthand('provenance', provenance));
  if (sbom) all.push(shorthand('sbom', sbom));
  const last = (type: Type) => all.findLast((one) => one.type === type)?.attributes;
  const [made, bill] = [last('provenance'), last('sbom')];
  if (!made && !bill) return undefined;
  return { ...(made && { provenance: made }), ...(bill && { sbom: true }) };
}

interface Parsed {
  readonly type: Type;
  /** undefined: it is turned off. */
  readonly attributes: ProvenanceOptions | undefined;
}

function shorthand(type: Type, text: string): Parsed {
  const as = `--${type} ${quote(text)}`;
  const on = parseBool(text);
  if (on === undefined && !text.includes('=')) {
    const hint = `write --${type}=true, --${type}=false, or its parameters${type === 'provenance' ? ': --provenance=mode=min' : ''}`;
    throw new BuildError(usage(`${as} is neither true nor false`, hint));
  }
  return parseAttest(`type=${type}${on === undefined ? `,${text}` : on ? '' : ',disabled=true'}`, as);
}

function parseAttest(text: string, as: string): Parsed {
  const invalid = (problem: string, hint: string): never => {
    throw new BuildError(usage(`${as}: ${problem}`, hint));
  };
  const context = { example: '--attest type=provenance,mode=min', invalid };
  const attributes = readAttributes(splitFields(text, context), context);
  const type = checkType(attributes.get('type'), invalid);
  const disabled = attributes.get('disabled') ?? 'false';
  const off = parseBool(disabled) ?? invalid(`disabled cannot be ${quote(disabled)}`, 'it is true or false');
  attributes.delete('type');
  attributes.delete('disabled');
  for (const key of attributes.keys()) checkKey(type, key, invalid);
  return { type, attributes: off ? undefined : readProvenance(attributes, invalid) };
}

type Invalid = (problem: string, hint: string) => never;

function checkType(type: string | undefined, invalid: Invalid): Type {
  const list = `a type is one of ${ATTEST_TYPES.join(', ')}`;
  const known = ATTEST_TYPES.find((name) => name === type);
  if (known) return known;
  if (!type) return invalid('type= is missing', list);
  const near = suggest(type, ATTEST_TYPES, { caseInsensitive: true });
  return invalid(`there is no attestation ${quote(type)}`, near ? `did you mean ${near}? ${list}` : list);
}

function checkKey(type: Type, key: string, invalid: Invalid): void {
  if (KEYS[type].includes(key)) return;
  const foreign = FOREIGN[type];
  if (Object.hasOwn(foreign, key)) invalid(`wbuild has no ${key}=`, foreign[key]!);
  const list = KEYS[type].length > 0 ? `its keys are ${KEYS[type].join(', ')}` : 'it has none';
  const near = suggest(key, KEYS[type], { caseInsensitive: true });
  invalid(`type=${type} has no key ${quote(key)}`, near ? `did you mean ${near}? ${list}` : list);
}

/** Of an SBOM nothing is read, since it has no keys. */
function readProvenance(attributes: Attributes, invalid: Invalid): ProvenanceOptions {
  const given = (key: string) => attributes.get(key) || undefined;
  const bool = (key: string, absent: boolean) => {
    const value = given(key);
    return value === undefined
      ? absent
      : (parseBool(value) ?? invalid(`${key} cannot be ${quote(value)}`, 'it is true or false'));
  };
  const choice = <T extends string>(key: string, choices: readonly T[], absent: T): T => {
    const value = given(key);
    if (value === undefined) return absent;
    return (
      choices.find((text) => text === value) ??
      invalid(`${key} cannot be ${quote(value)}`, `it is ${choices.join(' or ')}`)
    );
  };
  const mode = choice('mode', ['min', 'max', 'full'], PROVENANCE.mode);
  return {
    mode: mode === 'full' ? 'max' : mode, // an older word for it
    version: choice('version', ['v1', 'v0.2'], PROVENANCE.version),
    builderId: given('builder-id') ?? PROVENANCE.builderId,
    filename: readFilename(given('filename') ?? PROVENANCE.filename, invalid),
    reproducible: bool('reproducible', PROVENANCE.reproducible),
    inlineOnly: bool('inline-only', PROVENANCE.inlineOnly),
  };
}

/** It becomes a file in the root of the output, and must not lead out of it. */
function readFilename(name: string, invalid: Invalid): string {
  if (!/[/\0]/.test(name) && name !== '.' && name !== '..') return name;
  return invalid(`filename cannot be ${quote(name)}`, 'it is a name without a folder');
}
