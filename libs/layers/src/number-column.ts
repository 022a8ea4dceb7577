const firstLength = 256;

/** Whole numbers from 0 to 2³² - 1 by their index, 0 where none was set. */
export class NumberColumn {
  #values = new Uint32Array(firstLength);

  get(index: number): number {
    return this.#values[index] ?? 0;
  }

  set(index: number, value: number): void {
    if (index >= this.#values.length) this.#grow(index);
    this.#values[index] = value;
  }

  #grow(index: number): void {
    const larger = new Uint32Array(Math.max(index + 1, Math.ceil(this.#values.length * 1.5)));
    larger.set(this.#values);
    this.#values = larger;
  }
}
