/** Which of several builders a build goes to. */
import { createHash } from 'node:crypto';
import type { BuilderAddress } from './address.js';

/**
 * The builders in the order in which they are tried: by rendezvous hashing, so that a context comes back to the builder that has its cache, and
 * only the contexts of a builder that goes away move, evenly, to the others.
 * The hash covers the name of the context and the address as typed; nothing of it reaches an output.
 * @param name what the cache of the build is known by
 */
export function orderBuilders(addresses: readonly BuilderAddress[], name: string): BuilderAddress[] {
  const score = ({ shown }: BuilderAddress) => createHash('sha256').update(`${shown}\0${name}`).digest('hex');
  return addresses
    .map((address) => ({ address, score: score(address) }))
    .sort((a, b) => (a.score < b.score ? 1 : -1))
    .map(({ address }) => address);
}
