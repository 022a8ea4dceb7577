import { type DynamicModule, Module } from '@nestjs/common';
import { ArchiveService } from './archives/archive-service.js';
import { ArchiverRelay } from './archives/archiver-relay.js';
import { BatchService } from './batches/batch-service.js';
import { ContainerService } from './containers/container-service.js';
import { AbsentController } from './docker-engine/absent.controller.js';
import { BuildController } from './docker-engine/build.controller.js';
import { ContainerFilesController } from './docker-engine/container-files.controller.js';
import { ContainersController } from './docker-engine/containers.controller.js';
import { EventsController } from './docker-engine/events.controller.js';
import { ImageRemovalController } from './docker-engine/image-removal.controller.js';
import { ImagesController } from './docker-engine/images.controller.js';
import { LoadController } from './docker-engine/load.controller.js';
import { PingController } from './docker-engine/ping.controller.js';
import { PullController } from './docker-engine/pull.controller.js';
import { RegistryController } from './docker-engine/registry.controller.js';
import { RuntimeController } from './docker-engine/runtime.controller.js';
import { SaveController } from './docker-engine/save.controller.js';
import { SearchController } from './docker-engine/search.controller.js';
import { SystemController } from './docker-engine/system.controller.js';
import { UnsupportedController } from './docker-engine/unsupported.controller.js';
import { VersionController } from './docker-engine/version.controller.js';
import { HealthController } from './health.controller.js';
import { checkHandlers } from './platform/check-handlers.js';
import { Idempotency } from './platform/idempotency.js';
import { platform, platformControllers } from './platform/platform.js';
import { type CatalogParts, providersOf } from './providers.js';
import { PullService } from './pulls/pull-service.js';
import { PullStarter } from './pulls/pull-starter.js';
import { RegistryLoginController } from './registry/registry-login.controller.js';
import { RegistrySearchController } from './registry/registry-search.controller.js';
import { SearchService } from './search/search-service.js';

const dockerEngine = [
  PingController,
  VersionController,
  SystemController,
  RegistryController,
  SearchController,
  ImagesController,
  ImageRemovalController,
  PullController,
  SaveController,
  LoadController,
  EventsController,
  ContainersController,
  BuildController,
  ContainerFilesController,
  RuntimeController,
  AbsentController,
  UnsupportedController,
];

const services = [
  Idempotency,
  PullStarter,
  PullService,
  ArchiveService,
  BatchService,
  ContainerService,
  ArchiverRelay,
  SearchService,
];

/** The whole service as Nest sees it: its parts, its logic, its controllers. */
@Module({})
export class AppModule {
  static forParts(parts: CatalogParts): DynamicModule {
    checkHandlers(platformControllers);
    return {
      module: AppModule,
      providers: [...providersOf(parts), ...services],
      controllers: [HealthController, RegistrySearchController, RegistryLoginController, ...dockerEngine, ...platform],
    };
  }
}
