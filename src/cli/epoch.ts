import { fail } from '../diagnostic/build-error.js';
import { quote } from '../util/text.js';

/** The last second of the year 9999: RFC 3339, and so `created` in the config, ends there. */
const MAX_EPOCH = 253_402_300_799;

/**
 * The value of SOURCE_DATE_EPOCH → seconds since 1970; unset or empty is 0.
 * @throws BuildError `InvalidEpoch` when it is no whole number from 0 to the end of the year 9999.
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function parseEpoch(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  const seconds = /^\+?[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MAX_EPOCH) return seconds;
  return fail({
    code: 'InvalidEpoch',
    message: `SOURCE_DATE_EPOCH is ${quote(text)}, which is no whole number of seconds since 1970 (0 to ${MAX_EPOCH})`,
    hint: 'set it to the time of the last commit: SOURCE_DATE_EPOCH=$(git log -1 --format=%ct); or unset it, which means 0',
  });
}

/** What --timestamp asks for. */
export type Timestamp = number | 'git' | 'now';

const HINT = 'it is git (the time of the last commit), now, seconds since 1970, or a time as 2024-01-31T12:00:00Z';

/**
 * The value of --timestamp: seconds since 1970, or what they are to be asked of.
 * @throws BuildError `InvalidEpoch`
 */
export function parseTimestamp(text: string): Timestamp {
  if (text === 'git' || text === 'now') return text;
  const seconds = /^\+?[0-9]{1,15}$/.test(text) ? Number(text) : parseRfc3339(text);
  if (seconds >= 0 && seconds <= MAX_EPOCH) return seconds;
  return fail({ code: 'InvalidEpoch', message: `--timestamp cannot be ${quote(text)}`, hint: HINT });
}

/** Whole seconds, cut towards the past; NaN for what is no such time (a 31st of June, say). */
function parseRfc3339(text: string): number {
  const [, date, , day] =
    /^((\d{4}-\d{2})-(\d{2}))[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/.exec(text) ?? [];
  if (date === undefined || new Date(`${date}T00:00:00Z`).getUTCDate() !== Number(day)) return Number.NaN;
  return Math.floor(Date.parse(text.replace(/[t ]/, 'T').replace('z', 'Z')) / 1000);
}
