import type { AnalysisWishes, ContentContext } from '@entrepot/content';
import type { JobQueue } from '@entrepot/jobs';
import type { Health, Logger, Metrics } from '@entrepot/observability';
import type { Reach } from '@entrepot/registry-client';
import type { Provider } from '@nestjs/common';
import { createBuilder } from './build/create-builder.js';
import type { ImageBuilder } from './build/image-builder.js';
import type { LayerReader, SeekPointFinder } from './layer-thread.js';
import { LayerTrees } from './layer-trees.js';

/** Tokens of what the controllers ask for by `@Inject`. */
export const HEALTH = Symbol('health');
export const METRICS = Symbol('metrics');
export const LOAD_PARTS = Symbol('load parts');
export const LAYER_TREES = Symbol('layer trees');
export const LOGGER = Symbol('logger');
export const INTERNAL_SECRET = Symbol('internal secret');
export const BUILDER = Symbol('builder');
export const SOURCE_EPOCH = Symbol('source epoch');

/** Everything from outside that this service works with. Whoever opened it closes it. */
export interface ArchiverParts {
  content: ContentContext;
  queue: JobQueue;
  analysis: AnalysisWishes;
  /** For what can wait, one thing after another. */
  layers: LayerReader & SeekPointFinder;
  /** For layers that somebody waits for. */
  urgentLayers: LayerReader;
  logger: Logger;
  health: Health;
  metrics: Metrics;
  /** What catalog shows to be let in. */
  internalSecret: string;
  /** How near to us a URL may lead that a client wants to have loaded. */
  reach: Reach;
  /** Credentials of pulls are sealed with it. */
  secretKey: Buffer;
  /** The time of everything that builds make; null for the clock's. */
  sourceEpoch: Date | null;
  /** How long content outlives its last reference. */
  collectAfterMs: number;
}

/** The parts under their tokens. */
export function providersOf(parts: ArchiverParts): Provider[] {
  const trees = new LayerTrees(parts);
  return [
    { provide: HEALTH, useValue: parts.health },
    { provide: METRICS, useValue: parts.metrics },
    { provide: LOAD_PARTS, useValue: parts },
    { provide: LAYER_TREES, useValue: trees },
    { provide: LOGGER, useValue: parts.logger },
    { provide: INTERNAL_SECRET, useValue: parts.internalSecret },
    { provide: BUILDER, useValue: builderOf(parts, trees) },
    { provide: SOURCE_EPOCH, useValue: parts.sourceEpoch },
  ];
}

function builderOf({ content, queue, secretKey, reach }: ArchiverParts, trees: LayerTrees): ImageBuilder {
  return createBuilder({ content, queue, secretKey, reach, trees, runner: null });
}
