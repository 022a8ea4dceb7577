import { type Digest, shortDigest } from '@entrepot/oci';
import type { BuildMessage } from './image-builder.js';

const maxKeptMessages = 10_000;

/** What is told of a build, in the words of Docker's classic builder. */
export class Transcript {
  #step = 0;
  /** What a quiet build has not told; it is of use only when the build fails. */
  #kept: BuildMessage[] = [];

  constructor(
    private readonly send: (message: BuildMessage) => void,
    private readonly options: { steps: number; quiet: boolean; removeContainers: boolean },
  ) {}

  /** Anything that a quiet build tells only when it fails. */
  say(message: BuildMessage): void {
    if (!this.options.quiet) this.send(message);
    else if (this.#kept.length < maxKeptMessages) this.#kept.push(message);
  }

  failed(): void {
    for (const message of this.#kept) this.send(message);
    this.#kept = [];
  }

  step(source: string): void {
    this.#step += 1;
    this.#text(`Step ${this.#step}/${this.options.steps} : ${source}`);
    this.#text('\n');
  }

  image(id: Digest | null): void {
    this.#text(` ---> ${id === null ? '' : shortDigest(id)}\n`);
  }

  usingCache(): void {
    this.#text(' ---> Using cache\n');
  }

  running(container: string): void {
    this.#text(` ---> Running in ${container}\n`);
  }

  removed(container: string): void {
    if (this.options.removeContainers) this.#text(` ---> Removed intermediate container ${container}\n`);
  }

  triggers(count: number): void {
    this.#text(`# Executing ${count} build trigger${count > 1 ? 's' : ''}\n`);
  }

  stageDone(id: Digest | null): void {
    if (id !== null) this.say({ aux: { ID: id } });
  }

  unusedArgs(names: readonly string[]): void {
    if (names.length > 0) {
      this.#text(`[Warning] One or more build-args [${names.join(' ')}] were not consumed\n`);
    }
  }

  /** Of a quiet build this is all. */
  built(id: Digest): void {
    if (this.options.quiet) this.send({ stream: `${id}\n` });
    else this.#text(`Successfully built ${shortDigest(id)}\n`);
  }

  tagged(name: string): void {
    this.#text(`Successfully tagged ${name}\n`);
  }

  #text(stream: string): void {
    this.say({ stream });
  }
}
