const blockLength = 2 ** 14;
const firstLength = 2 ** 8;

/** Whole numbers from 0 to 2³² - 1 by their index, 0 where none was set. In blocks, so that nothing is copied to grow. */
export class NumberColumn {
  readonly #blocks: Uint32Array[] = [new Uint32Array(firstLength)];

  get(index: number): number {
    return this.#blocks[index >>> 14]?.[index & (blockLength - 1)] ?? 0;
  }

  set(index: number, value: number): void {
    const at = index & (blockLength - 1);
    const block = this.#blocks[index >>> 14];
    if (block !== undefined && at < block.length) block[at] = value;
    else this.#grow(index)[at] = value;
  }

  /** Most trees are small: only the first block grows. */
  #grow(index: number): Uint32Array {
    const [first] = this.#blocks as [Uint32Array];
    if (index < blockLength) {
      const larger = new Uint32Array(Math.min(blockLength, Math.max(index + 1, first.length * 4)));
      larger.set(first);
      this.#blocks[0] = larger;
      return larger;
    }
    if (first.length < blockLength) {
      const whole = new Uint32Array(blockLength);
      whole.set(first);
      this.#blocks[0] = whole;
    }
    const place = index >>> 14;
    while (this.#blocks.length <= place) this.#blocks.push(new Uint32Array(blockLength));
    return this.#blocks[place] as Uint32Array;
  }
}
