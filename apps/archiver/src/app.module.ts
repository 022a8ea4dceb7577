import { type DynamicModule, Module } from '@nestjs/common';
import { BuildController } from './build/build.controller.js';
import { ContainersController } from './containers/containers.controller.js';
import { HealthController } from './health.controller.js';
import { InsidesController } from './insides/insides.controller.js';
import { LoadController } from './load/load.controller.js';
import { ReceiveController } from './load/receive.controller.js';
import { type ArchiverParts, providersOf } from './providers.js';

/** What this service serves by HTTP, for catalog and for whoever runs it; other work comes from the queue. */
@Module({})
export class AppModule {
  static forParts(parts: ArchiverParts): DynamicModule {
    return {
      module: AppModule,
      providers: providersOf(parts),
      controllers: [
        HealthController,
        LoadController,
        ReceiveController,
        ContainersController,
        BuildController,
        InsidesController,
      ],
    };
  }
}
