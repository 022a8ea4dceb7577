import type { Readable } from 'node:stream';
import type { ContainerConfig, Descriptor, Platform } from '@entrepot/oci';

/** One `RUN`. */
export interface RunStep {
  /** What to execute: a list, or the shell with the text. */
  command: readonly string[];
  /** Environment with the declared build arguments, working directory and user are in here. */
  config: ContainerConfig;
  platform: Platform;
  /** What it sees, lowest first; each is a blob of the store. */
  layers: readonly Descriptor[];
  /** The text for whoever builds. */
  print(text: string): void;
  signal: AbortSignal;
}

/** What a `RUN` left behind. */
export interface RunResult {
  exitCode: number;
  /** The plain tar of what it changed, whiteouts among it; null when it changed nothing. */
  layer: Readable | null;
}

/**
 * What `RUN` needs and Entrepot does not bring: something that executes. Whoever has one hands it to `createBuilder`;
 * everything else of a build stays as it is. Without one a Dockerfile with `RUN` is refused before its first step. A
 * runner executes what strangers wrote, so isolation is its business.
 */
export interface StepRunner {
  run(step: RunStep): Promise<RunResult>;
}
