import { cutTo, toCells, widthOf } from '../diagnostic/display.js';
import type { BuildEvent } from '../progress/event.js';
import type { CommandIo } from './io.js';
import { formatProgress, formatSeconds, type Step, type StepView } from './progress-step.js';

/** Milliseconds between two pictures. */
const INTERVAL = 100;

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_LINE = '\x1b[2K';
const CLEAR_BELOW = '\x1b[J';
const SGR = { blue: '34', red: '31', cyan: '36' } as const;

interface TreeOptions {
  readonly io: Pick<CommandIo, 'stderr' | 'atExit'>;
  /** Milliseconds since the build began. */
  readonly now: () => number;
  readonly color: boolean;
}

/**
 * The steps, drawn over and over in place, as BuildKit's tty mode does:
 *
 *     [+] Building 1.2s (3/5)
 *      => [internal] load build context                        12.3MB  0.1s
 *      => CACHED [1/2] COPY a /                                         0.0s
 *
 * While it runs, a picture never has more lines than the terminal, since the cursor cannot go back above its top; steps that ended give way
 * first. The last picture has all lines and stays.
 */
export class TreePrinter implements StepView {
  readonly #options: TreeOptions;
  readonly #steps: Step[] = [];
  #timer: NodeJS.Timeout | undefined;
  #release: (() => void) | undefined;
  /** Lines of the picture that is on the screen. */
  #drawn = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  changed(step: Step, event: BuildEvent, now: number): void {
    if (event.type === 'step-started') this.#steps.push(step);
    if (this.#timer === undefined) this.#begin();
    if (now - this.#drawnAt >= INTERVAL) this.#draw(now);
  }

  close(_steps: readonly Step[], failed: boolean, now: number): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#paint(this.#picture(now, { rows: Number.POSITIVE_INFINITY, end: failed ? 'FAILED' : 'FINISHED' }));
    this.#options.io.stderr.write(SHOW_CURSOR);
    this.#release?.();
  }

  #begin(): void {
    const { io, now } = this.#options;
    this.#timer = setInterval(() => this.#draw(now()), INTERVAL);
    this.#timer.unref();
    this.#release = io.atExit(() => io.stderr.write(SHOW_CURSOR));
    io.stderr.write(HIDE_CURSOR);
  }

  #draw(now: number): void {
    this.#drawnAt = now;
    this.#paint(this.#picture(now, { rows: (this.#options.io.stderr.rows || 24) - 1 }));
  }

  #paint(lines: readonly string[]): void {
    const back = this.#drawn > 0 ? `\x1b[${this.#drawn}A\r` : '';
    this.#options.io.stderr.write(back + lines.map((line) => `${CLEAR_LINE}${line}\n`).join('') + CLEAR_BELOW);
    this.#drawn = lines.length;
  }

  #picture(now: number, { rows, end }: { rows: number; end?: 'FAILED' | 'FINISHED' }): string[] {
    const width = Math.max(1, (this.#options.io.stderr.columns || 80) - 1);
    const ended = this.#steps.filter((step) => step.state !== 'running').length;
    const head = `[+] Building ${formatSeconds(now)} (${ended}/${this.#steps.length})${end ? ` ${end}` : ''}`;
    const steps = choose(this.#steps, rows - 1);
    return [
      this.#color(end === 'FAILED' ? 'red' : 'blue', cutTo(head, width)),
      ...steps.map((step) => this.#row(step, now, { width, end })),
    ];
  }

  #row(step: Step, now: number, { width, end }: { width: number; end: string | undefined }): string {
    const seconds = formatSeconds((step.endedAt ?? now) - step.startedAt).padStart(6);
    const right = `${formatProgress(step)} ${seconds}`;
    const canceled = step.state === 'running' && end !== undefined;
    const word = canceled ? 'CANCELED ' : step.state === 'cached' ? 'CACHED ' : step.state === 'failed' ? 'ERROR ' : '';
    const left = cutTo(` => ${word}${step.name}`, Math.max(1, width - right.length - 1));
    const gap = ' '.repeat(Math.max(1, width - widthOf(toCells(left)) - right.length));
    const line = cutTo(`${left}${gap}${right}`, width);
    if (step.state === 'failed' || canceled) return this.#color('red', line);
    return step.state === 'running' ? line : this.#color(step.state === 'cached' ? 'cyan' : 'blue', line);
  }

  #color(hue: keyof typeof SGR, text: string): string {
    return this.#options.color ? `\x1b[${SGR[hue]}m${text}\x1b[0m` : text;
  }
}

/** The steps that are shown when there is room for `rows` of them, in their order: first those that run, then the latest that ended. */
function choose(steps: readonly Step[], rows: number): readonly Step[] {
  if (steps.length <= rows) return steps;
  const running = steps.filter((step) => step.state === 'running');
  const ended = steps.filter((step) => step.state !== 'running');
  const room = Math.max(0, rows - running.length);
  const shown = new Set([...ended.slice(ended.length - room), ...running.slice(0, Math.max(0, rows))]);
  return steps.filter((step) => shown.has(step));
}
