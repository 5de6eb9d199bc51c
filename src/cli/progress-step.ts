/** A step as printers know it, and its quantities as they show them. */
import type { BuildEvent } from '../progress/event.js';

/** A step as a printer knows it; times in milliseconds since the build began. */
export interface Step {
  readonly id: string;
  readonly name: string;
  readonly number: number;
  readonly startedAt: number;
  endedAt?: number;
  state: 'running' | 'done' | 'cached' | 'failed';
  bytes: number;
  total?: number;
  message?: string;
}

/** What the modes that show steps differ in. `now` is in milliseconds since the build began. */
export interface StepView {
  changed(step: Step, event: BuildEvent, now: number): void;
  close(steps: readonly Step[], failed: boolean, now: number): void;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** 1234567 → `1.23MB`: decimal units and three digits, as Docker prints sizes. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))}${UNITS[unit]}`;
}

/** Milliseconds → `1.2s`. */
export function formatSeconds(milliseconds: number): string {
  return `${(Math.max(0, milliseconds) / 1000).toFixed(1)}s`;
}

/** `12.3MB / 40MB`, `12.3MB`, or nothing for a step that moved no bytes. */
export function formatProgress({ bytes, total, state }: Step): string {
  if (bytes === 0 && !total) return '';
  return state === 'running' && total ? `${formatBytes(bytes)} / ${formatBytes(total)}` : formatBytes(bytes);
}
