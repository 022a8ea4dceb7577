/** Used by what runs, so nobody is told that they were not declared. */
const alwaysAllowed = new Set(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
);

/** What `--build-arg` gave, and what `ARG` made of it. */
export class BuildArgs {
  readonly #meta = new Map<string, string | null>();
  readonly #referenced = new Set<string>();
  #allowed = new Map<string, string | null>();

  constructor(private readonly given: ReadonlyMap<string, string>) {}

  /** An `ARG` before the first `FROM`. */
  addMeta(name: string, value: string | null): void {
    this.#meta.set(name, value);
    this.#referenced.add(name);
  }

  add(name: string, value: string | null): void {
    this.#allowed.set(name, value);
    this.#referenced.add(name);
  }

  /** The next stage declares its own. */
  startStage(): void {
    this.#allowed = new Map();
  }

  /** What `FROM` may use. */
  metaValues(): Map<string, string> {
    return this.#valuesOf(this.#meta);
  }

  /** What the instructions of a stage may use. */
  values(): Map<string, string> {
    return this.#valuesOf(this.#allowed);
  }

  unused(): string[] {
    const known = (name: string): boolean =>
      this.#referenced.has(name) || alwaysAllowed.has(name) || name === 'SOURCE_DATE_EPOCH';
    return [...this.given.keys()].filter((name) => !known(name)).sort();
  }

  #valuesOf(declared: ReadonlyMap<string, string | null>): Map<string, string> {
    const values = new Map<string, string>();
    for (const [name, fallback] of declared) {
      const value = this.given.get(name) ?? fallback ?? this.#meta.get(name);
      if (value !== undefined && value !== null) values.set(name, value);
    }
    return values;
  }
}
