import { expect, test } from '@jest/globals';
import { parseAddresses } from './address.js';
import { orderBuilders } from './choose-builder.js';

const builders = (n: number) =>
  parseAddresses(Array.from({ length: n }, (_, i) => `tcp://builder-${i}:1234`).join(','), {});
const names = Array.from({ length: 1000 }, (_, i) => `registry.example/team/app-${i}`);
const first = (n: number) => names.map((name) => orderBuilders(builders(n), name)[0]!.shown);

test('a name goes to the same builder, whatever the order of the addresses', () => {
  for (const name of names.slice(0, 20)) {
    const order = orderBuilders(builders(4), name);
    expect(orderBuilders([...builders(4)].reverse(), name)).toEqual(order);
    expect(new Set(order).size).toBe(4);
  }
});

test('names are spread evenly', () => {
  const counts = new Map<string, number>();
  for (const shown of first(4)) counts.set(shown, (counts.get(shown) ?? 0) + 1);
  for (const count of counts.values()) expect(Math.abs(count - 250)).toBeLessThan(60);
});

test('when a builder goes, only its names move', () => {
  const [before, after] = [first(4), first(3)];
  for (const [i, shown] of before.entries()) if (shown !== 'tcp://builder-3:1234') expect(after[i]).toBe(shown);
});
