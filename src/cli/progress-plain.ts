import { printable } from '../diagnostic/display.js';
import type { BuildEvent } from '../progress/event.js';
import type { OutputStream } from './io.js';
import { formatProgress, formatSeconds, type Step, type StepView } from './progress-step.js';

/** Milliseconds between two lines about one step's bytes: a log is not a progress bar. */
const INTERVAL = 5000;

/**
 * Lines as BuildKit's plain mode prints them, so that what reads its logs reads ours:
 *
 *     #3 [2/3] COPY a /
 *     #3 12.3MB / 40MB 5.0s
 *     #3 DONE 7.1s
 *
 * An empty line stands where the lines of another step begin.
 */
export class PlainPrinter implements StepView {
  readonly #out: OutputStream;
  readonly #printedAt = new Map<string, number>();
  #current: string | undefined;

  constructor(out: OutputStream) {
    this.#out = out;
  }

  changed(step: Step, event: BuildEvent, now: number): void {
    const time = formatSeconds(now - step.startedAt);
    if (event.type === 'step-progress') this.#progress(step, now);
    else if (step.state === 'running') this.#line(step, printable(step.name));
    else if (step.state === 'cached') this.#line(step, 'CACHED');
    else if (step.state === 'failed') this.#line(step, `ERROR: ${printable(step.message ?? '')}`);
    else {
      const bytes = formatProgress(step);
      if (bytes !== '') this.#line(step, `${bytes} ${time} done`);
      this.#line(step, `DONE ${time}`);
    }
  }

  close(steps: readonly Step[], failed: boolean): void {
    if (!failed) return;
    for (const step of steps) if (step.state === 'running') this.#line(step, 'CANCELED');
  }

  #progress(step: Step, now: number): void {
    if (now - (this.#printedAt.get(step.id) ?? step.startedAt) < INTERVAL) return;
    this.#printedAt.set(step.id, now);
    this.#line(step, `${formatProgress(step)} ${formatSeconds(now - step.startedAt)}`);
  }

  #line(step: Step, text: string): void {
    const gap = this.#current !== undefined && this.#current !== step.id ? '\n' : '';
    this.#current = step.id;
    this.#out.write(`${gap}#${step.number} ${text}\n`);
  }
}
