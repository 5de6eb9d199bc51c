/** Differences → causes, a line each: what has one reason is said once, and what follows from another difference is not said at all. */
import { printable } from '../diagnostic/display.js';
import { CAUSES, type CauseCode } from './causes.js';
import type { ContentDifference, Difference, SectionDifference } from './difference.js';

/** Why two images differ. */
export interface Cause {
  readonly code: CauseCode;
  /** One line for people; safe to print. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** How many differences it accounts for. */
  readonly count: number;
  /** Where: `layer 1: bin/app`, at most {@link MAX_PLACES}. */
  readonly places: readonly string[];
  /** A text diff, or what sections hold. */
  readonly detail?: readonly string[];
}

/** What the two images are called in a message. */
export interface SideNames {
  readonly a: string;
  readonly b: string;
}

const MAX_PLACES = 20;
/** Places named in the line itself. */
const MAX_NAMED = 3;

/** One cause for each group of differences that have a reason in common, in the order in which they are found. */
export function explain(differences: readonly Difference[], names: SideNames): Cause[] {
  const { epoch, rest } = foldEpoch(withoutConsequences(differences));
  const groups = new Map<string, Difference[]>();
  for (const d of rest) {
    const key = groupKey(d);
    const group = groups.get(key);
    if (group) group.push(d);
    else groups.set(key, [d]);
  }
  const causes = [...groups.values()].map((group) => causeOf(group, names));
  return epoch ? [epochCause(epoch, names), ...causes] : causes;
}

/** By which an archive calls its image: the whole name, and the tag alone. */
const NAME = 'index.json annotations["io.containerd.image.name"]';
const REF_NAME = 'org.opencontainers.image.ref.name';

/** Leaves out what follows from another difference, which says more. */
function withoutConsequences(differences: readonly Difference[]): readonly Difference[] {
  const has = (code: CauseCode, field?: string) =>
    differences.some((d) => d.code === code && (field === undefined || d.field?.startsWith(field)));
  const oneSided = (d: Difference) => d.a === undefined || d.b === undefined;
  return differences.filter((d) => {
    // an instruction that changes the config is in the history as well
    if (d.code === 'HistoryText' && has('ConfigField', 'config.Entrypoint') && /^"ENTRYPOINT/.test(d.a ?? d.b ?? ''))
      return false;
    // a layer more is a step more
    if (d.code === 'HistoryText' && has('LayerCount') && oneSided(d)) return false;
    // the tag is the end of the name
    if (d.code === 'ImageName' && d.field?.includes(REF_NAME) && has('ImageName', NAME)) return false;
    // Docker's media types have no annotations
    return !(d.code === 'Annotation' && d.field?.includes(TIMESTAMP) && has('MediaType') && oneSided(d));
  });
}

/** Differences with one key are one cause. */
function groupKey(d: Difference): string {
  const { code, platform, layer, path, field, a, b } = d;
  switch (code) {
    case 'FileMode':
    case 'FileOwner':
    case 'PaxRecord':
      return JSON.stringify([code, field, a, b]);
    case 'Annotation':
      return JSON.stringify([code, field?.replace(/\[\d+\]/, ''), a, b]);
    case 'MediaType': // the types of an image go together
    case 'FileTime':
    case 'FileMissing':
    case 'FileExtra':
      return code;
    case 'LayerCompression':
      return JSON.stringify([code, field]);
    default:
      return JSON.stringify([code, platform, layer, path, field]);
  }
}

function causeOf(given: readonly Difference[], names: SideNames): Cause {
  // the manifest's own type says more than that of what it lists
  const group = [...given].sort((x, y) => Number(y.field === 'mediaType') - Number(x.field === 'mediaType'));
  const [first, ...more] = group;
  const { code, content } = first!;
  const places = group.slice(0, MAX_PLACES).map(placeOf);
  const others = more.slice(0, MAX_NAMED).map(placeOf).join(', ');
  const dots = more.length > MAX_NAMED ? ', …' : '';
  const rest = more.length === 0 ? '' : ` (and ${more.length} more: ${others}${dots})`;
  const detail = content && detailOf(content, names);
  return {
    code,
    message: printable(sentence(first!, names) + rest),
    hint: hintFor(group),
    count: group.length,
    places: places.map(printable),
    ...(detail && detail.length > 0 && { detail: detail.map(printable) }),
  };
}

function placeOf({ platform, layer, path, field }: Difference): string {
  const where = [...(platform ? [platform] : []), ...(layer ? [`layer ${layer}`] : [])];
  return [...where, path ?? field ?? ''].filter(Boolean).join(': ');
}

/** What differs, in one sentence. */
function sentence(d: Difference, names: SideNames): string {
  const place = placeOf(d);
  const both = (x = 'nothing', y = 'nothing') => `${x} in ${names.a}, ${y} in ${names.b}`;
  switch (d.code) {
    case 'FileMode':
      return `${place} has the mode ${both(d.a, d.b)}`;
    case 'FileOwner':
      return `${place} belongs to ${both(d.a ?? 'nobody by name', d.b ?? 'nobody by name')}`;
    case 'FileTime':
      return `${place} has the time ${both(d.a, d.b)}`;
    case 'FileType':
      return `${place} is a ${d.a} in ${names.a}, a ${d.b} in ${names.b}`;
    case 'LinkTarget':
      return `${place} points to ${both(quoted(d.a), quoted(d.b))}`;
    case 'FileMissing':
      return `${place} is missing in ${names.b} (${d.a} in ${names.a})`;
    case 'FileExtra':
      return `${place} is only in ${names.b} (${d.b})`;
    case 'IgnoreRule':
      return `${place} is missing in ${names.b}: ${d.b}`;
    case 'NameCase':
      return `${place} is called ${both(quoted(d.a), quoted(d.b))}`;
    case 'EntryOrder':
      return `${where(d)}the same entries in another order: ${quoted(d.a)} comes first in ${names.a} where ${names.b} has ${quoted(d.b)}`;
    case 'PaxRecord':
      return `${place} has the PAX record ${d.field}: ${both(quoted(d.a), quoted(d.b))}`;
    case 'TarHeader':
      return `${place} has another tar header: ${d.field}`;
    case 'FileContent':
      return `${place} ${contentSentence(d.content!, names)}`;
    case 'WasmCustomSection':
    case 'WasmSection':
      return `${place} ${wasmSentence(d.content!, names)}`;
    case 'PathInContent':
      return `${place} holds the path of the context, ${d.a}, ${d.field}`;
    case 'LayerCompression':
      return `layer ${d.layer} is ${d.field ? '' : 'the same tar, '}compressed differently: ${both(d.a, d.b)}`;
    case 'LayerCount':
      return `layer ${d.layer} is only in ${d.a ? names.a : names.b} (${d.a ?? d.b})`;
    case 'PlatformMissing':
      return `the image for ${d.a ?? d.b} is only in ${d.a ? names.a : names.b}`;
    case 'ConfigEncoding':
      return 'the configs say the same in other bytes';
    case 'ManifestEncoding':
      return 'the manifests say the same in other bytes';
    case 'ArchiveLayout':
      return archiveSentence(d, names);
    default:
      return `${d.field} is ${both(d.a, d.b)}`;
  }
}

function where({ layer }: Difference): string {
  return layer ? `layer ${layer}: ` : '';
}

function archiveSentence({ field, path, a, b }: Difference, names: SideNames): string {
  if (a !== undefined) return `the archives hold one image, and ${a} is only in ${names.a}`;
  if (b !== undefined) return `the archives hold one image, and ${b} is only in ${names.b}`;
  return `the archives hold one image, and differ in ${field}${path ? ` of ${path}` : ''}`;
}

function contentSentence(c: ContentDifference, names: SideNames): string {
  const at = c.offset === undefined ? '' : ` at byte ${c.offset}`;
  const hex = (text: string) => text.slice(0, 2);
  if (c.sizeA !== c.sizeB)
    return `has ${c.sizeA} bytes in ${names.a}, ${c.sizeB} in ${names.b}, and differs first${at || ' nowhere that was looked at'}`;
  if (c.bytes === undefined) return `has other content of the same size, ${c.sizeA} bytes`;
  const bytes = c.bytes === 1 ? '1 byte' : `${c.bytes} bytes`;
  return `differs in ${bytes} of ${c.sizeA}, first${at}: 0x${hex(c.a ?? '')} in ${names.a}, 0x${hex(c.b ?? '')} in ${names.b}`;
}

function wasmSentence({ wasm = [] }: ContentDifference, names: SideNames): string {
  const custom = wasm.filter((s) => s.custom);
  const main = wasm.filter((s) => !s.custom);
  const list = (sections: readonly SectionDifference[]) => sections.map((s) => sectionName(s, names)).join(', ');
  if (main.length > 0)
    return `differs in its sections ${list(main)}${custom.length > 0 ? `; and ${list(custom)}` : ''}`;
  const telling = custom.find((s) => s.onlyA.length > 0 || s.onlyB.length > 0);
  const say = (strings: readonly string[], name: string) =>
    strings[0] === undefined ? [] : [`${quoted(strings[0])} in ${name}`];
  const strings = telling ? [...say(telling.onlyA, names.a), ...say(telling.onlyB, names.b)].join(', ') : '';
  return `differs only in ${list(custom)}${strings && `: ${strings}`}`;
}

function sectionName({ name, sizeA, sizeB }: SectionDifference, names: SideNames): string {
  if (sizeA === undefined) return `${name} (only in ${names.b})`;
  if (sizeB === undefined) return `${name} (only in ${names.a})`;
  return sizeA === sizeB ? name : `${name} (${sizeA} bytes, ${sizeB})`;
}

/** Lines below the message. */
function detailOf({ text, wasm }: ContentDifference, names: SideNames): string[] {
  const sections = (wasm ?? []).flatMap((s) => [
    ...s.onlyA.map((line) => `${s.name}: only in ${names.a}: ${line}`),
    ...s.onlyB.map((line) => `${s.name}: only in ${names.b}: ${line}`),
  ]);
  return [...(text ?? []), ...sections];
}

function quoted(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.stringify(text);
}

/** The mend of a cause; that of a known shape where there is one. */
function hintFor(group: readonly Difference[]): string {
  const { code, a = '', b = '', field } = group[0]!;
  if (code === 'FileMode') {
    const [x, y] = [Number.parseInt(a, 8), Number.parseInt(b, 8)];
    if ((x & y) === x || (x & y) === y) return `one side lacks bits as a umask takes them away: ${CAUSES.FileMode}`;
  }
  if (code === 'ConfigField' && field?.startsWith('config.Entrypoint'))
    return 'the ENTRYPOINT of the two Dockerfiles differs';
  return CAUSES[code];
}

/** What an epoch of another value explains. */
interface EpochFold {
  readonly a: string;
  readonly b: string;
  readonly differences: readonly Difference[];
}

const TIMESTAMP = 'buildkit/rewritten-timestamp';

/** All differences that are one side's `created`, or a time clamped to it, have the epoch as their one cause. */
function foldEpoch(differences: readonly Difference[]): { epoch?: EpochFold; rest: readonly Difference[] } {
  const created = differences.find((d) => d.code === 'Epoch' && d.field === 'created');
  const any = created ?? differences.find((d) => d.code === 'Epoch' || d.field?.includes(TIMESTAMP));
  if (!any) return { rest: differences };
  const value = (text: string | undefined) => text?.replace(/^"|"$/g, '') ?? 'none';
  const [a, b] = [value(any.a), value(any.b)];
  const follows = (d: Difference) => {
    if (d.code === 'Epoch') return true;
    if (d.code === 'Annotation') return d.field?.includes(TIMESTAMP) ?? false;
    return d.code === 'FileTime' && (d.a === a || d.b === b);
  };
  return { epoch: { a, b, differences: differences.filter(follows) }, rest: differences.filter((d) => !follows(d)) };
}

function epochCause({ a, b, differences }: EpochFold, names: SideNames): Cause {
  const seconds = (text: string) => (/^\d+$/.test(text) ? Number(text) : Date.parse(text) / 1000);
  const show = (text: string) => (Number.isFinite(seconds(text)) ? `${seconds(text)} (${text})` : text);
  const times = differences.length === 1 ? '1 time follows' : `${differences.length} times follow`;
  return {
    code: 'Epoch',
    message: printable(`the epoch is ${show(a)} in ${names.a}, ${show(b)} in ${names.b}; ${times} from that`),
    hint: Number.isFinite(seconds(a))
      ? `set SOURCE_DATE_EPOCH=${seconds(a)}, or --timestamp, for both builds`
      : CAUSES.Epoch,
    count: differences.length,
    places: differences.slice(0, MAX_PLACES).map((d) => printable(placeOf(d))),
  };
}
