/**
 * Why layers were redone: compares each with what is remembered of the last build of its name, and remembers it for the next one.
 * What is remembered is for explaining alone; whether a layer is redone is decided without it (layer-cache.ts).
 */
import type { ContentDigests } from '../context/content-digests.js';
import type { LayerOptions } from '../layer/build-layer.js';
import type { CacheMiss } from '../progress/cache-miss.js';
import type { Change } from '../snapshot/diff.js';
import { type BuildMemory, type NewMemory, type RememberedLayer, sameKey } from '../store/build-memory.js';
import type { CachedLayer } from './layer-cache.js';
import { compareListings, layerListing } from './layer-listing.js';

export interface ExplainerOptions {
  readonly memory: BuildMemory;
  readonly digests: ContentDigests;
  /** The steps of the image's layers, bottom first. */
  readonly instructions: readonly string[];
  /** Whether anybody wants to know; if not, it is remembered all the same. */
  readonly explain: boolean;
}

/** A layer that is done. */
export interface FinishedLayer {
  /** Which of the instructions. */
  readonly index: number;
  readonly changes: readonly Change[];
  readonly form: LayerOptions;
  readonly result: CachedLayer;
}

/** Explains the layers of one build. */
export class Explainer {
  readonly #options: ExplainerOptions;
  readonly #notes = new Map<number, NewMemory>();

  constructor(options: ExplainerOptions) {
    this.#options = options;
  }

  /** Takes a layer in; why it was redone, if it was and somebody wants to know. */
  note({ index, changes, form, result }: FinishedLayer): CacheMiss | undefined {
    const { memory, digests, instructions, explain } = this.#options;
    const instruction = instructions[index]!;
    const { key } = result;
    const options = { compression: nameOf(form), SOURCE_DATE_EPOCH: String(form.epochSeconds) };
    const known = memory.layers().some((layer) => sameKey(layer.key, key));
    const wanted = explain && result.origin === 'built';
    const listing =
      known && !wanted ? undefined : layerListing(changes, form.epochSeconds, (file) => digests.lookup(file));
    const layer = { instruction, options, key, ...(listing !== undefined && { listing }) };
    this.#notes.set(index, known ? { instruction, options, key } : layer);
    return wanted ? this.#explain(index, { ...layer, listing: listing! }, result) : undefined;
  }

  /** Remembers the layers for the next build, if they are others than those of the last. */
  async save(): Promise<void> {
    const layers = [...this.#notes].sort(([a], [b]) => a - b).map(([, layer]) => layer);
    const before = this.#options.memory.layers();
    const same = (layer: NewMemory, i: number) =>
      before[i] !== undefined && sameKey(before[i].key, layer.key) && before[i].instruction === layer.instruction;
    if (layers.length === before.length && layers.every(same)) return;
    await this.#options.memory.save(layers);
  }

  #explain(index: number, layer: NewMemory & { readonly listing: string }, { missed }: CachedLayer): CacheMiss {
    if (missed === 'off') return { kind: 'off' };
    const { memory, instructions } = this.#options;
    const before = memory.layers();
    if (before.length === 0) return { kind: 'first-build' };
    const was = counterpart(index, instructions, before);
    if (!was) return instructionMiss(index, instructions, before);
    const gone: CacheMiss = { kind: missed === 'no-blob' ? 'no-blob' : 'no-record' };
    if (sameKey(was.key, layer.key)) return gone;
    const old = memory.listing(was);
    const changes = old === undefined ? undefined : compareListings(old, layer.listing);
    const differing = Object.entries(layer.options).find(([name, value]) => was.options[name] !== value);
    // where an option changed, and nothing but what it has an effect on, it is the reason
    const byOption = changes?.every((c) => c.how === 'changed' && c.fields.every((f) => f.field === 'mtime'));
    if (differing && byOption !== false) {
      const [option, after] = differing;
      return { kind: 'option', option, before: was.options[option] ?? '', after };
    }
    if (!changes) return { kind: 'files', more: 0 };
    const [first, ...more] = changes;
    return first ? { kind: 'files', first, more: more.length } : gone;
  }
}

function nameOf({ compression, compressionLevel }: LayerOptions): string {
  return compressionLevel === undefined ? compression : `${compression} level ${compressionLevel}`;
}

/** The layer that the same instruction made: of several alike, the one with as many before it. */
function counterpart(
  index: number,
  instructions: readonly string[],
  before: readonly RememberedLayer[],
): RememberedLayer | undefined {
  const nth = instructions.slice(0, index).filter((text) => text === instructions[index]).length;
  return before.filter((layer) => layer.instruction === instructions[index])[nth];
}

/** A new instruction, or one in the place of another that is not there any more. */
function instructionMiss(
  index: number,
  instructions: readonly string[],
  before: readonly RememberedLayer[],
): CacheMiss {
  const was = before[index]?.instruction;
  return was === undefined || instructions.includes(was)
    ? { kind: 'instruction' }
    : { kind: 'instruction', before: was };
}
