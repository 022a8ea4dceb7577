import { ArchivesController } from './archives.controller.js';
import { BatchesController } from './batches.controller.js';
import { EconomicsController } from './economics.controller.js';
import { PlatformEventsController } from './events.controller.js';
import { FindController } from './find.controller.js';
import { PlatformImagesController } from './images.controller.js';
import { LayersController } from './layers.controller.js';
import { OpenApiController } from './openapi.controller.js';
import { PlatformPullsController } from './pulls.controller.js';
import { RegistriesController } from './registries.controller.js';
import { SchedulesController } from './schedules.controller.js';
import { PlatformSearchController } from './search.controller.js';
import { PlatformSystemController } from './system.controller.js';
import { TagsController } from './tags.controller.js';
import { TokensController } from './tokens.controller.js';

/** The controllers that handle the endpoints of `libs/platform-api`. */
export const platformControllers = [
  PlatformSystemController,
  PlatformImagesController,
  LayersController,
  EconomicsController,
  FindController,
  TagsController,
  PlatformPullsController,
  BatchesController,
  SchedulesController,
  PlatformSearchController,
  ArchivesController,
  PlatformEventsController,
  RegistriesController,
  TokensController,
];

/** Those, and what describes them. */
export const platform = [OpenApiController, ...platformControllers];
