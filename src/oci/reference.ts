/**
 * Image names by Docker's rules.
 * @see https://github.com/distribution/reference (normalize.go, regexp.go)
 */
import { fail } from '../diagnostic/build-error.js';
import grammar from '../generated/reference.ohm-bundle.js';
import { match } from '../util/grammar.js';
import { quote } from '../util/text.js';

/** An image name with its defaults filled in: `app` is docker.io, library/app, latest. */
export interface Reference {
  /** Host and maybe port of the registry; empty where the first part of the name is no host although it looks like one. */
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}

const DEFAULT_DOMAIN = 'docker.io';
const LEGACY_DOMAIN = 'index.docker.io';
const OFFICIAL = 'library/';
const DEFAULT_TAG = 'latest';

/** Lengths: of the path in all, of a tag, and of the hex digits of each digest algorithm that Docker knows. */
const MAX_PATH = 255;
const MAX_TAG = 128;
const DIGEST_LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** Nothing that could be a name is longer; keeps the parser from chewing on a file that is given as a name. */
const MAX_TEXT = 4096;

const SHAPE =
  'an image name is lower-case letters and digits, with ".", "_", "-" and "/" between them, and maybe a :tag; for example registry.example.com:5000/team/app:1.0';

/**
 * Reads an image name as a user types it, and fills in docker.io, library/ and, where there is neither tag nor digest, latest.
 * @throws BuildError `InvalidReference`
 */
export function parseReference(text: string): Reference {
  if (text === '') invalid('an image name is empty', SHAPE);
  if (text.length > MAX_TEXT) invalid(`an image name cannot have ${text.length} characters`, SHAPE);
  if (/^[a-f0-9]{64}$/.test(text)) {
    invalid(`${quote(text)} is no image name: 64 hex digits are an image ID`, 'give the image a name, such as app:1.0');
  }
  const { domain, remainder, start } = splitDomain(text);
  checkCase(text, start);
  const full = `${domain}/${remainder}`;
  const matched = match(grammar, full);
  if (!matched.ok) return misfit(text, matched.position - (full.length - text.length));
  const reference = semantics()(matched.match).reference() as Reference;
  checkLengths(text, reference);
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: DEFAULT_TAG };
}

/** The whole name: `docker.io/library/app:latest`. {@link parseReference} gives the same reference for it. */
export function formatReference({ domain, path, tag, digest }: Reference): string {
  return `${domain && `${domain}/`}${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** The name as Docker shows it, and has it in RepoTags: without docker.io and library/, `app:latest`. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return formatReference(reference);
  const rest = reference.path.startsWith(OFFICIAL) ? reference.path.slice(OFFICIAL.length) : undefined;
  const path = rest === undefined || rest.includes('/') ? reference.path : rest;
  return formatReference({ ...reference, domain: '', path });
}

/** The first part is a registry when it looks like a host: a dot, a colon, an upper-case letter, or `localhost`. */
function splitDomain(text: string): { domain: string; remainder: string; start: number } {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(slash, 0));
  const isHost = slash >= 0 && (first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first);
  let domain = isHost ? first : DEFAULT_DOMAIN;
  if (domain === LEGACY_DOMAIN) domain = DEFAULT_DOMAIN;
  const start = isHost ? slash + 1 : 0;
  const rest = text.slice(start);
  const official = domain === DEFAULT_DOMAIN && !rest.includes('/');
  return { domain, remainder: official ? OFFICIAL + rest : rest, start };
}

/** `start` is where the name behind the registry begins in the text. */
function checkCase(text: string, start: number): void {
  const repository = text.slice(start).split(':', 1)[0]!;
  const lower = repository.toLowerCase();
  if (repository === lower) return;
  const written = `${text.slice(0, start)}${lower}${text.slice(start + repository.length)}`;
  const hint = match(grammar, `${DEFAULT_DOMAIN}/${lower}`).ok ? `write ${written}` : SHAPE;
  invalid(`${quote(text)} is no image name: all but the tag must be in lower case`, hint);
}

function checkLengths(text: string, { path, tag, digest }: Reference): void {
  if (path.length > MAX_PATH) {
    invalid(`${quote(text)} is no image name: it has ${path.length} characters`, `at most ${MAX_PATH} are allowed`);
  }
  if (tag !== undefined && tag.length > MAX_TAG) {
    invalid(`${quote(text)} is no image name: its tag has ${tag.length} characters`, `at most ${MAX_TAG} are allowed`);
  }
  if (digest === undefined) return;
  const [algorithm = '', hex = ''] = digest.split(':');
  const length = DIGEST_LENGTHS[algorithm];
  if (length === undefined) {
    const known = Object.keys(DIGEST_LENGTHS).join(', ');
    invalid(
      `${quote(text)} is no image name: there is no digest algorithm ${quote(algorithm)}`,
      `it is one of ${known}`,
    );
  }
  if (hex.length !== length || hex !== hex.toLowerCase()) {
    const hint = `a ${algorithm} digest has ${length} hex digits in lower case; this one has ${hex.length}`;
    invalid(`${quote(text)} is no image name: its digest is not complete`, hint);
  }
}

function misfit(text: string, position: number): never {
  const at = Math.max(0, position);
  const rune = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const why = at < text.length ? `${quote(rune)} cannot stand at character ${at + 1}` : 'it ends too early';
  invalid(`${quote(text)} is no image name: ${why}`, SHAPE);
}

function invalid(message: string, hint: string): never {
  fail({ code: 'InvalidReference', message, hint });
}

function createSemantics() {
  const operations = grammar.createSemantics();
  operations.addOperation<object>('name', {
    name_qualified: (domain, _slash, path) => ({ domain: domain.sourceString, path: path.sourceString }),
    name_bare: (path) => ({ domain: '', path: path.sourceString }),
  });
  return operations.addOperation<object>('reference', {
    reference(name, tagPart, digestPart, _end) {
      const tag = tagPart.children[0]?.sourceString.slice(1);
      const digest = digestPart.children[0]?.sourceString.slice(1);
      return { ...name.name(), ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
    },
  });
}

let cached: ReturnType<typeof createSemantics> | undefined;

/** Made when the first name is read: most runs of the CLI read none. */
function semantics(): ReturnType<typeof createSemantics> {
  cached ??= createSemantics();
  return cached;
}
