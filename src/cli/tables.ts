/** Numbers for people. */

/** Columns under their headings, as Docker prints them. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]! + 3))
      .join('')
      .trimEnd();
  return all.map((row) => `${line(row)}\n`).join('');
}

/** `1.2MB`: three digits, powers of 1000. */
export function humanSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : Number(value.toPrecision(3))}${units[unit]}`;
}

/** `3 hours ago`. */
export function humanAge(time: Date, now: number): string {
  const seconds = Math.max(0, Math.round((now - time.getTime()) / 1000));
  const [count, unit] = UNITS.map(([size, name]) => [Math.floor(seconds / size), name] as const).find(
    ([n]) => n > 0,
  ) ?? [0, 'second'];
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
}

const UNITS = [
  [604_800, 'week'],
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
] as const;
