interface Entry<T> {
  answer: Promise<T>;
  until: number;
}

/** Remembers answers for a while; who asks while somebody is asking waits for the same answer. Failures are forgotten. */
export class AnswerCache<T> {
  readonly #entries = new Map<string, Entry<T>>();

  constructor(
    private readonly lifeMs: number,
    private readonly maxEntries: number,
    private readonly now: () => number = Date.now,
  ) {}

  async get(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known && known.until > this.now()) return known.answer;
    const entry = { answer: ask(), until: this.now() + this.lifeMs };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#forgetOldest();
    entry.answer.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    return entry.answer;
  }

  #forgetOldest(): void {
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.maxEntries && oldest !== undefined) this.#entries.delete(oldest);
  }
}
