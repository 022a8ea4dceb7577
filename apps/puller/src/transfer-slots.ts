import { mayStart, transfersToStop } from './lane-policy.js';

/** Who a transfer is for: somebody who waits, or a batch. */
export type Lane = 'interactive' | 'batch';

/** The right to transfer one blob. */
export interface TransferSlot {
  readonly lane: Lane;
  /** When it was asked to give way (of `performance.now`); null as long as it may go on. */
  readonly stopAskedAtMs: number | null;
  /** Somebody waits for it now, or nobody does any more: it may not be stopped, or may be again. */
  setLane(lane: Lane): void;
  /** Bytes have come. */
  count(bytes: number): void;
  /** Idempotent. */
  release(): void;
}

/** Is told what happens to transfers. */
export interface TransferObserver {
  onGranted(lane: Lane, waitedMs: number): void;
  onBytes(lane: Lane, bytes: number): void;
  /** A batch was asked to give way. */
  onStopAsked(): void;
  /** Somebody came to wait for what a batch fetches. */
  onRaised(): void;
}

interface Wish {
  lane: Lane;
  grant(): void;
}

/** The transfers of this process. A batch borrows what nobody else needs, and gives it back at the end of a chunk. */
export class TransferSlots {
  readonly #running = new Set<Slot>();
  readonly #wishes: Wish[] = [];

  constructor(
    private readonly total: number,
    private readonly observer?: TransferObserver,
  ) {}

  /** Whether a transfer of anybody could begin now. */
  get hasIdle(): boolean {
    return this.#running.size + this.#wishes.length < this.total;
  }

  /** Resolves when it is our turn. The caller releases it. @throws the reason of the signal */
  async take(lane: Lane, signal: AbortSignal): Promise<TransferSlot> {
    signal.throwIfAborted();
    const slot = new Slot(lane, () => this.#settle(), this.observer);
    const askedAtMs = performance.now();
    await new Promise<void>((resolve, reject) => {
      const wish: Wish = {
        lane,
        grant: () => {
          signal.removeEventListener('abort', giveUp);
          this.#running.add(slot);
          resolve();
        },
      };
      const giveUp = (): void => {
        this.#wishes.splice(this.#wishes.indexOf(wish), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#wishes.push(wish);
      this.#settle();
    });
    this.observer?.onGranted(lane, performance.now() - askedAtMs);
    return slot;
  }

  #settle(): void {
    for (const slot of this.#running) if (slot.isReleased) this.#running.delete(slot);
    for (;;) {
      const index = this.#wishes.findIndex(({ lane }) => mayStart(lane, this.#use()));
      if (index === -1) break;
      this.#wishes.splice(index, 1)[0]?.grant();
    }
    const running = [...this.#running].filter((slot) => slot.lane === 'batch' && slot.stopAskedAtMs === null);
    // The youngest ones: those have the least to lose.
    for (const slot of running.slice(running.length - transfersToStop(this.#use()))) slot.askToStop();
  }

  #use() {
    const running = [...this.#running];
    const count = (lane: Lane) => running.filter((slot) => slot.lane === lane).length;
    const waiting = (lane: Lane) => this.#wishes.filter((wish) => wish.lane === lane).length;
    return {
      total: this.total,
      interactive: { running: count('interactive'), waiting: waiting('interactive') },
      batch: { running: count('batch'), waiting: waiting('batch') },
      stopping: running.filter((slot) => slot.stopAskedAtMs !== null).length,
    };
  }
}

class Slot implements TransferSlot {
  stopAskedAtMs: number | null = null;
  isReleased = false;

  constructor(
    public lane: Lane,
    private readonly onChange: () => void,
    private readonly observer?: TransferObserver,
  ) {}

  askToStop(): void {
    this.stopAskedAtMs ??= performance.now();
    this.observer?.onStopAsked();
  }

  count(bytes: number): void {
    this.observer?.onBytes(this.lane, bytes);
  }

  setLane(lane: Lane): void {
    if (this.lane === lane || this.isReleased) return;
    this.lane = lane;
    if (lane === 'interactive') {
      this.stopAskedAtMs = null;
      this.observer?.onRaised();
    }
    this.onChange();
  }

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.onChange();
  }
}
