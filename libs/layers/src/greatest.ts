/** The items that waste most, of which not many more are held while all of them pass by. */
export class Greatest<T extends { wastedBytes: number }> {
  #held: T[] = [];
  #leastBytes = 0;

  /** At most `limit`; of equals those whose key comes first. */
  constructor(
    private readonly limit: number,
    private readonly keyOf: (item: T) => string,
  ) {}

  /** Whether an item that wastes so much may be one of them. */
  wants(wastedBytes: number): boolean {
    return wastedBytes >= this.#leastBytes;
  }

  add(item: T): void {
    this.#held.push(item);
    if (this.#held.length >= this.limit * 2 + 100) this.#cut();
  }

  /** The greatest first. */
  take(): T[] {
    this.#cut();
    return this.#held;
  }

  #cut(): void {
    this.#held.sort((a, b) => b.wastedBytes - a.wastedBytes || (this.keyOf(a) < this.keyOf(b) ? -1 : 1));
    this.#held = this.#held.slice(0, this.limit);
    if (this.#held.length === this.limit) this.#leastBytes = this.#held.at(-1)?.wastedBytes ?? 0;
  }
}
