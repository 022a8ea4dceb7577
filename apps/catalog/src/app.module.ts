import { type DynamicModule, Module } from '@nestjs/common';
import { PingController } from './docker-engine/ping.controller.js';
import { VersionController } from './docker-engine/version.controller.js';
import { HealthController } from './health.controller.js';
import { type CatalogParts, providersOf } from './providers.js';

/** The whole service as Nest sees it: its parts, its logic, its controllers. */
@Module({})
export class AppModule {
  static forParts(parts: CatalogParts): DynamicModule {
    return {
      module: AppModule,
      providers: [...providersOf(parts)],
      controllers: [HealthController, PingController, VersionController],
    };
  }
}
