import { MultiBar, type SingleBar } from 'cli-progress';
import { humanSize, shortDuration } from '../output/human.js';

/** One thing that moves: a layer, or an item of a batch. */
export interface Transfer {
  id: string;
  label: string;
  doneBytes: number;
  totalBytes: number;
  /** What to say instead of a bar: `Already exists`, `waiting until 14:05`; '' while bytes move. */
  status: string;
  /** What happens to the bytes, `Downloading` when it is not said. */
  verb?: string;
}

/** Shows long work to whoever looks: bars on a terminal, one line for each change elsewhere. */
export interface ProgressView {
  update(transfers: readonly Transfer[]): void;
  /** A line that stays. */
  note(line: string): void;
  /** Leaves what was shown last; nothing may follow. */
  close(): void;
}

/** Where progress goes; standard error, so that a result can be piped. */
export interface ProgressStream extends NodeJS.WritableStream {
  isTTY?: boolean;
}

/** Bars when the stream is a terminal, lines when not, nothing with `quiet`. */
export function openProgress(stream: ProgressStream, quiet = false): ProgressView {
  if (quiet) return { update: () => undefined, note: () => undefined, close: () => undefined };
  return stream.isTTY ? new Bars(stream) : new Lines(stream);
}

class Lines implements ProgressView {
  readonly #said = new Map<string, string>();

  constructor(readonly stream: ProgressStream) {}

  update(transfers: readonly Transfer[]): void {
    for (const { id, label, totalBytes, status, verb = 'Downloading' } of transfers) {
      const line = status || `${verb} ${humanSize(totalBytes)}`;
      if (this.#said.get(id) === line) continue;
      this.#said.set(id, line);
      this.note(`${label}: ${line}`);
    }
  }

  note(line: string): void {
    this.stream.write(`${line}\n`);
  }

  close(): void {}
}

const totalName = 'Total';

class Bars implements ProgressView {
  readonly #bars = new Map<string, SingleBar>();
  readonly #multi: MultiBar;
  /** When each bar began, and with how many bytes. */
  readonly #starts = new Map<string, { atMs: number; bytes: number }>();

  constructor(readonly stream: ProgressStream) {
    this.#multi = new MultiBar(
      {
        stream,
        hideCursor: true,
        clearOnComplete: false,
        emptyOnZero: true,
        barsize: 30,
        barCompleteChar: '=',
        barIncompleteChar: ' ',
        format: '{label} [{bar}] {text}',
        autopadding: true,
        gracefulExit: false,
      },
      {} as never,
    );
  }

  update(transfers: readonly Transfer[]): void {
    const isAlone = transfers.length === 1;
    for (const { id, label, doneBytes, totalBytes, status } of transfers) {
      const moved = `${humanSize(doneBytes)}/${humanSize(totalBytes)}`;
      const text = status || (isAlone ? `${moved}${this.#speed(id, doneBytes, totalBytes)}` : moved);
      this.#draw(id, label, doneBytes, totalBytes, text);
    }
    if (!isAlone && transfers.length > 0) this.#drawTotal(transfers);
    this.#multi.update();
  }

  note(line: string): void {
    this.#multi.log(`${line}\n`);
  }

  close(): void {
    this.#multi.stop();
  }

  #drawTotal(transfers: readonly Transfer[]): void {
    const done = transfers.reduce((sum, { doneBytes }) => sum + doneBytes, 0);
    const total = transfers.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
    const text = `${humanSize(done)}/${humanSize(total)}${this.#speed('', done, total)}`;
    this.#draw('', totalName, done, total, text);
  }

  /** How fast it goes, and how long it still takes. */
  #speed(id: string, done: number, total: number): string {
    const start = this.#starts.get(id) ?? { atMs: performance.now(), bytes: done };
    this.#starts.set(id, start);
    const seconds = (performance.now() - start.atMs) / 1000;
    const speed = (done - start.bytes) / Math.max(seconds, 0.1);
    const left = speed > 0 && done < total ? `, ${shortDuration(((total - done) / speed) * 1000)} left` : '';
    return speed > 0 ? `, ${humanSize(Math.round(speed), 3)}/s${left}` : '';
  }

  #draw(id: string, label: string, done: number, total: number, text: string): void {
    const bar = this.#bars.get(id) ?? this.#multi.create(Math.max(total, 1), 0, {});
    this.#bars.set(id, bar);
    bar.setTotal(Math.max(total, 1));
    bar.update(total === 0 ? 1 : done, { label: label.padEnd(13), text });
  }
}
