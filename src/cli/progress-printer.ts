/**
 * BuildEvent → lines on standard error, and the only place with a clock. A step's time is what passed between its events.
 *
 * `rawjson` is one JSON object a line: the event as in progress/event.ts, with `time` added, the milliseconds since the build began:
 *
 *     {"time":12,"type":"step-started","id":"copy-0","name":"[1/2] COPY a /"}
 *     {"time":15,"type":"step-progress","id":"copy-0","bytes":4096,"total":8192}
 *     {"time":17,"type":"step-done","id":"copy-0","cached":false}
 *     {"time":17,"type":"step-failed","id":"copy-0","message":"…"}
 */

import { jsonLine } from '../diagnostic/display.js';
import type { BuildEvent, Emit } from '../progress/event.js';
import { monotonicMs } from '../util/monotonic.js';
import { unreachable } from '../util/unreachable.js';
import { type CommandIo, wantsColor } from './io.js';
import type { ProgressMode } from './progress-mode.js';
import { PlainPrinter } from './progress-plain.js';
import type { Step, StepView } from './progress-step.js';
import { TreePrinter } from './progress-tree.js';

export interface ProgressPrinter {
  readonly emit: Emit;
  /** Prints the final state and gives the terminal back; `failed` says that steps still open were given up. May be called twice. */
  close(failed: boolean): void;
}

export interface PrinterOptions {
  readonly mode: ProgressMode;
  readonly io: Pick<CommandIo, 'stderr' | 'env' | 'atExit'>;
  /** Milliseconds from any start; tests give their own. */
  readonly clock?: () => number;
}

/** A tree redrawn in place needs a terminal that can move its cursor. */
export function resolveMode(mode: ProgressMode, { stderr, env }: Pick<CommandIo, 'stderr' | 'env'>): ProgressMode {
  if (mode !== 'auto' && mode !== 'tty') return mode;
  return stderr.isTTY && env.TERM !== 'dumb' ? 'tty' : 'plain';
}

/** The printer of a mode. Write errors are the stream's business: progress must never fail a build. */
export function createProgressPrinter({ mode, io, clock = monotonicMs }: PrinterOptions): ProgressPrinter {
  const startedAt = clock();
  const now = () => clock() - startedAt;
  const resolved = resolveMode(mode, io);
  switch (resolved) {
    case 'quiet':
      return { emit: () => {}, close: () => {} };
    case 'rawjson':
      return rawJsonPrinter(io, now);
    case 'plain':
      return stepPrinter(new PlainPrinter(io.stderr), now);
    case 'auto':
    case 'tty':
      return stepPrinter(new TreePrinter({ io, now, color: wantsColor(io.stderr, io.env) }), now);
    default:
      return unreachable(resolved);
  }
}

function rawJsonPrinter(io: Pick<CommandIo, 'stderr'>, now: () => number): ProgressPrinter {
  const lastAt = new Map<string, number>();
  return {
    emit: (event) => {
      const time = Math.round(now());
      if (event.type === 'step-progress') {
        if (time - (lastAt.get(event.id) ?? Number.NEGATIVE_INFINITY) < 100) return;
        lastAt.set(event.id, time);
      }
      io.stderr.write(`${jsonLine({ time, ...event })}\n`);
    },
    close: () => {},
  };
}

function stepPrinter(view: StepView, now: () => number): ProgressPrinter {
  const steps = new Map<string, Step>();
  let closed = false;
  return {
    emit: (event) => {
      if (closed) return;
      const time = now();
      const step = apply(steps, event, time);
      if (step) view.changed(step, event, time);
    },
    close: (failed) => {
      if (closed) return;
      closed = true;
      view.close([...steps.values()], failed, now());
    },
  };
}

/** Takes an event into the table of steps. An event of a step that never started, or has ended, is dropped. */
function apply(steps: Map<string, Step>, event: BuildEvent, now: number): Step | undefined {
  if (event.type === 'step-started') {
    const { id, name } = event;
    const step: Step = { id, name, number: steps.size + 1, startedAt: now, state: 'running', bytes: 0 };
    if (steps.has(id)) return undefined;
    steps.set(id, step);
    return step;
  }
  const step = steps.get(event.id);
  if (step?.state !== 'running') return undefined;
  switch (event.type) {
    case 'step-progress':
      step.bytes = event.bytes;
      if (event.total !== undefined) step.total = event.total;
      break;
    case 'step-done':
      step.state = event.cached ? 'cached' : 'done';
      step.endedAt = now;
      break;
    case 'step-failed':
      step.state = 'failed';
      step.message = event.message;
      step.endedAt = now;
      break;
    default:
      return unreachable(event);
  }
  return step;
}
